package staging

import (
	"context"
	"errors"
	iofs "io/fs"
	"maps"
	"path/filepath"
	"slices"
	"syscall"

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
	if f.committed || !f.cond.Absent || len(f.tried) > 0 {
		f.mu.Unlock()
		return false, nil
	}
	f.dropStream()
	old, cond, tried, was, attempts, reason := f.name, f.cond, f.tried, f.over, f.attempts, f.reason
	f.name, f.cond, f.tried, f.attempts, f.reason = name, replaces, nil, 0, nil // the new name is in no doubt
	first := false
	if over != nil {
		over.mu.Lock()
		if over.record != "" {
			f.over, first = filepath.Base(over.record), f.ackSeq == 0
		}
		over.mu.Unlock()
	}
	f.mu.Unlock()
	note := f.rejournal
	if first { // what was acknowledged goes only when what replaces it is safe
		note = f.note
	}
	if err := note(); err != nil {
		f.mu.Lock()
		f.name, f.cond, f.tried, f.over, f.attempts, f.reason = old, cond, tried, was, attempts, reason
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
	if attempts > 0 {
		f.store.hurry(f)
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

// supersede drops records that another one says it replaces: their process died in the
// midst of that. It is used before the Store works.
func (s *Store) supersede() {
	replaced := map[string]bool{}
	for f := range s.files {
		replaced[f.over] = f.over != ""
	}
	for _, f := range slices.Collect(maps.Keys(s.files)) {
		if !replaced[filepath.Base(f.record)] {
			continue
		}
		s.recovered = slices.DeleteFunc(s.recovered, func(other *File) bool { return other == f })
		f.discarded = true
		f.unjournal()
		f.settle()
	}
}

// Tried tells whether the store may have something of what is staged, without that
// being known.
func (f *File) Tried() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.tried) > 0
}

// Lost tells whether nothing is uploaded any more because somebody else was first.
func (f *File) Lost() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost != nil && f.seq > f.doneSeq
}

// isBadName tells whether err says that the store holds nothing of such a name.
func isBadName(err error) bool {
	for _, kind := range []error{iofs.ErrInvalid, syscall.EINVAL, syscall.EILSEQ, syscall.ENAMETOOLONG} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
