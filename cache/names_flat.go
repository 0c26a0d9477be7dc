package cache

import (
	"context"
	"errors"
	"io/fs"
	"sort"
	"strings"
	"time"

	"sd/backends"
)

// flat is one flat list of a walk. It makes listings of the directories that it comes
// by. All but what belongs to its goroutine is guarded by Names.mu.
type flat struct {
	w      *walk
	ctx    context.Context
	cancel context.CancelFunc
	asked  chan struct{} // gets a token when there is a reason to look again

	begun   int64    // of the first request whose entries it keeps (Unix, ns)
	keys    []string // the claim, in order
	key     int      // the one that it is at
	at      string   // the last key that was put into its place
	stopped bool
	pages   int // of the present list
	asking  time.Time

	promised map[string]*Fill    // by directory: begun for a reader, who waits for it
	changes  map[string][]change // by directory, since begun; a nil one says: leave it alone
	noted    int

	stack []level // from the sub-directory of the base down to where it is; changed by its goroutine only

	// Of its goroutine.
	last string // the key being put into its place
	jump string // go on after this key; "" means end
}

// change is something known of a directory since a time (Unix, ns).
type change func(l *listing, now int64)

// level is a directory that a flat list is in.
type level struct {
	name    string
	fill    *Fill            // nil: it is left alone
	pending []backends.Entry // of the goroutine
}

// maxNoted bounds the changes that a flat list remembers.
const maxNoted = 4096

// idleFlat is how long a flat list waits for a reader before it ends.
const idleFlat = 5 * time.Second

var errEnough = errors.New("the flat list is far enough")

