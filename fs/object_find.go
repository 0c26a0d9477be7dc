package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"
	"syscall"
	"time"

	"sd/backends"
	"sd/cache"
	"sd/sdpath"
)

// errAbsent says that there is nothing of that name.
var errAbsent = errors.New("not there")

// listAfter is the number of lookups that a folder answers one by one before it is
// listed, and listUpTo how far it is listed for the sake of a lookup.
const (
	listAfter = 3
	listUpTo  = 5000
)

// find describes the entry that is shown as name in folder dir, asking the store if
// nothing is known. errAbsent is for what is known, or has been found, to be away in
// a way that the kernel may remember. Of a document it has the size.
func (n *objectNode) find(ctx context.Context, dir, name string) (backends.Entry, error) {
	e, err := n.findAny(ctx, dir, name)
	if err == nil && e.Unsized {
		return n.store.measure(ctx, dir, e)
	}
	return e, err
}

// findAny is find; size and version of a document may not be known.
func (n *objectNode) findAny(ctx context.Context, dir, name string) (backends.Entry, error) {
	if e, err := n.known(dir, name); err != errUnknown {
		return e, err
	}
	seg, twin, err := sdpath.Unescape(name)
	if err != nil && !errors.Is(err, sdpath.ErrLong) {
		return backends.Entry{}, errAbsent // nothing is ever shown so
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	if n.misses.Add(1) > listAfter || err != nil || twin {
		// Only a listing tells what is behind a name that does not say it all.
		if e, err := n.findListed(ctx, dir, name, err != nil || twin); err != errUnknown {
			return e, err
		}
	}
	e, err := n.store.stat(ctx, join(dir, seg))
	if err != nil {
		if len(n.store.objects.unsentBelow(join(dir, seg))) > 0 {
			return backends.Entry{Name: seg, Kind: backends.Dir}, nil // of files that are here alone
		}
		if missing(err) {
			n.missed.note(n.store.folding.of(name))
		}
		return e, err
	}
	e.Name, e.Shown = n.store.folding.asStored(seg, &e), ""
	if shown := sdpath.Escape(e.Name); shown != e.Name {
		e.Shown = shown
	}
	n.store.tree.names.Put(n.store.dirKey(dir), e)
	return e, nil
}

// missed remembers for a moment what the provider has not: who finds nothing of a name
// often makes it next. Safe for concurrent use.
type missed struct {
	mu    sync.Mutex
	names map[string]time.Time
}

// maxMissed names are remembered of a folder, for missedFor each.
const (
	maxMissed = 256
	missedFor = time.Second
)

func (m *missed) note(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names == nil || len(m.names) >= maxMissed {
		m.names = make(map[string]time.Time)
	}
	m.names[name] = time.Now()
}

// lately tells whether name was not there a moment ago, once.
func (m *missed) lately(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.names[name]
	delete(m.names, name)
	return ok && time.Since(at) < missedFor
}

// findListed looks for a name in a listing of the folder, up to listUpTo entries or
// to the end.
func (n *objectNode) findListed(ctx context.Context, dir, name string, toEnd bool) (backends.Entry, error) {
	r := n.open(dir)
	defer r.Close()
	for count, all := 0, false; !all && (toEnd || count <= listUpTo); {
		var err error
		if count, all, err = r.Wait(ctx, count); err != nil {
			return backends.Entry{}, err
		}
		if e, err := n.known(dir, name); err != errUnknown {
			return e, err
		}
	}
	if toEnd {
		return backends.Entry{}, iofs.ErrNotExist
	}
	return backends.Entry{}, errUnknown
}

// stat asks the provider for a name, and adds what is remembered of it. A name that
// is a file and a folder is the folder, as in listings.
func (s *store) stat(ctx context.Context, name string) (backends.Entry, error) {
	s.used()
	stat := s.backend().Stat
	if d, ok := s.backend().(backends.DirStater); ok {
		stat = d.StatDir
	}
	e, err := stat(ctx, name)
	if err == nil {
		s.recall(ctx, name, &e)
	}
	return e, err
}

var errUnknown = errors.New("not known")

// known describes name from memory.
func (n *objectNode) known(dir, name string) (backends.Entry, error) {
	if e, ok := n.store.here(dir, name); ok {
		return e, nil
	}
	e, state := n.store.tree.names.Lookup(n.store.dirKey(dir), name)
	switch state {
	case cache.Present:
		return e, nil
	case cache.Absent:
		return e, errAbsent
	}
	return e, errUnknown
}

// here describes what is shown as name if something of it is here alone: what the
// provider says of it does not count.
func (s *store) here(dir, name string) (backends.Entry, bool) {
	seg, _, err := sdpath.Unescape(name)
	if err != nil {
		return backends.Entry{}, false
	}
	o := s.objects.find(join(dir, seg))
	if o == nil || !o.unsent() {
		return backends.Entry{}, false
	}
	return o.shown(), true
}

// shown is the entry of o as a listing of its folder has it.
func (o *object) shown() backends.Entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := *o.present()
	e.Name, e.Shown = o.seg, ""
	if shown := sdpath.Escape(o.seg); shown != o.seg {
		e.Shown = shown
	}
	if o.staged != nil {
		e.Size = o.staged.Size()
	}
	return e
}

// changed forgets what is known of the folder of an object that the provider has shown
// to be out of date. It returns what the caller of the system call gets, upon which
// the kernel looks the name up again.
func (o *object) changed() syscall.Errno {
	dir, seg, _ := o.place()
	o.store.tree.names.Invalidate(o.store.dirKey(dir))
	if o.store.objects.find(join(dir, seg)) == o && !o.unsent() {
		o.store.objects.remove(o)
	}
	return syscall.ESTALE
}

// lookedUpAgain has the kernel look for the name of o, in the background: it may believe for a
// while yet that o is there.
func (o *object) lookedUpAgain() {
	dir, _, _ := o.place()
	label := o.label()
	o.store.tree.beside.run(func(context.Context) { o.store.lookAgain(dir, label) })
}

// overtake takes the name of o for another object, which the kernel finds when it
// looks again. Who has o open goes on with it.
func (o *object) overtake() syscall.Errno {
	o.store.objects.remove(o)
	return syscall.ESTALE
}

// outdated tells whether the store says that a version is no more.
func outdated(err error) bool {
	return errors.Is(err, backends.ErrChanged) || errors.Is(err, iofs.ErrNotExist)
}
