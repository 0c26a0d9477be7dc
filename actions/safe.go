package actions

import (
	"context"
	"sync"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
)

// maxDirty is how many folders are remembered one by one; any of them stands for its file
// system. When they are that many, they are made safe.
const maxDirty = 1 << 12

// dirty is what was written to local folders and may not be on the disk yet.
type dirty struct {
	mu      sync.Mutex
	last    string
	folders map[string]stores.Store
}

// add notes that name was made. False says that there are too many folders to remember it.
func (d *dirty) add(st stores.Store, name string) bool {
	dir, _ := st.Split(name)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.folders[dir] == nil && len(d.folders) >= maxDirty {
		return false
	}
	d.put(st, dir)
	return true
}

// put remembers a folder. d.mu is held.
func (d *dirty) put(st stores.Store, dir string) {
	if dir == d.last {
		return
	}
	if d.folders == nil {
		d.folders = make(map[string]stores.Store)
	}
	d.folders[dir], d.last = st, dir
}

// back takes folders again that could not be made safe.
func (d *dirty) back(st stores.Store, folders []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dir := range folders {
		d.put(st, dir)
	}
}

// take returns the folders and forgets them.
func (d *dirty) take() (stores.Store, []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var (
		st   stores.Store
		list []string
	)
	for dir, in := range d.folders {
		st, list = in, append(list, dir) // all are of the one Local
	}
	d.folders, d.last = nil, ""
	return st, list
}

// made notes that name was made, and may have to wait until what was made before is safe.
func (r *run) made(ctx context.Context, st stores.Store, name string) error {
	for !r.dirty.add(st, name) {
		if err := r.makeSafe(ctx); err != nil {
			return err
		}
	}
	return nil
}

// makeSafe waits until the copies that have ended are safe from a loss of power, and so is
// what the journal says of them.
func (r *run) makeSafe(ctx context.Context) error {
	r.safe.Lock()
	defer r.safe.Unlock()
	said := r.journal.Len() // a record comes after what it is about
	st, folders := r.dirty.take()
	if st != nil {
		if err := r.transfers.Durable(ctx, st, folders...); err != nil {
			r.dirty.back(st, folders)
			return err
		}
	}
	if err := r.journal.Append(steps.Record{State: steps.Synced, N: said}); err != nil {
		return err
	}
	return r.journal.Sync()
}

// keepSafe makes what is done safe now and then, and the plan, so that little is compared
// again after a loss of power. Short jobs do without.
func (r *run) keepSafe(ctx context.Context) {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	first := time.After(firstSync)
	for {
		select {
		case <-ctx.Done():
			return
		case <-first:
			if err := r.plan.Sync(); err != nil {
				r.e.log.Warn("the plan may not outlive a loss of power", "job", r.job, "err", err)
			}
		case <-tick.C:
			if err := r.makeSafe(ctx); err != nil && ctx.Err() == nil {
				r.e.log.Warn("what is done may not outlive a loss of power", "job", r.job, "err", err)
			}
		}
	}
}
