package watch

import (
	"time"

	"sd/library/catalog"
)

const (
	countRest = 20                     // how many times as long as it takes lies between two counts
	countWait = 250 * time.Millisecond // how long who asks waits for the counts
)

// counts is how much of a location is indexed, as it was counted last: that reads all its
// rows. Other processes index as well, so it is counted anew whenever somebody asks.
// place.mu guards it.
type counts struct {
	known    catalog.Counts
	ok       bool          // something was counted
	counting chan struct{} // closed when the count under way ends; nil: there is none
	next     time.Time     // not before
}

// recount begins to count in the background, unless that was done just now. The channel that
// it returns, which may be nil, is closed once the count under way is done.
func (p *place) recount(now time.Time) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.counts
	if c.counting != nil || now.Before(c.next) || p.w.life.Err() != nil {
		return c.counting
	}
	done := make(chan struct{})
	c.counting = done
	place, path := p.loc.Place, p.loc.Path
	p.w.work.Go(func() {
		defer close(done)
		began := time.Now()
		f, err := p.w.cat.FindFolder(p.w.life, place, path)
		var n catalog.Counts
		if err == nil {
			n, err = p.w.cat.Count(p.w.life, f.ID)
		}
		now := time.Now()
		p.mu.Lock()
		defer p.mu.Unlock()
		c.counting = nil
		c.next = now.Add(countRest * now.Sub(began))
		if err == nil {
			c.known, c.ok = n, true
		}
	})
	return done
}

// recount counts what is in the places, and waits for that for no longer than countWait.
func recount(places []*place) {
	now := time.Now()
	var counting []<-chan struct{}
	for _, p := range places {
		if done := p.recount(now); done != nil {
			counting = append(counting, done)
		}
	}
	late := time.NewTimer(countWait)
	defer late.Stop()
	for _, done := range counting {
		select {
		case <-done:
		case <-late.C:
			return
		}
	}
}
