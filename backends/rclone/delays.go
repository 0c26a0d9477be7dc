package rclone

import (
	"sync"
	"time"
)

// delays remembers which files were given a later time than was asked for, so that further
// writes that ask for the same one do not bring back the time, and so the Version, of bytes from
// before.
type delays struct {
	mu    sync.Mutex
	byKey map[string]delay
}

type delay struct{ asked, used time.Time }

const mostDelays = 10_000

// next is the time for a file that has the time at, when asked is wanted for other bytes of the
// same size. All are whole steps.
func (d *delays) next(key string, asked, at time.Time, step time.Duration) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	last, put := d.byKey[key]
	if !asked.Equal(at) && !(put && last.used.Equal(at) && last.asked.Equal(asked)) {
		delete(d.byKey, key)
		return asked
	}
	if len(d.byKey) >= mostDelays || d.byKey == nil {
		d.byKey = map[string]delay{}
	}
	used := at.Add(step)
	d.byKey[key] = delay{asked, used}
	return used
}
