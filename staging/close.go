package staging

import (
	"errors"
	"os"
)

// Discard says that the file was unlinked: nothing of it is uploaded any more, and an
// upload that is under way is given up. Reads and writes go on until Close.
func (f *File) Discard() {
	f.journal.Lock()
	defer f.journal.Unlock()
	f.mu.Lock()
	f.discarded = true
	c := f.commit
	if c != nil {
		c.cancel()
	}
	f.mu.Unlock()
	if c != nil {
		f.journal.Unlock()
		<-c.done
		f.journal.Lock()
	}
	f.mu.Lock()
	f.dropStream()
	f.mu.Unlock()
	f.unjournal()
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
	if err := errors.Join(l.file.Close(), os.Remove(l.path)); err != nil {
		f.store.cfg.Log.Warn("a staging file was not removed", "error", err)
	}
	f.store.budget.release(l.paid)
}

func (s *Store) forget(f *File) {
	s.mu.Lock()
	delete(s.files, f)
	s.mu.Unlock()
}
