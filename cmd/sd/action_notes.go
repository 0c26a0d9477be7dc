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
	"sd/library/catalog"
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
	settled map[settledName]bool // files, and folders with all below, of which mounts have nothing
	touched map[string]bool      // volumes that were changed
}

func newNotes(ctx context.Context, p *places) (*notes, error) {
	n := &notes{
		places: p, mounts: p.mounts(ctx), settled: map[settledName]bool{}, touched: map[string]bool{},
		watcher: watch.New(watch.Config{Index: p.indexConfig()}),
	}
	return n, n.watcher.Follow(ctx)
}

// hooks is how stores tell.
func (n *notes) hooks() stores.Hooks {
	return stores.Hooks{Settle: n.settle, Changed: n.changed}
}

// settle has mounts upload what they have of a file, or of all files below a folder, once.
func (n *notes) settle(ctx context.Context, volume, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.mounts) == 0 || n.isSettled(settledName{volume, name}) {
		return nil
	}
	for _, m := range n.mounts {
		if m.ReadOnly {
			continue
		}
		reply, err := m.ask(ctx, request{Do: "settle", Volume: volume, Name: []byte(name)}, settleTimeout, false, nil)
		switch {
		case err != nil && mountKnownGone(m.Mountpoint):
		case err != nil:
			return err
		case reply.Error != "":
			return fmt.Errorf("%s has files that are not uploaded ('sd status' shows them): %s", m.Mountpoint, reply.Error)
		}
	}
	n.settled[settledName{volume, name}] = true
	return nil
}

// isSettled tells whether a name, or a folder that it is in, is settled. n.mu is held.
func (n *notes) isSettled(at settledName) bool {
	for !n.settled[at] {
		if at.name == "" {
			return false
		}
		at.name, _ = catalog.Split(at.name)
	}
	return true
}

// settledName is a file or folder of a volume.
type settledName struct{ volume, name string }

// changed notes what is called name in a volume now; nil: nothing is.
func (n *notes) changed(volume, name string, e *backends.Entry) {
	if e == nil {
		n.watcher.Removed(volume, name)
	} else {
		seen := *e
		if seen.Kind != backends.Dir {
			seen.ModTime = time.Now() // to its service; e has the file's own
		}
		n.watcher.Put(volume, name, seen)
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
