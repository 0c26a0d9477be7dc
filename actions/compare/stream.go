package compare

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"sd/actions/stores"
	"sd/backends"
	"sd/sdpath"
)

const (
	batchSize = 256 // entries that are handed over at once
	batches   = 4   // on their way, on each side
)

// stream is one walk, read ahead of the other.
type stream struct {
	side   Side
	shown  bool // names are made such as a local file can have
	full   chan []item
	free   chan []item
	done   chan struct{}
	err    error // of the walk, once full is closed
	batch  []item
	at     int
	twins  twins
	aside  []item // the odd ones, until all others have gone
	parent parent
	enter  chan bool // answers whether a folder is entered; nil: all are
}

// start begins the walk. One that asks waits at each folder until the caller of next says by
// enter whether to go into it.
func (s Side) start(ctx context.Context, mixed, asks bool) *stream {
	w := &stream{side: s, shown: mixed && !isLocal(s.Store), full: make(chan []item, batches), free: make(chan []item, batches+2), done: make(chan struct{})}
	if asks {
		w.enter = make(chan bool, 1)
	}
	go w.walk(ctx)
	return w
}

// stop ends the walk and waits for it.
func (w *stream) stop(cancel func()) {
	cancel()
	for range w.full {
	}
	<-w.done
}

// next returns the next entry, which is the caller's until the call after, or nil at the end.
func (w *stream) next() (*item, error) {
	for w.at == len(w.batch) {
		if cap(w.batch) > 0 {
			select {
			case w.free <- w.batch[:0]:
			default:
			}
		}
		w.batch, w.at = nil, 0
		batch, ok := <-w.full
		if !ok {
			return nil, w.err
		}
		w.batch = batch
	}
	w.at++
	return &w.batch[w.at-1], nil
}

func (w *stream) walk(ctx context.Context) {
	defer close(w.done)
	defer close(w.full)
	if w.side.Missing {
		return
	}
	send := sender{ctx: ctx, to: w}
	w.twins = twins{on: w.shown, probe: func(name string) (bool, error) { return hasChildren(ctx, w.side.Store, name) }, out: send.add}
	err := w.side.Store.Walk(ctx, w.side.Dir, w.side.Walk, func(e *stores.Entry) error {
		err := w.take(e)
		if err == nil && w.enter != nil && e.Kind == stores.Dir && !Odd(w.rel(e)) {
			return w.ask(&send)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) && !send.begun && !w.side.Needed {
		err = w.confirm(ctx, err)
	}
	if err == nil {
		err = w.twins.end()
	}
	if err == nil {
		slices.SortFunc(w.aside, func(a, b item) int { return a.compare(&b) })
		for i := range w.aside {
			if err = send.put(w.aside[i]); err != nil {
				break
			}
		}
	}
	if err == nil {
		err = send.flush()
	}
	w.err = err
}

// confirm asks whether the folder itself is not there, as the error of a walk seems to say: only
// then nothing is wrong. The error may be about something in it that has gone meanwhile.
func (w *stream) confirm(ctx context.Context, err error) error {
	switch _, missing := w.side.Store.Stat(ctx, w.side.Dir); {
	case errors.Is(missing, fs.ErrNotExist):
		return nil
	case missing != nil:
		return missing
	}
	return err
}

// take is what the walk calls.
func (w *stream) take(e *stores.Entry) error {
	if Own(w.side.Store, e.Name) && !Own(w.side.Store, w.side.Dir) {
		return skip(e)
	}
	rel := w.rel(e)
	folder := e.Kind == stores.Dir
	if f := w.side.Filter; f != nil {
		if f.Excludes(rel, folder) {
			return skip(e)
		}
		if !(folder && w.side.Folders) && !f.Includes(rel, folder) && !w.parent.included(f, rel) {
			return nil
		}
	}
	return w.twins.add(item{rel: rel, odd: Odd(rel), entry: *e})
}

// rel is the name of e below the folder, as Merge gives it.
func (w *stream) rel(e *stores.Entry) string {
	rel := w.side.Store.Rel(w.side.Dir, e.Name)
	if w.shown {
		return Shown(rel)
	}
	return rel
}

// ask hands over all there is, the last of which is a folder, and waits for the answer.
func (w *stream) ask(send *sender) error {
	if err := w.twins.ask(); err != nil {
		return err
	}
	if err := send.flush(); err != nil {
		return err
	}
	select {
	case enter := <-w.enter:
		if !enter {
			return fs.SkipDir
		}
		return nil
	case <-send.ctx.Done():
		return send.ctx.Err()
	}
}

// skip leaves out an entry and, if it is a folder, what is in it.
func skip(e *stores.Entry) error {
	if e.Kind == stores.Dir {
		return fs.SkipDir
	}
	return nil
}

// Shown is the name below a local folder that a key below a folder of a volume is given: what
// Local.Join makes of it.
func Shown(rel string) string {
	return (*stores.Local)(nil).Join("/", rel)[1:]
}

// parent remembers of one folder whether an include pattern is about it or one above it: the
// files of a folder come one after the other.
type parent struct {
	dir string
	is  bool
	set bool
}

func (p *parent) included(f *Filter, rel string) bool {
	dir := rel[:max(0, strings.LastIndexByte(rel, '/'))]
	if dir == "" {
		return false
	}
	if !p.set || p.dir != dir {
		p.dir, p.is, p.set = dir, f.Takes(dir, true), true
	}
	return p.is
}

// sender hands entries over in batches.
type sender struct {
	ctx   context.Context
	to    *stream
	batch []item
	begun bool // something was there
}

// add puts the odd ones aside.
func (s *sender) add(x item) error {
	if x.odd {
		s.begun = true
		s.to.aside = append(s.to.aside, x)
		return nil
	}
	return s.put(x)
}

func (s *sender) put(x item) error {
	s.begun = true
	if s.batch == nil {
		select {
		case s.batch = <-s.to.free:
		default:
			s.batch = make([]item, 0, batchSize)
		}
	}
	s.batch = append(s.batch, x)
	if len(s.batch) < batchSize {
		return nil
	}
	return s.flush()
}

func (s *sender) flush() error {
	if len(s.batch) == 0 {
		return nil
	}
	select {
	case s.to.full <- s.batch:
		s.batch = nil
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// hasChildren tells whether something lies in a folder.
func hasChildren(ctx context.Context, st stores.Store, dir string) (bool, error) {
	found := false
	err := st.Children(ctx, dir, func(*stores.Entry) error {
		found = true
		return fs.SkipAll
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, backends.ErrNotDir) {
		return false, nil
	}
	return found, err
}

// twinOf is the shown name of a file that lies beside a folder of its name.
func twinOf(x *item) string {
	segments := sdpath.SplitKey(x.entry.Name)
	dir := x.rel[:strings.LastIndexByte(x.rel, '/')+1]
	return dir + sdpath.EscapeTwin(segments[len(segments)-1])
}
