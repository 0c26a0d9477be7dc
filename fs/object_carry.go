package fs

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"sd/backends"
)

// carrier brings changed metadata to the providers, some time after the change: who
// copies a file sets its times, mode and owner one after another, and often renames
// it then, which takes them along. What is pending is remembered (Facts) and goes on
// at the next mount. Safe for concurrent use.
type carrier struct {
	tree *tree
	runs sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	pending map[carriedName]*carried
}

type carriedName struct {
	store    *store
	dir, seg string
}

type carried struct {
	timer *time.Timer
	tries int
	asked int // how often; it goes up with each change
}

// How long a change waits for others, and how long after a failure it is tried again.
const (
	carryAfter = 2 * time.Second
	carryRetry = time.Minute
)

func newCarrier(t *tree) *carrier {
	return &carrier{tree: t, pending: make(map[carriedName]*carried)}
}

// pendingDir is where the names of what is pending are remembered: no folder is
// called so.
const pendingDir = "\x00pending"

// soon has the metadata of an object carried to its provider in a while, if need be by
// the next mount.
func (c *carrier) soon(s *store, dir, seg string) {
	c.tree.facts.PutFact(s.key, pendingDir, join(dir, seg), "", nil)
	c.in(carriedName{s, dir, seg}, carryAfter)
}

// resume goes on with what a former process did not come to.
func (c *carrier) resume(s *store) {
	err := c.tree.facts.EachFact(context.Background(), s.key, pendingDir, "", "", func(name, _ string, _ []byte) {
		dir, seg := splitName(name)
		c.in(carriedName{s, dir, seg}, carryAfter)
	})
	if err != nil {
		c.tree.log.Warn("cannot recall what attributes wait to be stored", "volume", s.uri, "err", err)
	}
}

func (c *carrier) in(name carriedName, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	p := c.pending[name]
	if p != nil {
		p.asked++
		p.timer.Reset(wait)
		return
	}
	c.pending[name] = &carried{timer: time.AfterFunc(wait, func() {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return
		}
		c.runs.Add(1)
		c.mu.Unlock()
		defer c.runs.Done()
		ctx, cancel := context.WithTimeout(context.Background(), carryRetry)
		defer cancel()
		c.carry(ctx, name)
	})}
}

// now carries what is pending of an object, if anything is.
func (c *carrier) now(ctx context.Context, s *store, dir, seg string) syscall.Errno {
	name := carriedName{s, dir, seg}
	c.mu.Lock()
	p := c.pending[name]
	c.mu.Unlock()
	if p == nil {
		return 0
	}
	if err := c.carry(ctx, name); err != nil {
		return s.fail("set attributes", join(dir, seg), err)
	}
	return 0
}

// drop forgets what is pending of an object: it was removed, or took it along.
func (c *carrier) drop(s *store, dir, seg string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := carriedName{s, dir, seg}
	if p := c.pending[name]; p != nil {
		p.timer.Stop()
		delete(c.pending, name)
		c.tree.facts.DropFact(s.key, pendingDir, join(dir, seg))
	}
}

// carry does it, and again later where the provider cannot be asked.
func (c *carrier) carry(ctx context.Context, name carriedName) error {
	c.mu.Lock()
	asked := 0
	if p := c.pending[name]; p != nil {
		asked = p.asked
	}
	c.mu.Unlock()
	err := name.store.carry(ctx, name.dir, name.seg)
	if err != nil && !outdated(err) && !errors.Is(err, errors.ErrUnsupported) {
		c.mu.Lock()
		p := c.pending[name]
		wait := carryRetry
		if p != nil {
			p.tries++
			wait = min(carryRetry*time.Duration(p.tries), time.Hour)
		}
		c.mu.Unlock()
		c.tree.log.Warn("cannot store attributes yet", "path", name.store.uri+join(name.dir, name.seg), "err", err, "again_in", wait)
		c.in(name, wait)
		return err
	}
	c.mu.Lock()
	p := c.pending[name]
	again := p != nil && p.asked != asked // changed once more meanwhile
	c.mu.Unlock()
	if !again {
		c.drop(name.store, name.dir, name.seg)
	}
	return nil
}

