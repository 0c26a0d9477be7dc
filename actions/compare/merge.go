package compare

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"strings"

	"sd/actions/stores"
)

// Side is one of two trees: a folder of a store.
type Side struct {
	Store  stores.Store
	Dir    string
	Walk   stores.WalkOptions
	Filter *Filter // what it leaves out is not there, on this side
	// Missing: the folder is known not to be there, so nothing is asked.
	Missing bool
	// Needed: that the folder is not there is an error, as of what is to be copied.
	Needed bool
	// Folders: folders that no include pattern is about are given as well, for what may be in
	// them.
	Folders bool
}

// Merge walks two trees at the same time and calls fn once for each name: with both entries, or
// with nil for the side that has none. They are fn's during the call. Fn is called in this
// goroutine; its first error ends Merge and is returned as it is, but for fs.SkipAll, which
// only ends it. A folder that is not there is empty, unless it is Needed; a walk that finds
// something else missing is an error.
//
// Rel is the name below both folders: Store.Join gives the name on the side that has none
// yet. Between a volume and a local folder it is the name that a local file can have; there a
// file beside a folder of its own name, which only a volume holds, is given as
// sdpath.EscapeTwin, the entry's Name tells what it really is.
//
// Names come in the order of keys (stores.Store.Walk), those that are escaped (Odd) after all
// others, as Before says. A file on the one and a folder of that name on the other side are two
// calls, for they have different keys. What sd keeps for itself (Own) is left out.
func Merge(ctx context.Context, a, b Side, fn func(rel string, x, y *stores.Entry) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	left, right := a.start(ctx, mixed(a, b), false), b.start(ctx, mixed(a, b), false)
	defer left.stop(cancel)
	defer right.stop(cancel)
	return unlessAll(merge(left, right, fn))
}

func mixed(a, b Side) bool { return isLocal(a.Store) != isLocal(b.Store) }

// unlessAll drops the error by which a caller ends a walk.
func unlessAll(err error) error {
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

func isLocal(st stores.Store) bool {
	_, ok := st.(*stores.Local)
	return ok
}

func merge(a, b *stream, fn func(rel string, x, y *stores.Entry) error) error {
	x, err := a.next()
	if err != nil {
		return err
	}
	y, err := b.next()
	if err != nil {
		return err
	}
	for x != nil || y != nil {
		order := compareItems(x, y)
		switch {
		case order < 0:
			err = fn(x.rel, &x.entry, nil)
		case order > 0:
			err = fn(y.rel, nil, &y.entry)
		default:
			err = fn(x.rel, &x.entry, &y.entry)
		}
		if err != nil {
			return err
		}
		if order <= 0 {
			if x, err = a.next(); err != nil {
				return err
			}
		}
		if order >= 0 {
			if y, err = b.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareItems takes the end of a walk, nil, to come after all.
func compareItems(x, y *item) int {
	switch {
	case y == nil:
		return -1
	case x == nil:
		return 1
	}
	return x.compare(y)
}

// item is one entry on its way through a Merge.
type item struct {
	rel   string
	odd   bool
	entry stores.Entry
}

func (x *item) folder() bool { return x.entry.Kind == stores.Dir }

func (x *item) compare(y *item) int {
	if x.odd != y.odd {
		if y.odd {
			return -1
		}
		return 1
	}
	return compareKeys(x.rel, x.folder(), y.rel, y.folder())
}

// compareKeys compares two names in the order of Walk, without putting a slash behind them.
func compareKeys(a string, aDir bool, b string, bDir bool) int {
	n := min(len(a), len(b))
	if c := strings.Compare(a[:n], b[:n]); c != 0 {
		return c
	}
	if c := cmp.Compare(at(a, aDir, n), at(b, bDir, n)); c != 0 {
		return c
	}
	return cmp.Compare(keyLen(a, aDir), keyLen(b, bDir))
}

func keyLen(name string, dir bool) int {
	if dir {
		return len(name) + 1
	}
	return len(name)
}

// at is the byte of a key at the place where a shorter one ends, and above 0 for one that does
// not end there.
func at(name string, dir bool, n int) uint16 {
	switch {
	case n < len(name):
		return uint16(name[n]) + 1
	case dir:
		return '/' + 1
	}
	return 0
}

// Odd tells whether Merge gives rel after all names that are not: some segment looks like an
// escape.
func Odd(rel string) bool {
	return strings.HasPrefix(rel, "%%") || strings.Contains(rel, "/%%")
}

// Before tells whether Merge gives the name a before b; the flags say which are folders.
func Before(a string, aDir bool, b string, bDir bool) bool {
	if x, y := Odd(a), Odd(b); x != y {
		return y
	}
	return compareKeys(a, aDir, b, bDir) < 0
}

// TrashDir is the folder at the top of a volume in which sd keeps what was removed there.
const TrashDir = ".sd-trash"

// Own tells whether a name is one that sd uses for itself, so that it is no file of the user: the
// trash of a volume, or a local file that is not yet complete.
func Own(st stores.Store, name string) bool {
	if !strings.Contains(name, ".sd-") {
		return false
	}
	if !isLocal(st) {
		return name == TrashDir || strings.HasPrefix(name, TrashDir+"/")
	}
	base := name[strings.LastIndexByte(name, '/')+1:]
	return strings.HasPrefix(base, ".sd-") && strings.HasSuffix(base, ".part")
}
