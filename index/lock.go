package index

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"sd/library"
)

// How long a scan sleeps before it asks again for a lock that somebody else has.
const (
	firstWait = 2 * time.Millisecond
	lastWait  = 50 * time.Millisecond
)

// Lock waits until no scan of the location, or of one that it lies in or that lies in it, is
// under way in any process, and keeps new ones waiting until unlock is called. A scan may put back what
// others wrote to the catalog while it ran, so those who know better write under this lock.
// For that time the caller must not scan the location itself.
func (x *Indexer) Lock(ctx context.Context, loc library.Location) (unlock func(), err error) {
	all, err := x.lib.Locations(ctx)
	if err != nil {
		return nil, err
	}
	// Its own for itself, and those of the locations around it together with others in there.
	// All take the outer ones first, so nobody waits in a circle.
	around := slices.DeleteFunc(all, func(o library.Location) bool { return o.ID == loc.ID || !o.Holds(loc.Place, loc.Path) })
	slices.SortFunc(around, func(a, b library.Location) int { return len(a.Path) - len(b.Path) })
	var held []*os.File
	unlock = func() {
		for _, f := range held {
			f.Close()
		}
	}
	for _, o := range around {
		f, err := x.flock(ctx, o.ID, unix.LOCK_SH)
		if err != nil {
			unlock()
			return nil, err
		}
		held = append(held, f)
	}
	f, err := x.flock(ctx, loc.ID, unix.LOCK_EX)
	if err != nil {
		unlock()
		return nil, err
	}
	held = append(held, f)
	return unlock, nil
}

// flock waits for a location's lock. To close the file gives it back, and so does the end of
// the process.
func (x *Indexer) flock(ctx context.Context, id int64, how int) (*os.File, error) {
	dir := filepath.Join(x.lib.Dir(), "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "location-"+strconv.FormatInt(id, 10)), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch err {
		case nil:
			return f, nil
		case unix.EINTR:
			continue
		case unix.EWOULDBLOCK:
		default:
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		}
	}
}
