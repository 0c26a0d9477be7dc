package watch

import (
	"context"
	"errors"
	"sync"
	"time"

	"sd/index"
	"sd/library"
)

// How long to wait before another attempt.
const (
	retryGone  = 5 * time.Second  // for a location that is not there
	retryError = 30 * time.Second // after any other error
)

// State is what a location is being kept fresh by at the moment.
type State string

// The states of a location.
const (
	Waiting     State = "waiting"     // for its turn, or for somebody else who indexes it
	Scanning    State = "scanning"    // all of it is looked at
	Identifying State = "identifying" // content ids are being found; changes are followed too
	Fresh       State = "fresh"       // changes are followed
	Gone        State = "gone"        // it is not there, as when a drive is not plugged in
	Failing     State = "failing"     // what was tried last did not work; it is tried again
	Elsewhere   State = "elsewhere"   // on another device, whose own mount sees to it
)

// place is one location that is kept fresh, and how that goes.
type place struct {
	w      *Watcher
	id     int64
	cancel context.CancelFunc
	done   chan struct{} // closed when its goroutine has ended

	mu          sync.Mutex
	loc         library.Location
	state       State
	err         string
	progress    *index.Progress // of the scan under way
	identifying *index.Progress // of the identification under way
	seen        bool            // was looked at whole since the start
	identifyErr string
	counts      counts
	limit       limited
	watching    int // folders
}

// update takes over a new state of the location; false: what is to be done is another
// thing now.
func (p *place) update(loc library.Location) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !sameWork(p.loc, loc) {
		return false
	}
	p.loc = loc
	return true
}

func (p *place) location() library.Location {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.loc
}

// stop ends the work on the location and waits for it.
func (p *place) stop() {
	p.cancel()
	<-p.done
}

func (p *place) caughtUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen || p.state == Elsewhere || p.loc.Place == p.w.device
}

// set notes the state and, once, an error.
func (p *place) set(s State, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	p.mu.Lock()
	news, again := text != "" && text != p.err, text == "" && p.err != "" && s == Fresh
	p.state = s
	if text != "" || s == Fresh {
		p.err = text
	}
	if s != Scanning {
		p.progress = nil
	}
	name := p.loc.Name
	p.mu.Unlock()
	if news {
		p.w.log.Warn("a location is not kept fresh", "location", name, "err", err)
	}
	if again {
		p.w.log.Info("a location is kept fresh again", "location", name)
	}
}

// report takes the progress of a scan, which has begun when the first one comes.
func (p *place) report(progress index.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.progress = Scanning, &progress
}

// turn waits until the location may be indexed: nobody else is about to, and no other is
// scanned as a whole. The caller calls done.
func (p *place) turn(ctx context.Context) (done func(), err error) {
	tick := time.NewTicker(p.w.cfg.pace.poll)
	defer tick.Stop()
	for p.w.cfg.Held != nil && p.w.cfg.Held(ctx, p.id) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
	if err := p.w.takeTurn(ctx); err != nil {
		return nil, err
	}
	return p.w.giveTurn, nil
}

// scan looks at the whole location. The caller has the turn. It gives the error back that
// it has noted.
func (p *place) scan(ctx context.Context) error {
	began := time.Now()
	report, err := p.w.index.Scan(ctx, p.location(), index.Control{Report: p.report})
	switch {
	case err == nil:
		p.mu.Lock()
		p.seen = true
		p.mu.Unlock()
		p.set(Fresh, nil)
		p.w.changes.scanned(p.id, began)
		p.found(report)
	case ended(ctx, err):
	case errors.Is(err, index.ErrRoot):
		p.set(Gone, err)
	default:
		p.set(Failing, err)
	}
	return err
}

// found sees to what follows from a scan.
func (p *place) found(r index.Report) {
	if r.Added+r.Changed+r.Removed == 0 {
		return
	}
	p.w.packer.changed()
	if r.Added+r.Changed > 0 {
		p.w.identify.want(p)
	}
}

// retry is how long to wait after err.
func (p *place) retry(err error) time.Duration {
	if errors.Is(err, index.ErrRoot) {
		return p.w.cfg.pace.gone
	}
	return retryError
}
