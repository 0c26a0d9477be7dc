package stores

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"sd/backends"
	"sd/identity"
	"sd/library/catalog"
)

const (
	factsAtOnce = 256 // how many names are looked up in the facts by one query
	asksAtOnce  = 16  // how many objects are asked for at the same time
)

// Know adds to the entries of a list, which lie in st, what the library knows of those very
// versions: the BLAKE3, and of objects the time, mode, owner and link target that they carry.
// It makes no request, unless ask is set: then each object of which nothing is known is asked
// for, and the answer is remembered. Long lists in the order of keys are quickest. An error
// leaves some entries as they were.
func (s *Set) Know(ctx context.Context, st Store, list []Entry, ask bool) error {
	switch st := st.(type) {
	case *Local:
		return s.prove(ctx, st.place(), names(list, localDir))
	case *Volume:
		all := names(list, splitKey)
		if err := s.recall(ctx, st, all); err != nil {
			return err
		}
		if err := s.prove(ctx, st.place(), all); err != nil || !ask {
			return err
		}
		return s.ask(ctx, st, list)
	}
	return nil
}

// named is an entry by the folder that it is in.
type named struct {
	dir, base string
	e         *Entry
}

// names orders the entries by folder and name.
func names(list []Entry, split func(string) (dir, base string)) []named {
	all := make([]named, len(list))
	for i := range list {
		dir, base := split(list[i].Name)
		all[i] = named{dir, base, &list[i]}
	}
	slices.SortStableFunc(all, func(a, b named) int {
		if a.dir != b.dir {
			return strings.Compare(a.dir, b.dir)
		}
		return cmp.Compare(a.base, b.base)
	})
	return all
}

// localDir splits an absolute path as the catalog has it.
func localDir(name string) (dir, base string) { return catalog.Split(strings.TrimPrefix(name, "/")) }

// folders yields those of a list that lie in one folder, as long as they are in order.
func folders(all []named, yield func([]named) bool) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].dir == all[0].dir {
			n++
		}
		if !yield(all[:n]) {
			return
		}
		all = all[n:]
	}
}

// fact is what the library remembers of an object, as the mount writes it.
type fact struct {
	Meta backends.Meta
	// Pending: the object at the provider does not carry it yet.
	Pending bool `json:",omitempty"`
}

// recall takes over the facts of objects and folders.
func (s *Set) recall(ctx context.Context, v *Volume, all []named) (err error) {
	for group := range func(yield func([]named) bool) { folders(all, yield) } {
		for part := range slices.Chunk(group, factsAtOnce) {
			rest := part
			if err = s.lib.EachFact(ctx, v.Key(), part[0].dir, part[0].base, part[len(part)-1].base, func(name, version string, data []byte) {
				for len(rest) > 0 && rest[0].base < name {
					rest = rest[1:]
				}
				for i := 0; i < len(rest) && rest[i].base == name; i++ {
					var f fact
					if e := rest[i].e; e.Version == version && json.Unmarshal(data, &f) == nil {
						e.carry(&f.Meta)
					}
				}
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// prove takes over the BLAKE3 of files from the catalog.
func (s *Set) prove(ctx context.Context, place catalog.Place, all []named) error {
	all = slices.DeleteFunc(all, func(n named) bool { return n.e.Kind != File || n.e.Size == 0 || n.e.Proven })
	if len(all) == 0 {
		return nil
	}
	return s.lib.Catalog().View(ctx, func(v *catalog.View) error {
		if _, found, err := v.Find(place, ""); err != nil || !found {
			return err
		}
		for group := range func(yield func([]named) bool) { folders(all, yield) } {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, found, err := v.Find(place, group[0].dir)
			if err == nil && found {
				err = proveIn(v, f.ID, group)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// errEnough ends a query whose further rows nobody wants.
var errEnough = errors.New("enough")

// proveIn reads the rows of one folder, and leaps where many lie between those that are wanted.
func proveIn(v *catalog.View, folder catalog.FolderID, rest []named) error {
	for len(rest) > 0 {
		limit, rows := 2*len(rest)+8, 0
		last := rest[0].base
		err := v.EachSum(folder, rest[0].base, limit, func(f *catalog.File, sum identity.Sum) error {
			rows++
			for len(rest) > 0 && rest[0].base < f.Name {
				rest = rest[1:]
			}
			if len(rest) == 0 {
				return errEnough
			}
			for i := 0; i < len(rest) && rest[i].base == f.Name; i++ {
				rest[i].e.prove(f, sum)
			}
			last = f.Name
			return nil
		})
		if errors.Is(err, errEnough) || err == nil && rows < limit {
			return nil
		}
		if err != nil {
			return err
		}
		for len(rest) > 0 && rest[0].base <= last {
			rest = rest[1:]
		}
	}
	return nil
}

// prove takes over what the catalog has proven, if that is about this version.
func (e *Entry) prove(f *catalog.File, sum identity.Sum) {
	same := f.Version == e.Version
	if e.Inode != 0 {
		same = f.ModTime == e.ModTime.UnixNano() && f.Version == identity.LocalVersion(e.Changed, e.Inode)
	}
	if same && f.Size == e.Size && f.Type == catalog.Regular && f.Proof.Proven() {
		e.Sum, e.Proven = sum, true
	}
}

// ask has the store describe the objects of which nothing is known.
func (s *Set) ask(ctx context.Context, v *Volume, list []Entry) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	free := make(chan struct{}, asksAtOnce)
	for i := range list {
		e := &list[i]
		if e.Kind != File || e.Proven || e.Meta != nil {
			continue
		}
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-free }()
			if err := v.ask(ctx, e); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}
