package fs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"syscall"

	"golang.org/x/sync/errgroup"

	"sd/staging"
)

// settleAtOnce is how many files Settle has sent at the same time.
const settleAtOnce = 16

// Settle sends what is here alone of a file of a volume, or of all below a folder of it, and
// returns when the provider has it: bytes that are staged, and changed times and modes. "" is
// the whole volume, which is named by its fingerprint. It is for who goes round the mount and
// is about to read or replace these files. What is written meanwhile is not waited for. The
// error names a file that could not be sent, and why; the others are sent all the same. It
// must not be called by who serves a request of the kernel. Safe for concurrent use.
func (s *Server) Settle(ctx context.Context, volume, name string) error {
	if st := s.tree.volumes.known(volume); st != nil {
		return st.settle(ctx, name)
	}
	return s.tree.recovered.settle(ctx, volume, name)
}

// settle sends what is here alone at a name and below it.
func (s *store) settle(ctx context.Context, name string) error {
	var all errgroup.Group
	all.SetLimit(settleAtOnce)
	for _, o := range s.objects.unsentAt(name) {
		all.Go(func() error { return o.settleNow(ctx) })
	}
	err := all.Wait()
	if errno := s.partBelow(ctx, name); errno != 0 {
		err = errors.Join(err, fmt.Errorf("%s%s: what is being copied from there is not at its provider yet: %w", s.uri, name, errno))
	}
	pending := func(n carriedName) bool { return n.store == s && s.folding.within(join(n.dir, n.seg), name) }
	return errors.Join(err, s.tree.carrier.drainOf(ctx, pending))
}

// settleNow sends what is staged of o.
func (o *object) settleNow(ctx context.Context) error {
	errno := o.commit(ctx, (*staging.File).Sync)
	if errno == 0 {
		return nil
	}
	o.mu.Lock()
	name, why := join(o.dir, o.seg), o.failed
	o.mu.Unlock()
	if why == nil || errno == syscall.EINTR {
		why = errno
	}
	if ctx.Err() != nil {
		why = ctx.Err()
	}
	return fmt.Errorf("%s%s is not at its provider yet: %w", o.store.uri, name, why)
}

// unsentAt gives the objects at a name and below it of which something is here alone.
func (t *objectTable) unsentAt(name string) []*object {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []*object
	for o := range t.dirty {
		if dir, seg, ok := o.place(); ok && t.fold.within(join(dir, seg), name) && o.unsent() {
			found = append(found, o)
		}
	}
	return found
}

// settle sends what a former process has left of a volume that nobody has looked into yet.
func (r *recovered) settle(ctx context.Context, volume, name string) error {
	r.mu.Lock()
	var files []*staging.File
	for _, f := range r.files[volume] {
		if within(f.Name(), name) {
			files = append(files, f)
		}
	}
	r.mu.Unlock()
	var all errgroup.Group
	all.SetLimit(settleAtOnce)
	for _, f := range files {
		all.Go(func() error {
			err := f.Sync(ctx)
			if errors.Is(err, iofs.ErrClosed) && !f.Dirty() {
				return nil // it was sent in the background, and let go
			}
			if err != nil {
				return fmt.Errorf("%q, which an earlier mount has left, is not at its provider yet: %w", f.Name(), err)
			}
			return nil
		})
	}
	return all.Wait()
}
