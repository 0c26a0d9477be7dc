package watch

import (
	"context"
	"sync"
	"time"

	"sd/index"
	"sd/index/identify"
	"sd/library"
)

const (
	identifyDelay = 500 * time.Millisecond // from the first new file to the reading: others may follow
	identifyAgain = 10 * time.Second       // for files that were just being written
	fewFiles      = 1000
	identifyRest  = 2 // how many times as long as one takes lies between two for those
)

// identifier gives new files of content and deep locations their content ids, one location
// at a time. Nothing is downloaded for that, not even in a deep one: only who asks for a scan
// by hand has seen how much it would be.
type identifier struct {
	w    *Watcher
	wake chan struct{}

	mu    sync.Mutex
	wants map[*place]time.Time // when each is due
	rests map[*place]time.Time // not before
}

func newIdentifier(w *Watcher) *identifier {
	return &identifier{w: w, wake: make(chan struct{}, 1), wants: map[*place]time.Time{}, rests: map[*place]time.Time{}}
}

// want has a location identified soon.
func (i *identifier) want(p *place) {
	if p.location().Mode == library.Shallow {
		return
	}
	i.later(p, identifyDelay)
}

// later has it identified after a while, unless it is to be sooner.
func (i *identifier) later(p *place, wait time.Duration) {
	at := time.Now().Add(wait)
	i.mu.Lock()
	if rest := i.rests[p]; rest.After(at) {
		at = rest
	}
	if old, ok := i.wants[p]; !ok || at.Before(old) {
		i.wants[p] = at
	}
	i.mu.Unlock()
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// next takes the place that is due first; nil: none is, for so long.
func (i *identifier) next(now time.Time) (*place, time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var first *place
	for p, at := range i.wants {
		if first == nil || at.Before(i.wants[first]) {
			first = p
		}
	}
	if first == nil {
		return nil, time.Hour
	}
	if wait := i.wants[first].Sub(now); wait > 0 {
		return nil, wait
	}
	delete(i.wants, first)
	return first, 0
}

func (i *identifier) run() {
	ctx := i.w.life
	for ctx.Err() == nil {
		p, wait := i.next(time.Now())
		if p != nil {
			i.one(ctx, p)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-i.wake:
		}
		timer.Stop()
	}
}

// one identifies what is new in a location.
func (i *identifier) one(ctx context.Context, p *place) {
	select {
	case <-p.done: // it was removed
		return
	default:
	}
	if i.w.cfg.Held != nil && i.w.cfg.Held(ctx, p.id) {
		i.later(p, i.w.cfg.pace.poll)
		return
	}
	began := time.Now()
	report, err := identify.Run(ctx, i.w.cfg.Index, p.location(), identify.Options{}, index.Control{Report: p.identifies})
	p.identifies(index.Progress{})
	switch {
	case err == nil:
		p.identified("")
	case ctx.Err() != nil:
		return
	default:
		p.identified(err.Error())
		i.later(p, retryError)
		return
	}
	i.rest(p, report, time.Since(began))
	if report.Changed > 0 { // by the next scan they may be what the catalog says
		i.later(p, max(identifyAgain, identifyRest*time.Since(began)))
	}
}

// rest keeps a place for a while from being looked at again, where to find the few new files
// among all has taken long.
func (i *identifier) rest(p *place, r identify.Report, took time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.Files < fewFiles {
		i.rests[p] = time.Now().Add(min(restFactor*took, maxRest))
	}
	for p := range i.rests {
		select {
		case <-p.done:
			delete(i.rests, p)
		default:
		}
	}
}

// identifies takes the progress of an identification; the zero one ends it.
func (p *place) identifies(progress index.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.identifying = nil
	if progress != (index.Progress{}) {
		p.identifying = &progress
	}
}

// identified notes how an identification has ended, and logs an error once.
func (p *place) identified(text string) {
	p.mu.Lock()
	news := text != "" && text != p.identifyErr
	p.identifyErr = text
	name := p.loc.Name
	p.mu.Unlock()
	if news {
		p.w.log.Warn("the files of a location are not identified", "location", name, "err", text)
	}
}
