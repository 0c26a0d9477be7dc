package actions

import (
	"context"
	"sync"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
)

// maxDirty is how many folders are remembered one by one; any of them stands for its file
// system.
const maxDirty = 1 << 12

// dirty is what was written to local folders and may not be on the disk yet.
type dirty struct {
	mu      sync.Mutex
	last    string
	folders map[string]stores.Store
}

// add notes that name was made.
func (d *dirty) add(st stores.Store, name string) {
	dir, _ := st.Split(name)
	d.mu.Lock()
	defer d.mu.Unlock()
	if dir == d.last {
		return
	}
	if d.folders == nil {
		d.folders = make(map[string]stores.Store)
	}
	if len(d.folders) < maxDirty {
		d.folders[dir] = st
		d.last = dir
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

// makeSafe waits until the copies that have ended are safe from a loss of power, and so is
// what the journal says of them.
func (r *run) makeSafe(ctx context.Context) error {
	r.safe.Lock()
	defer r.safe.Unlock()
	said := r.journal.Len() // a record comes after what it is about
	st, folders := r.dirty.take()
	if st != nil {
		if err := r.transfers.Durable(ctx, st, folders...); err != nil {
			for _, dir := range folders {
				r.dirty.add(st, st.Join(dir, "x"))
			}
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
