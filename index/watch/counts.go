package watch

import (
	"time"

	"sd/library/catalog"
)

const (
	countRest  = 20 // how many times as long as it takes lies between two counts
	countEvery = time.Second
)

// counts is how much of a location is indexed, as it was counted last: that reads all its
// rows, which is too slow for who asks. place.mu guards it.
type counts struct {
	known    catalog.Counts
	ok       bool      // something was counted
	current  bool      // nothing has changed since
	counting bool      // somebody counts
	next     time.Time // not before
}

// stale says that there are other files now.
func (c *counts) stale(p *place) {
	p.mu.Lock()
	c.current = false
	p.mu.Unlock()
}

// recount counts in the background what has changed. p.mu is held.
func (p *place) recount(now time.Time) {
	c := &p.counts
	if c.current || c.counting || now.Before(c.next) || p.w.life.Err() != nil {
		return
	}
	c.counting, c.current = true, true
	place, path := p.loc.Place, p.loc.Path
	p.w.work.Go(func() {
		began := time.Now()
		f, err := p.w.cat.FindFolder(p.w.life, place, path)
		var n catalog.Counts
		if err == nil {
			n, err = p.w.cat.Count(p.w.life, f.ID)
		}
		now := time.Now()
		p.mu.Lock()
		defer p.mu.Unlock()
		c.counting = false
		c.next = now.Add(max(countEvery, countRest*now.Sub(began)))
		if err == nil {
			c.known, c.ok = n, true
		}
	})
}
