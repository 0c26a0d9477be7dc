package watch

import (
	"time"
)

const (
	packDelay = 10 * time.Second // from the first change to the packing
	packRest  = 20               // how many times as long as it takes lies between two
)

// packer has the names for search brought up to date after changes. Search finds what is
// new without that; only slower, the more there is.
type packer struct {
	w    *Watcher
	news chan struct{}
}

func newPacker(w *Watcher) *packer { return &packer{w: w, news: make(chan struct{}, 1)} }

// changed tells of changes.
func (p *packer) changed() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

func (p *packer) run() {
	ctx := p.w.life
	failed := false
	for wait := packDelay; ; {
		select {
		case <-ctx.Done():
			return
		case <-p.news:
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if p.w.cfg.Pack == nil {
			continue
		}
		began := time.Now()
		err := p.w.cfg.Pack(ctx)
		if err != nil && !ended(ctx, err) && !failed {
			p.w.log.Warn("the names for search are not packed", "err", err)
		}
		failed = err != nil
		wait = max(packDelay, packRest*time.Since(began))
	}
}
