package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sd/actions/stores"
	"sd/backends"
	"sd/index/watch"
	"sd/resolver"
	"sd/sdpath"
)

const (
	settleTimeout = time.Minute // for a mount to upload what it has of a volume
	noteTimeout   = 30 * time.Second
)

// notes tell others what an action that runs in this process does: the index, and mounts that
// do not run it themselves.
type notes struct {
	places  *places
	watcher *watch.Watcher // for its notes of volumes alone

	mu      sync.Mutex
	mounts  []*mountInfo
	settled map[string]error // by volume: what came of asking the mounts to upload what they have
	touched map[string]bool  // volumes that were changed
}

func newNotes(ctx context.Context, p *places) (*notes, error) {
	n := &notes{
		places: p, mounts: p.mounts(ctx), settled: map[string]error{}, touched: map[string]bool{},
		watcher: watch.New(watch.Config{Index: p.indexConfig()}),
	}
	return n, n.watcher.Follow(ctx)
}

// hooks is how stores tell.
func (n *notes) hooks() stores.Hooks {
	return stores.Hooks{Settle: n.settle, Changed: n.changed}
}

// settle has mounts upload what they have of a volume, once.
func (n *notes) settle(ctx context.Context, volume, _ string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err, known := n.settled[volume]; known {
		return err
	}
	var failures []error
	for _, m := range n.mounts {
		if m.ReadOnly {
			continue
		}
		waiting, cancel := context.WithTimeout(ctx, settleTimeout)
		reply, err := m.ask(waiting, request{Do: "drain"}, settleTimeout, false, nil)
		late := waiting.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case late:
			err = fmt.Errorf("%s has files that are not uploaded yet: wait for them ('sd status')", m.Mountpoint)
		case err == nil && reply.Error != "":
			err = errors.New(reply.Error)
		case err != nil && mountKnownGone(m.Mountpoint):
			err = nil
		}
		failures = append(failures, err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err := errors.Join(failures...)
	n.settled[volume] = err
	return err
}

// changed notes what is called name in a volume now; nil: nothing is.
func (n *notes) changed(volume, name string, e *backends.Entry) {
	if e == nil {
		n.watcher.Removed(volume, name)
	} else {
		n.watcher.Put(volume, name, *e)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.touched[volume] = true
}

// close has all noted. What could not be is told by the error; the files are as they should be
// all the same.
func (n *notes) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	err := n.watcher.Close(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.mounts) == 0 || len(n.touched) == 0 {
		return err
	}
	volumes, e := n.places.resolver.Volumes(ctx, "")
	if e != nil {
		return errors.Join(err, e)
	}
	for _, v := range volumes {
		if n.touched[v.Fingerprint] {
			n.refresh(ctx, v)
		}
	}
	return err
}

// refresh has mounts look at a volume again. One that does not answer does so by itself soon.
func (n *notes) refresh(ctx context.Context, v *resolver.Volume) {
	root := shownAt(sdpath.Cloud{Service: v.Service, Identifier: v.Identifier})
	for _, m := range n.mounts {
		_, _ = m.ask(ctx, request{Do: "refresh", Path: root}, refreshTimeout, false, nil)
	}
}
