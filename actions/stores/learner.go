package stores

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

const (
	lessonsAtOnce = 4096 // how many are written in one transaction
	lessonsWait   = 250 * time.Millisecond
	locationsLife = 5 * time.Second // how long it is believed which folders are indexed
)

// lesson is something for the catalog: a file is there, or gone.
type lesson struct {
	place catalog.Place
	dir   string
	file  catalog.File
	sum   identity.Sum // none: not known
	gone  bool
	there bool // it was there before: what the catalog has is right, or is for a scan to set right
}

// learner writes lessons behind the backs of those who have them. Folders that the catalog
// does not have are left to the next scan.
type learner struct {
	lib *library.Library

	mu        sync.Mutex // guards what follows
	list      []lesson
	busy      bool          // a goroutine is to write
	hurry     chan struct{} // closed when it shall not wait for more
	room      sync.Cond
	err       error
	locations []library.Location
	looked    time.Time
}

func newLearner(lib *library.Library) *learner {
	l := &learner{lib: lib}
	l.room.L = &l.mu
	return l
}

// note takes a lesson, if its folder is indexed. It waits only if very many are not written yet.
func (l *learner) note(is lesson) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.indexed(is.place, is.dir) {
		return
	}
	for len(l.list) >= 4*lessonsAtOnce {
		l.room.Wait()
	}
	l.list = append(l.list, is)
	if !l.busy {
		l.busy, l.hurry = true, make(chan struct{})
		go l.run(l.hurry)
	}
}

// indexed tells whether a folder is part of a location.
func (l *learner) indexed(place catalog.Place, dir string) bool {
	if now := time.Now(); now.Sub(l.looked) > locationsLife {
		list, err := l.lib.Locations(context.Background())
		if err != nil {
			return false
		}
		l.locations, l.looked = list, now
	}
	return slices.ContainsFunc(l.locations, func(loc library.Location) bool { return loc.Holds(place, dir) })
}

// run writes until nothing is left. Lessons wait a moment for others.
func (l *learner) run(hurry <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.list) > 0 {
		l.mu.Unlock()
		select {
		case <-time.After(lessonsWait):
		case <-hurry:
		}
		l.mu.Lock()
		l.write()
	}
	l.busy = false
	l.room.Broadcast()
}

// write writes what there is. It unlocks l meanwhile.
func (l *learner) write() {
	list := l.list
	l.list = nil
	l.mu.Unlock()
	var err error
	for part := range slices.Chunk(list, lessonsAtOnce) {
		err = errors.Join(err, teach(l.lib.Catalog(), part))
	}
	l.mu.Lock()
	l.err = errors.Join(l.err, err)
	l.room.Broadcast()
}

// flush waits until all is written.
func (l *learner) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.busy {
		if l.hurry != nil {
			close(l.hurry)
			l.hurry = nil
		}
		l.room.Wait()
	}
	err := l.err
	l.err = nil
	return err
}

// teach writes what the catalog has folders for.
func teach(c *catalog.Catalog, list []lesson) error {
	slices.SortStableFunc(list, func(a, b lesson) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.dir, b.dir), cmp.Compare(a.file.Name, b.file.Name))
	})
	ctx := context.Background()
	err := c.View(ctx, func(v *catalog.View) (err error) {
		list, err = known(list, v.Find)
		return err
	})
	if err != nil || len(list) == 0 {
		return err
	}
	return c.Update(ctx, func(tx *catalog.Tx) error {
		for len(list) > 0 {
			n := sameFolder(list)
			f, found, err := tx.Find(list[0].place, list[0].dir)
			if err == nil && found {
				err = teachFolder(tx, f.ID, list[:n])
			}
			if err != nil {
				return err
			}
			list = list[n:]
		}
		return nil
	})
}

// sameFolder returns how many lessons at the head of list are about one folder.
func sameFolder(list []lesson) int {
	n := 1
	for n < len(list) && list[n].place == list[0].place && list[n].dir == list[0].dir {
		n++
	}
	return n
}

// known returns the lessons about folders that find finds.
func known(list []lesson, find func(catalog.Place, string) (catalog.Folder, bool, error)) (kept []lesson, err error) {
	for len(list) > 0 {
		n := sameFolder(list)
		_, found, err := find(list[0].place, list[0].dir)
		if err != nil {
			return nil, err
		}
		if found {
			kept = append(kept, list[:n]...)
		}
		list = list[n:]
	}
	return kept, nil
}

// teachFolder writes the lessons about one folder, which are in the order of names; the last about
// a name holds.
func teachFolder(tx *catalog.Tx, folder catalog.FolderID, list []lesson) error {
	var put []catalog.File
	var proven []lesson
	for i, l := range list {
		if i+1 < len(list) && list[i+1].file.Name == l.file.Name {
			continue
		}
		old, found, err := tx.File(folder, l.file.Name)
		if err != nil {
			return err
		}
		if l.gone {
			if found {
				err = tx.DropFile(folder, l.file.Name)
			}
			if err != nil {
				return err
			}
			continue
		}
		same := found && l.is(&old)
		switch {
		case same:
			l.file = old
		case l.there:
			continue
		default:
			put = append(put, l.file)
		}
		if l.sum != (identity.Sum{}) && l.file.Size > 0 && l.file.Type == catalog.Regular && !(same && old.Proof.Proven()) {
			proven = append(proven, l)
		}
	}
	if err := tx.PutFiles(folder, put); err != nil {
		return err
	}
	for _, l := range proven {
		if _, err := tx.Identify(folder, l.file.Name, l.file.FileVersion(), l.sum, 0, catalog.Passed); err != nil {
			return err
		}
	}
	return nil
}

// is tells whether the catalog has that version already. Of an object the time does not count.
func (l *lesson) is(old *catalog.File) bool {
	was, is := old.FileVersion(), l.file.FileVersion()
	if !l.place.Local() {
		was.ModTime, is.ModTime = 0, 0
	}
	return old.Type == l.file.Type && was == is
}