// carry gives an object at the provider the metadata that is remembered for it.
func (s *store) carry(ctx context.Context, dir, seg string) error {
	set := metaSetter(s.backend())
	if set == nil {
		return errors.ErrUnsupported // it is remembered here
	}
	name := join(dir, seg)
	if errno := s.moving.enter(ctx, name); errno != 0 {
		return ctx.Err()
	}
	defer s.moving.leave(name)
	o := s.objects.find(name)
	if o == nil {
		e, err := s.backend().Stat(ctx, name)
		if err != nil || e.Kind == backends.Dir {
			return err
		}
		s.recall(ctx, name, &e)
		o = s.object(dir, seg, &e)
	}
	if !o.take(ctx) {
		return ctx.Err()
	}
	defer o.done()
	o.mu.Lock()
	e, busy := o.entry, o.staged != nil || o.gone
	o.mu.Unlock()
	f, ok := s.factOf(ctx, dir, seg, e.Version)
	if busy || !ok || !f.Pending {
		return nil // what is staged takes it along
	}
	if errno := o.part(ctx); errno != 0 {
		return errno
	}
	e.Name = name
	stored, err := set(ctx, e, f.Meta)
	if outdated(err) {
		o.changed()
	}
	if err != nil {
		return err
	}
	stored.Meta, stored.Kind = &f.Meta, e.Kind // a store that cannot keep links says that it is a file
	o.mu.Lock()
	o.sameAs(stored)
	o.told = ""
	o.mu.Unlock()
	s.remember(dir, seg, stored.Version, fact{Meta: f.Meta})
	o.settled()
	return nil
}

// metaSetter gives what changes what a version of a file carries in a store, nil where nothing
// can.
func metaSetter(b backends.Backend) func(context.Context, backends.Entry, backends.Meta) (backends.Entry, error) {
	if setter, ok := b.(backends.MetaSetter); ok {
		return func(ctx context.Context, e backends.Entry, m backends.Meta) (backends.Entry, error) {
			return setter.SetMeta(ctx, e.Name, e.Version, m)
		}
	}
	if copier, ok := b.(backends.Copier); ok {
		return func(ctx context.Context, e backends.Entry, m backends.Meta) (backends.Entry, error) {
			return copier.Copy(ctx, e.Name, e.Name, backends.CopyOptions{
				Source: e.Version, Size: e.Size, Meta: &m, Cond: backends.Cond{Version: e.Version},
			})
		}
	}
	return nil
}

// drain carries all that is pending, and gives up when ctx ends.
func (c *carrier) drain(ctx context.Context) error {
	return c.drainOf(ctx, func(carriedName) bool { return true })
}

// drainBelow carries what is pending in and below a folder.
func (c *carrier) drainBelow(ctx context.Context, s *store, dir string) error {
	return c.drainOf(ctx, func(n carriedName) bool { return n.store == s && s.folding.within(n.dir, dir) })
}

func (c *carrier) drainOf(ctx context.Context, wanted func(carriedName) bool) error {
	c.mu.Lock()
	names := make([]carriedName, 0, len(c.pending))
	for name := range c.pending {
		if wanted(name) {
			names = append(names, name)
		}
	}
	c.mu.Unlock()
	var failed error
	for _, name := range names {
		if err := c.carry(ctx, name); err != nil {
			failed = err
		}
	}
	return failed
}

// close ends the work; what is pending goes on at the next mount.
func (c *carrier) close() {
	c.mu.Lock()
	c.closed = true
	for _, p := range c.pending {
		p.timer.Stop()
	}
	c.mu.Unlock()
	c.runs.Wait()
}