func newFlat(w *walk, keys []string) *flat {
	f := &flat{
		w: w, keys: keys, asked: make(chan struct{}, 1), begun: w.m.cfg.Now().UnixNano(), asking: time.Now(),
		promised: make(map[string]*Fill), changes: make(map[string][]change),
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// run is the goroutine.
func (f *flat) run() {
	defer f.cancel()
	m := f.w.m
	for from := f.keys[0]; from != ""; from = f.jump {
		f.jump = ""
		err := f.w.source.Walk(f.ctx, f.w.base.Dir, max(rightBefore(from), f.last), f.page)
		if err == nil { // the end of all
			f.leave("", true)
		} else {
			f.leave("", false)
		}
		m.mu.Lock()
		f.pages, f.asking = 0, time.Now()
		if err != nil && !errors.Is(err, errEnough) {
			f.stopped = true
			if !m.closed && f.ctx.Err() == nil {
				f.w.fail() // the others would not fare better
			}
		}
		if f.stopped {
			f.jump = ""
		}
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f.stopped = true
	for _, fill := range f.promised {
		f.hand(fill)
	}
	f.w.forgetFlat(f)
	f.w.advance()
}

// rightBefore gives a key that comes right before that of a sub-directory: a file without a
// name in there has the same.
func rightBefore(key string) string { return strings.TrimSuffix(key, "/") + ".\U0010FFFF" }

// page takes in a page of Walk.
func (f *flat) page(entries []backends.Entry) error {
	if err := f.arrived(); err != nil {
		return err
	}
	own := 0 // files of the base itself
	for i := range entries {
		e := &entries[i]
		key := e.Name
		if e.Kind == backends.Dir {
			key += "/"
		}
		more, err := f.move(key)
		if err != nil {
			return err
		}
		if !more {
			f.leave("", true)
			return errEnough
		}
		if !f.place(e) {
			own++
		}
	}
	for i := range f.stack {
		f.flush(&f.stack[i])
	}
	if len(f.stack) == 0 && own > len(entries)/2 {
		return f.skip() // to the next sub-directory, past the files before it
	}
	return f.pace()
}

// arrived notes that a page is there.
func (f *flat) arrived() error {
	m := f.w.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.pages++; f.pages == 1 {
		f.w.replied(time.Since(f.asking))
	}
	if m.closed {
		return fs.ErrClosed
	}
	if f.stopped {
		return errEnough
	}
	return nil
}

// move notes the next key. False means that it lies behind the claim, and that
// there is no other claim to go on with.
func (f *flat) move(key string) (bool, error) {
	m := f.w.m
	if key <= f.last {
		return false, errors.New("a flat list out of order")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f.at, f.last = f.last, key
	f.w.entries++
	for f.key+1 < len(f.keys) && key >= f.keys[f.key+1] {
		f.key++
		f.w.dirs++
	}
	if key < f.end() {
		return true, nil
	}
	f.w.dirs++
	f.kept()
	// The next claim follows on this one: no need to ask anew.
	w := f.w
	if w.ended || f.keys[len(f.keys)-1] != w.last || len(w.returned) > 0 || w.stock >= w.room() || f.aged(8) {
		return false, nil
	}
	keys := w.claim()
	if len(keys) == 0 {
		return false, nil
	}
	f.keys, f.key = keys, 0
	return key < f.end(), nil
}

// end is the key after all of the claim.
func (f *flat) end() string { return afterAll(f.keys[len(f.keys)-1]) }

// aged tells whether the list began more than a part of the TTL ago.
func (f *flat) aged(part time.Duration) bool {
	return f.w.m.cfg.Now().UnixNano()-f.begun > int64(f.w.m.cfg.TTL/part)
}

// place puts e into the folder it lies in, and enters those on the way. It is false for
// a file of the base itself.
func (f *flat) place(e *backends.Entry) bool {
	dir, name, _ := splitName(e.Name)
	f.leave(e.Name, true)
	for top := f.top(); ; top = f.top() {
		down, deeper := nextDir(top, e.Name)
		if !deeper {
			break
		}
		_, base, _ := splitName(down)
		f.enter(down, backends.Entry{Name: base, Kind: backends.Dir})
	}
	own := *e
	own.Name = name
	switch {
	case e.Kind == backends.Dir:
		f.enter(e.Name, own)
	case dir == f.w.base.Dir:
		return false
	default:
		t := &f.stack[len(f.stack)-1]
		t.pending = append(t.pending, own)
	}
	return true
}

func (f *flat) top() string {
	if len(f.stack) == 0 {
		return f.w.base.Dir
	}
	return f.stack[len(f.stack)-1].name
}

// enter goes down into a folder, which is e in the one above.
func (f *flat) enter(name string, e backends.Entry) {
	n := len(f.stack)
	if n > 0 {
		f.stack[n-1].pending = append(f.stack[n-1].pending, e)
	}
	f.w.m.mu.Lock()
	defer f.w.m.mu.Unlock()
	if n < cap(f.stack) { // with the memory of one that was there before
		f.stack = f.stack[:n+1]
	} else {
		f.stack = append(f.stack, level{})
	}
	t := &f.stack[n]
	t.name, t.fill, t.pending = name, f.open(name), t.pending[:0]
}

// leave leaves the folders that a name does not lie in, all for "". They are complete,
// or were broken off.
func (f *flat) leave(name string, complete bool) {
	for n := len(f.stack); n > 0; n-- {
		t := &f.stack[n-1]
		if n := len(t.name); len(name) > n && name[n] == '/' && name[:n] == t.name {
			return
		}
		if complete {
			f.flush(t)
		}
		f.w.m.mu.Lock()
		switch {
		case t.fill == nil:
		case complete:
			t.fill.end(nil)
		default:
			f.hand(t.fill)
		}
		t.fill = nil
		f.stack = f.stack[:n-1]
		f.w.m.mu.Unlock()
	}
}

// flush adds what is pending to the listing of t.
func (f *flat) flush(t *level) {
	page := t.pending
	t.pending = t.pending[:0]
	m := f.w.m
	m.mu.Lock()
	wanted := t.fill != nil
	m.mu.Unlock()
	if len(page) == 0 || !wanted {
		return
	}
	if f.w.source.Show != nil {
		if page = f.w.source.Show(t.name, page); len(page) == 0 {
			return
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.fill == nil || t.fill.l.over {
		return
	}
	l := t.fill.l
	m.account(l, func() { l.add(page, m.cfg.Now().UnixNano()) })
	f.w.filled(l, len(page))
	l.tell()
	m.trim()
}

// skip goes on at the next sub-directory of the claim.
func (f *flat) skip() error {
	m := f.w.m
	m.mu.Lock()
	defer m.mu.Unlock()
	f.at = f.last
	i := sort.SearchStrings(f.keys, f.at)
	if i < len(f.keys) && f.keys[i] == f.at {
		i++
	}
	if i < len(f.keys) {
		f.jump, f.key = f.keys[i], i
		if f.aged(8) {
			f.renew()
		}
	}
	return errEnough
}

// renew has the list count as begun now. Nothing is kept of what it told.
func (f *flat) renew() {
	f.begun, f.noted = f.w.m.cfg.Now().UnixNano(), 0
	clear(f.changes)
}

// pace waits until the next page is wanted.
func (f *flat) pace() error {
	m := f.w.m
	m.mu.Lock()
	f.at = f.last
	f.kept()
	if f.stuck() {
		m.mu.Unlock()
		f.leave("", false)
		return f.skip()
	}
	defer m.mu.Unlock()
	f.share()
	idle := time.NewTimer(idleFlat)
	defer idle.Stop()
	for {
		switch {
		case m.closed:
			return fs.ErrClosed
		case f.stopped:
			return errEnough
		case f.aged(2):
			f.stopped = true
			f.w.giveBack(f.keys[f.key+1:]) // not the present one: it takes too long
			return errEnough
		case f.wanted():
			return nil
		}
		m.mu.Unlock()
		late := false
		select {
		case <-f.asked:
		case <-m.done:
		case <-idle.C:
			late = true
		}
		m.mu.Lock()
		if late && !f.stopped {
			f.stopped = true
			f.w.giveBack(f.keys[f.key:])
		}
	}
}

// wanted tells whether a reader waits for more, or there is room in the stock.
func (f *flat) wanted() bool {
	if len(f.promised) > 0 {
		return true
	}
	room := f.w.stock < f.w.room()
	for i := len(f.stack) - 1; i >= 0; i-- {
		t := &f.stack[i]
		if t.fill == nil || len(t.fill.l.readers) == 0 {
			continue
		}
		if i == len(f.stack)-1 || room {
			return !t.fill.l.far()
		}
		f.giveUp(t.fill.l) // what lies between takes too long
	}
	return room
}

// stuck tells whether the list is in a folder so large that it would take all room, and
// nobody reads it.
func (f *flat) stuck() bool {
	if len(f.stack) == 0 {
		return false
	}
	t := &f.stack[len(f.stack)-1]
	return t.fill != nil && len(t.fill.l.readers) == 0 && t.fill.l.end() > f.w.room()/2
}
