package mem

import (
	"context"
)

// change is one call of what Watch was given.
type change struct {
	name  string
	below bool
}

// watch is one Watch under way. Store.mu guards it.
type watch struct {
	waiting []change
	more    chan struct{} // holds a token while something is waiting
}

// Watch tells every change, also those made through this store, as soon as it was made, and
// what Emit is called with. The Before hook sees a WATCH before each call of changed, and an
// error from it ends the Watch. Calls of changed hold no lock.
func (s *Store) Watch(ctx context.Context, changed func(name string, below bool)) error {
	w := &watch{more: make(chan struct{}, 1)}
	s.mu.Lock()
	s.watches[w] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.watches, w)
		s.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return s.fail("watch", "", ctx.Err())
		case <-w.more:
		}
		if err := s.begin(ctx, "WATCH", ""); err != nil {
			return s.fail("watch", "", err)
		}
		s.mu.Lock()
		waiting := w.waiting
		w.waiting = nil
		s.mu.Unlock()
		for _, c := range waiting {
			changed(c.name, c.below)
		}
	}
}

// Watches tells how many Watches are under way.
func (s *Store) Watches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watches)
}

// Emit tells the Watches of a change that needs not have happened.
func (s *Store) Emit(name string, below bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emit(name, below)
}

// emit needs s.mu.
func (s *Store) emit(name string, below bool) {
	for w := range s.watches {
		w.waiting = append(w.waiting, change{name, below})
		select {
		case w.more <- struct{}{}:
		default:
		}
	}
}
