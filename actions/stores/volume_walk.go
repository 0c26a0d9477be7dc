package stores

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"

	"sd/backends"
)

const (
	sideBySide = 8  // how many ranges of keys are listed at a time
	spanPages  = 16 // how many pages of a range are kept until they are wanted
	afterAll   = "\U0010ffff"
)

var (
	errSpanEnd = errors.New("end of the range")
	errJump    = errors.New("what follows is not wanted")
)

// span is the keys after after, up to and with upTo; "" is no bound.
type span struct{ after, upTo string }

// spans cuts all keys at the hints that are of use.
func spans(hints []string) []span {
	list := []span{{}}
	for _, h := range hints {
		last := &list[len(list)-1]
		if h > last.after {
			last.upTo = h
			list = append(list, span{after: h})
		}
	}
	return list
}

// flatWalk makes one walk of flat lists.
type flatWalk struct {
	ctx    context.Context // of the walk
	volume *Volume
	walker backends.Walker
	dir    string
	skip   atomic.Pointer[string] // keys that begin so are not wanted

	fn    func(*Entry) error
	base  string
	inner []string // the keys of the folders that the present key is in, outermost first
	last  string
	entry Entry
}

// walkFlat lists all below dir, ranges side by side, and hands it over in order. It returns what
// fn does, or what has gone wrong with the list.
func (v *Volume) walkFlat(ctx context.Context, walker backends.Walker, dir string, hints []string, fn func(*Entry) error) (yielded, failed error) {
	w := &flatWalk{ctx: ctx, volume: v, walker: walker, dir: dir, fn: fn, base: prefixOf(dir)}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	list := spans(hints)
	begun := make([]chan page, 0, len(list))
	for i := range list {
		for len(begun) < min(i+sideBySide, len(list)) {
			out := make(chan page, spanPages)
			s := list[len(begun)]
			begun = append(begun, out)
			wg.Go(func() { w.list(ctx, s, out) })
		}
		for p := range begun[i] {
			if p.err != nil {
				return nil, p.err
			}
			for j := range p.entries {
				if err := w.check(keyOf(&p.entries[j])); err != nil {
					return nil, err
				}
				if err := w.place(&p.entries[j]); err != nil {
					return err, nil
				}
			}
		}
	}
	return nil, nil
}

// prefixOf is what the keys of all that lies in a folder begin with.
func prefixOf(dir string) string {
	if dir == "" {
		return ""
	}
	return dir + "/"
}

// page is a part of a list, or what ended it.
type page struct {
	entries []backends.Entry
	err     error
}

// list sends the pages of one range.
func (w *flatWalk) list(ctx context.Context, s span, out chan<- page) {
	defer close(out)
	send := func(p page) error {
		select {
		case out <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for after := s.after; s.upTo == "" || after < s.upTo; {
		err := w.walker.Walk(ctx, w.dir, after, func(entries []backends.Entry) error {
			if skip := w.skip.Load(); skip != nil && strings.HasPrefix(keyOf(&entries[0]), *skip) && strings.HasPrefix(keyOf(&entries[len(entries)-1]), *skip) {
				after = *skip + afterAll
				return errJump
			}
			n := len(entries)
			for n > 0 && s.upTo != "" && keyOf(&entries[n-1]) > s.upTo {
				n--
			}
			if err := send(page{entries: append([]backends.Entry(nil), entries[:n]...)}); err != nil {
				return err
			}
			if n < len(entries) || s.upTo != "" && keyOf(&entries[n-1]) == s.upTo {
				return errSpanEnd
			}
			return nil
		})
		switch {
		case errors.Is(err, errJump):
			continue
		case err != nil && !errors.Is(err, errSpanEnd):
			send(page{err: err})
		}
		return
	}
}

func keyOf(e *backends.Entry) string {
	if e.Kind == backends.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// check makes sure that keys come in order.
func (w *flatWalk) check(key string) error {
	if !strings.HasPrefix(key, w.base) || w.last != "" && key <= w.last {
		return fmt.Errorf("%s lists %q after %q, which is out of order: no such list can be believed", w.volume.URI(w.dir), key, w.last)
	}
	w.last = key
	return nil
}

// place hands over one entry of the list, and before it the folders that it is the first to
// be in.
func (w *flatWalk) place(is *backends.Entry) error {
	key := keyOf(is)
	if skip := w.skip.Load(); skip != nil {
		if strings.HasPrefix(key, *skip) {
			return nil
		}
		w.skip.Store(nil)
	}
	for len(w.inner) > 0 && !strings.HasPrefix(key, w.inner[len(w.inner)-1]) {
		w.inner = w.inner[:len(w.inner)-1]
	}
	at := len(w.base)
	if n := len(w.inner); n > 0 {
		at = len(w.inner[n-1])
	}
	for {
		from := at
		if at == 0 {
			from = min(1, len(key)) // a slash in front is part of the name in the root
		}
		i := strings.IndexByte(key[from:], '/')
		if i < 0 {
			break
		}
		at = from + i + 1
		w.inner = append(w.inner, key[:at])
		own := is.Kind == backends.Dir && at == len(key)
		if own {
			w.entry = w.volume.Entry(is)
		} else {
			w.entry = Entry{Name: key[:at-1], Kind: Dir}
		}
		w.entry.Bare = !own
		err := w.fn(&w.entry)
		if err == fs.SkipDir {
			skip := key[:at]
			w.skip.Store(&skip)
			return nil
		}
		if err != nil || own {
			return err
		}
	}
	var err error
	if w.entry, err = w.volume.sized(w.ctx, is); err != nil {
		return err
	}
	return w.fn(&w.entry)
}
