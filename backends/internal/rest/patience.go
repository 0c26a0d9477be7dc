package rest

import (
	"sync"
	"time"
)

// patience is a clock that runs while the server owes something. It stands still
// while the caller or one of our own queues is what is waited for, and while a body
// flows; progress sets it back to the whole.
type patience struct {
	whole time.Duration

	mu    sync.Mutex
	since time.Time // when it would have begun, had it run all the time
	still time.Time // when it was stopped; zero while it runs
}

func newPatience(whole time.Duration) patience {
	return patience{whole: whole, since: time.Now()}
}

// left returns what remains, perhaps less than nothing, and whether the clock runs.
func (p *patience) left() (left time.Duration, running bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.still.IsZero() {
		return p.whole - time.Since(p.since), true
	}
	return p.whole - p.still.Sub(p.since), false
}

func (p *patience) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.still.IsZero() {
		p.still = time.Now()
	}
}

// start makes the clock run as from the time at, if it stood still then.
func (p *patience) start(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.still.IsZero() {
		p.since = p.since.Add(max(at.Sub(p.still), 0))
		p.still = time.Time{}
	}
}

func (p *patience) progress() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = time.Now()
	if !p.still.IsZero() {
		p.still = p.since
	}
}
