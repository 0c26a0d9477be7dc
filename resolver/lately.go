package resolver

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// How long a mount table is believed, for many copies are judged by one, and how long a file
// system that did not answer is left alone.
const (
	believed = time.Second
	shunned  = 10 * time.Second
)

// glance is what was last seen of the mount table. Safe for concurrent use.
type glance struct {
	mu      sync.Mutex
	at      time.Time
	table   []mount
	disks   disks
	known   map[int]*Volume   // by row
	answers map[string]answer // by device and mount point
}

// answer is whether a file system on a server answered.
type answer struct {
	at     time.Time
	online bool
}

// lately is at, by a mount table that may be a second old; it also tells whether the file
// system answers. Only those on servers are asked, within the detector's patience.
func (d *detector) lately(ctx context.Context, path string, device uuid.UUID) (v *Volume, online bool, err error) {
	v, m, err := d.glimpse(path, device)
	if v == nil || err != nil {
		return nil, err == nil, err
	}
	if kind := v.Info.Kind; kind != KindNetwork && kind != KindCloud {
		return v, true, nil
	}
	g, key := &d.seen, m.device+" "+m.point
	g.mu.Lock()
	last := g.answers[key]
	g.mu.Unlock()
	if age := time.Since(last.at); age < believed || !last.online && age < shunned {
		return v, last.online, nil
	}
	_, err = d.ask(ctx, m)
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.answers == nil {
		g.answers = make(map[string]answer)
	}
	g.answers[key] = answer{time.Now(), err == nil}
	return v, err == nil, nil
}

// glimpse finds the file system above path. It touches none.
func (d *detector) glimpse(path string, device uuid.UUID) (*Volume, mount, error) {
	g := &d.seen
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at.IsZero() || time.Since(g.at) > believed {
		table, err := d.table()
		if err != nil {
			return nil, mount{}, err
		}
		g.at, g.table, g.disks, g.known = time.Now(), table, d.disks(), make(map[int]*Volume)
	}
	row := above(path, g.table)
	if row < 0 {
		return nil, mount{}, nil
	}
	if g.known[row] == nil {
		g.known[row] = asVolume(describe(g.table[row], g.disks, device), device)
	}
	return g.known[row], g.table[row], nil
}

// above gives the row of the file system that is mounted above path, going by the path's
// words alone; -1 is none.
func above(path string, table []mount) int {
	best := -1
	for i, m := range table { // of two on one point the later hides the earlier
		if isBelow(path, m.point) && (best < 0 || len(m.point) >= len(table[best].point)) {
			best = i
		}
	}
	return best
}
