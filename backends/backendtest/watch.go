package backendtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sd/backends"
)

// watching is a Watch under way.
type watching struct {
	s *store

	mu     sync.Mutex
	names  map[string]bool // told; true if below too
	more   chan struct{}   // closed with each call
	ended  chan error
	cancel context.CancelFunc
}

// watchWait is how long a change may take to be told. The poll of a store under test is short.
const watchWait = 20 * time.Second

// watch begins one, and returns once it tells of changes.
func (s *store) watch() *watching {
	s.Helper()
	ctx, cancel := context.WithCancel(s.ctx())
	w := &watching{s: s, names: map[string]bool{}, more: make(chan struct{}), ended: make(chan error, 1), cancel: cancel}
	var calls atomic.Int32
	go func() {
		w.ended <- s.Backend.(backends.Watcher).Watch(ctx, func(name string, below bool) {
			if calls.Add(1) != 1 {
				s.Error("two calls of changed at once")
			}
			w.mu.Lock()
			w.names[name] = w.names[name] || below
			close(w.more)
			w.more = make(chan struct{})
			w.mu.Unlock()
			calls.Add(-1)
		})
	}()
	s.Cleanup(cancel)
	// When it has begun only its own words can tell: changes are made until one is told.
	for deadline := time.Now().Add(watchWait); ; {
		s.putByOthers("begun", time.Now().String())
		if w.wait("begun", 500*time.Millisecond) {
			return w
		}
		if time.Now().After(deadline) {
			s.Fatal("no change is told")
		}
	}
}

func (s *store) putByOthers(name, content string) {
	s.Helper()
	r := strings.NewReader(content)
	if _, err := s.others().(backends.Putter).Put(s.ctx(), name, r, r.Size(), backends.Meta{}, backends.Cond{}); err != nil {
		s.Fatal(err)
	}
}

func (s *store) others() backends.Backend {
	if s.opts.Others != nil {
		return s.opts.Others(s, s.Backend)
	}
	return s.Backend
}

// tells whether a name was told, by itself or as something below another.
func (w *watching) tells(name string) bool {
	fold := func(name string) string { return name }
	if f, ok := w.s.Backend.(backends.CaseFolder); ok {
		fold = f.Fold
	}
	for told, below := range w.names {
		if fold(told) == fold(name) || below && (told == "" || strings.HasPrefix(fold(name), fold(told)+"/")) {
			return true
		}
	}
	return false
}

func (w *watching) wait(name string, most time.Duration) bool {
	timeout := time.After(most)
	for {
		w.mu.Lock()
		told, more := w.tells(name), w.more
		w.mu.Unlock()
		if told {
			return true
		}
		select {
		case <-more:
		case <-timeout:
			return false
		}
	}
}

// want waits until all names are told, and forgets what was told.
func (w *watching) want(what string, names ...string) {
	w.s.Helper()
	for _, name := range names {
		if !w.wait(name, watchWait) {
			w.mu.Lock()
			w.s.Errorf("%s: %q is not told, but %v", what, name, w.names)
			w.mu.Unlock()
		}
	}
	w.mu.Lock()
	clear(w.names)
	w.mu.Unlock()
}

func watches(b backends.Backend) bool {
	return offers[backends.Watcher](b) && offers[backends.Putter](b)
}

// watchTests are about what others change.
var watchTests = []test{
	{"TellsOthersChanges", watches, func(s *store) {
		s.seed("d/old", "x", "d/sub/in", "y")
		w := s.watch()
		other := s.others()
		s.putByOthers("d/new", "1")
		w.want("a file that came", "d/new")
		s.putByOthers("d/old", "changed")
		w.want("a file that changed", "d/old")
		if m, ok := other.(backends.DirMaker); ok {
			if err := m.Mkdir(s.ctx(), "d/folder"); err != nil {
				s.Fatal(err)
			}
			w.want("a folder that came", "d/folder")
		}
		if r, ok := other.(backends.Renamer); ok {
			if err := r.Rename(s.ctx(), "d/new", "d/renamed", backends.Cond{}); err != nil {
				s.Fatal(err)
			}
			w.want("a file that moved", "d/new", "d/renamed")
			if err := r.Rename(s.ctx(), "d/sub", "d/moved", backends.Cond{}); err != nil {
				s.Fatal(err)
			}
			w.want("a folder that moved", "d/sub", "d/moved")
		}
		if r, ok := other.(backends.Remover); ok {
			if err := r.Remove(s.ctx(), "d/old", backends.Cond{}); err != nil {
				s.Fatal(err)
			}
			w.want("a file that went", "d/old")
		}
	}},
	{"EndsWithItsContext", watches, func(s *store) {
		w := s.watch()
		w.cancel()
		select {
		case err := <-w.ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				s.Errorf("got %v, want nil or %v", err, context.Canceled)
			}
		case <-time.After(watchWait):
			s.Fatal("Watch goes on after its context ended")
		}
	}},
}
