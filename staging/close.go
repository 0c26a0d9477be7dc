package staging

import (
	"errors"
	"os"

	"sd/backends"
)

// Discard says that the file was unlinked: nothing of it is uploaded any more, and an
// upload that is under way is given up. Reads and writes go on until Close.
func (f *File) Discard() {
	f.mu.Lock()
	f.discarded = true
	c := f.commit
	if c != nil {
		c.cancel()
	}
	f.mu.Unlock()
	if c != nil {
		<-c.done
	}
	f.journal.Lock()
	defer f.journal.Unlock()
	f.mu.Lock()
	f.dropStream()
	f.mu.Unlock()
	f.unjournal()
}

// Retarget says that the file has another name now, at which the next commit must find
// nothing, unless Replaces says otherwise. It waits for the end of an upload that is
// under way. What the object itself needs is up to the caller: see Moved and Absorb.
func (f *File) Retarget(name string) error {
	for {
		f.mu.Lock()
		c := f.commit
		f.mu.Unlock()
		if c != nil {
			<-c.done
		}
		if done, err := f.retarget(name); done {
			return err
		}
	}
}

// retarget does nothing while an upload is under way.
func (f *File) retarget(name string) (bool, error) {
	f.journal.Lock()
	defer f.journal.Unlock()
	f.mu.Lock()
	if f.commit != nil {
		f.mu.Unlock()
		return false, nil
	}
	f.dropStream()
	old, cond := f.name, f.cond
	f.name, f.cond, f.tried = name, backends.Cond{Absent: true}, nil
	f.mu.Unlock()
	if err := f.rejournal(); err != nil {
		f.mu.Lock()
		f.name, f.cond = old, cond
		f.mu.Unlock()
		return true, f.fail("rename", err)
	}
	return true, nil
}

// Close says that the last handle is gone. What is clean or discarded, and what was
// neither acknowledged nor kept, is removed from the staging folder. What waits for
// its upload stays until then.
func (f *File) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.settle()
}

// end lets go of f at the end of the Store. What is in the journal stays on the disk.
func (f *File) end() {
	f.mu.Lock()
	noted, freed := f.ackSeq > 0, f.freed
	f.closed, f.freed = true, true
	f.mu.Unlock()
	switch {
	case freed:
	case noted:
		f.io.Lock()
		defer f.io.Unlock()
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, l := range append(f.layers, f.obsolete...) {
			l.file.Close()
		}
		f.layers = nil
	default:
		f.free()
	}
}

// free removes what f has on the disk. Nobody reads or writes it any more.
func (f *File) free() {
	f.io.Lock()
	f.mu.Lock()
	layers := f.layers
	f.layers = nil
	f.dropStream()
	f.mu.Unlock()
	f.io.Unlock()
	for _, l := range layers {
		f.drop(l)
	}
	f.store.forget(f)
}

// drop removes a layer that nobody uses.
func (f *File) drop(l *layer) {
	remove := os.Remove
	if l.paid <= inlineBytes {
		remove = f.store.spare.add
	}
	if err := errors.Join(l.file.Close(), remove(l.path)); err != nil {
		f.store.cfg.Log.Warn("a staging file was not removed", "error", err)
	}
	f.store.budget.release(l.paid)
}

func (s *Store) forget(f *File) {
	s.mu.Lock()
	delete(s.files, f)
	s.mu.Unlock()
}
