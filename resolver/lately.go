package resolver

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// believed is how long a mount table is believed: many copies are judged by one.
const believed = time.Second

// glance is what was last seen of the mount table. Safe for concurrent use.
type glance struct {
	mu     sync.Mutex
	at     time.Time
	table  []mount
	disks  disks
	known  map[int]*Volume // by row
	online map[int]bool
}

// lately is at, by a mount table that may be a second old; it also tells whether the file
// system answers. Only those on servers are asked, within the detector's patience.
func (d *detector) lately(ctx context.Context, path string, device uuid.UUID) (v *Volume, online bool, err error) {
	g := &d.seen
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at.IsZero() || time.Since(g.at) > believed {
		if g.table, err = d.table(); err != nil {
			return nil, false, err
		}
		g.at, g.disks, g.known, g.online = time.Now(), d.disks(), map[int]*Volume{}, map[int]bool{}
	}
	row := above(path, g.table)
	if row < 0 {
		return nil, true, nil
	}
	if g.known[row] == nil {
		g.known[row] = asVolume(describe(g.table[row], g.disks, device), device)
	}
	v = g.known[row]
	online, asked := g.online[row]
	if !asked {
		online = true
		if kind := v.Info.Kind; kind == KindNetwork || kind == KindCloud {
			_, err := d.ask(ctx, g.table[row])
			if ctx.Err() != nil {
				return nil, false, ctx.Err()
			}
			online = err == nil
		}
		g.online[row] = online
	}
	return v, online, nil
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
