package rclone

import (
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"
	"sync"

	"sd/backends"
)

// readers is how many folders a Walk lists at a time.
const readers = 8

// Walk lists folder by folder, a few of them ahead, and yields in key order. Folders that
// cannot hold what comes after "after" are not listed. Only a prefix that is not there is an
// error: a folder below it that goes meanwhile is empty.
func (s *store) Walk(ctx context.Context, prefix, after string, yield func([]backends.Entry) error) error {
	if err := forReading(prefix); err != nil {
		return pathError("walk", prefix, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &walk{s: s, ctx: ctx, after: after, yield: yield, slots: make(chan struct{}, readers)}
	defer w.tasks.Wait()
	defer cancel()
	if after != "" && prefix != "" && after >= prefix+"0" { // '0' comes after '/'
		_, err := s.Stat(ctx, prefix)
		return err
	}
	err := w.dir(w.ask(prefix), true)
	if err == nil {
		err = w.flush()
	}
	if w.yielded != nil {
		return w.yielded
	}
	return pathError("walk", prefix, err)
}

// walk is one Walk under way.
type walk struct {
	s       *store
	ctx     context.Context
	after   string
	yield   func([]backends.Entry) error
	slots   chan struct{}
	tasks   sync.WaitGroup
	page    []backends.Entry
	yielded error // of yield
}

// listing is a folder that is being listed.
type listing struct {
	name    string
	done    chan struct{}
	entries []backends.Entry
	err     error
}

// ask begins to list a folder, when there is room.
func (w *walk) ask(name string) *listing {
	l := &listing{name: name, done: make(chan struct{})}
	w.tasks.Go(func() {
		defer close(l.done)
		select {
		case w.slots <- struct{}{}:
			defer func() { <-w.slots }()
		case <-w.ctx.Done():
			l.err = w.ctx.Err()
			return
		}
		l.err = w.s.List(w.ctx, name, func(page []backends.Entry) error {
			l.entries = append(l.entries, page...)
			return nil
		})
		slices.SortFunc(l.entries, func(a, b backends.Entry) int { return strings.Compare(key(a), key(b)) })
	})
	return l
}

func key(e backends.Entry) string {
	if e.Kind == backends.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// dir yields what lies below a folder, which is the prefix of the walk or below it.
func (w *walk) dir(l *listing, prefix bool) error {
	select {
	case <-l.done:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	switch {
	case l.err == nil:
	case !prefix && (errors.Is(l.err, iofs.ErrNotExist) || errors.Is(l.err, backends.ErrNotDir)):
		return nil // it has gone since its parent was listed
	default:
		return l.err
	}
	ahead := map[int]*listing{}
	next := 0
	for i := range l.entries {
		e := l.entries[i]
		e.Name = join(l.name, e.Name)
		if e.Kind != backends.Dir {
			if err := w.add(e); err != nil {
				return err
			}
			continue
		}
		for ; next < len(l.entries) && len(ahead) < readers; next++ {
			if n := l.entries[next]; next >= i && n.Kind == backends.Dir && w.reaches(join(l.name, n.Name)) {
				ahead[next] = w.ask(join(l.name, n.Name))
			}
		}
		if err := w.add(e); err != nil {
			return err
		}
		if sub := ahead[i]; sub != nil {
			delete(ahead, i)
			if err := w.dir(sub, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// reaches tells whether something below dir comes after where the walk starts.
func (w *walk) reaches(dir string) bool { return w.after == "" || w.after < dir+"0" }

// add yields a file or folder, if it comes after where the walk starts.
func (w *walk) add(e backends.Entry) error {
	if w.after != "" && key(e) <= w.after {
		return nil
	}
	if w.page = append(w.page, e); len(w.page) < w.s.page {
		return nil
	}
	return w.flush()
}

func (w *walk) flush() error {
	if len(w.page) == 0 {
		return nil
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	w.yielded = w.yield(w.page)
	w.page = w.page[:0]
	return w.yielded
}
