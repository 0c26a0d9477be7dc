package cache

import (
	"strings"

	"sd/backends"
)

// order is how the sub-directories of one directory were opened of late.
type order struct {
	last string // the furthest in the listing
	run  int    // how many one after another, roughly
	rest int64  // no flat lists until then (Unix, ns): they failed
}

const (
	runBegins = 3     // directories in order before others are taken to follow
	runGap    = 16    // between two of a run, in sub-directories: several readers share it
	runLook   = 65536 // entries looked at between two
)

// follower is a directory as an entry of its parent's listing.
type follower struct {
	parent *directory
	l      *listing
	i      int  // the index in l
	run    bool // it was opened after others, in their order
}

// inOrder notes that dir is opened and tells what is known of its place among those
// beside it: nothing (nil) unless its parent's listing has it. m.mu is held.
func (m *Names) inOrder(dir DirKey) *follower {
	up, name, ok := splitName(dir.Dir)
	if !ok {
		return nil
	}
	d := m.dirs[DirKey{dir.Volume, up}]
	if d == nil {
		return nil
	}
	for _, l := range [...]*listing{d.coming, d.shown} {
		if l == nil {
			continue
		}
		if i, ok := l.place(name); ok && l.at(int(i)).kind == backends.Dir {
			return &follower{d, l, int(i), d.order.step(l, name, int(i))}
		}
	}
	return nil
}

// step notes that the sub-directory at index i was opened, and tells whether that goes
// on with a run. One that begins at the first sub-directory counts for more.
func (o *order) step(l *listing, name string, i int) bool {
	last, known := l.place(o.last)
	switch near := known && l.dirsBetween(int(last), i, runGap) < runGap; {
	case o.run > 0 && o.last == name:
	case o.run > 0 && near:
		o.run++
		if i > int(last) {
			o.last = strings.Clone(name)
		}
	default:
		o.last, o.run = strings.Clone(name), 1
		if l.base == 0 && l.dirsBetween(-1, i, 1) == 0 {
			o.run = runBegins - 1
		}
	}
	return o.run >= runBegins
}

// dirsBetween counts the directories between two indexes, up to most; it says most
// where they are too far from each other.
func (l *listing) dirsBetween(a, b, most int) (n int) {
	a, b = min(a, b), max(a, b)
	if b-a > runLook {
		return most
	}
	for i := max(a+1, l.base); i < b && n < most; i++ {
		if l.at(i).kind == backends.Dir {
			n++
		}
	}
	return n
}

// splitName splits the whole name of an entry into its directory's and its own. A name
// that begins with a slash has no directory for that; false is the root.
func splitName(whole string) (dir, name string, ok bool) {
	if whole == "" {
		return "", "", false
	}
	if i := strings.LastIndexByte(whole[1:], '/'); i >= 0 {
		return whole[:i+1], whole[i+2:], true
	}
	return "", whole, true
}

// nextDir gives the name of the next directory on the way from dir (or the root) down
// to what is called whole; false if that lies in dir itself.
func nextDir(dir, whole string) (string, bool) {
	from := len(prefixOf(dir))
	if dir == "" {
		from = 1 // a name may begin with a slash
	}
	if from > len(whole) {
		return "", false
	}
	i := strings.IndexByte(whole[from:], '/')
	if i < 0 {
		return "", false
	}
	return whole[:from+i], true
}
