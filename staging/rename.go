package staging

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"sd/backends"
)

// Rename gives a file of which the store has nothing another name, at which the next
// commit must find what replaces says. With over, the file that is staged for that
// name, it is to replace what that one would have, which is discarded. It waits for
// the end of uploads that are under way. False says that the store has the file, under
// its old name: then nothing has happened, and the caller has to rename it there.
//
// Whatever moment the process dies at, the next one finds over or f at the name.
func (f *File) Rename(ctx context.Context, name string, replaces backends.Cond, over *File) (bool, error) {
	release, err := f.quiet(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if over != nil {
		release, err := over.quiet(ctx)
		if err != nil {
			return false, err
		}
		defer release()
		over.mu.Lock()
		if !over.discarded {
			replaces = over.cond
		}
		over.mu.Unlock()
	}
	f.mu.Lock()
	if f.committed {
		f.mu.Unlock()
		return false, nil
	}
	f.dropStream()
	old, cond, tried := f.name, f.cond, f.tried
	f.name, f.cond, f.tried = name, replaces, nil
	f.mu.Unlock()
	if err := f.rejournal(); err != nil {
		f.mu.Lock()
		f.name, f.cond, f.tried = old, cond, tried
		f.mu.Unlock()
		return false, f.fail("rename", err)
	}
	if over != nil {
		over.mu.Lock()
		over.discarded = true
		over.dropStream()
		over.mu.Unlock()
		over.unjournal()
	}
	return true, nil
}

// Hold waits for the end of an upload that is under way, and keeps another from
// beginning until the caller, who is about to remove the object from the store, says
// whether that is done: then the file is discarded.
func (f *File) Hold(ctx context.Context) (done func(removed bool), err error) {
	release, err := f.quiet(ctx)
	if err != nil {
		return nil, err
	}
	return func(removed bool) {
		if removed {
			f.mu.Lock()
			f.discarded = true
			f.dropStream()
			f.mu.Unlock()
			f.unjournal()
		}
		release()
	}, nil
}

// Cond is what the next commit must find at the name.
func (f *File) Cond() backends.Cond {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cond
}

// quiet holds journal, without which no commit begins, at a moment when none is under
// way. release gives it back.
func (f *File) quiet(ctx context.Context) (release func(), err error) {
	for {
		f.mu.Lock()
		c := f.commit
		f.mu.Unlock()
		if c != nil {
			select {
			case <-c.done:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		f.journal.Lock()
		f.mu.Lock()
		busy := f.commit != nil
		f.mu.Unlock()
		if !busy {
			return f.journal.Unlock, nil
		}
		f.journal.Unlock()
	}
}

// supersede drops the older of two records of one name: their process died while the
// newer one was replacing it. It is used before the Store works.
func (s *Store) supersede() {
	type place struct{ volume, name string }
	newest := map[place]*File{}
	for _, f := range slices.Collect(maps.Keys(s.files)) {
		at := place{f.volume, f.name}
		old, twice := newest[at]
		if !twice {
			newest[at] = f
			continue
		}
		if recordTime(old).After(recordTime(f)) {
			old, f = f, old
		}
		newest[at] = f
		s.recovered = slices.DeleteFunc(s.recovered, func(f *File) bool { return f == old })
		old.discarded = true
		old.unjournal()
		old.settle()
	}
}

func recordTime(f *File) time.Time {
	info, err := os.Stat(f.record)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
