package watch

import (
	"context"
	"time"
)

const (
	recent     = 15 * time.Minute // a scan of a volume that is not older will do at the start
	cloudEvery = 6 * time.Hour    // how often a volume is looked at for the changes of others
)

// cloud keeps a location in a volume fresh. What the mount changes comes by way of changes;
// what others change is found by looking now and then.
type cloud struct {
	*place
	atOnce bool          // look however recent the last scan is
	again  chan struct{} // somebody asks for a look
}

func newCloud(p *place, atOnce bool) *cloud {
	return &cloud{place: p, atOnce: atOnce, again: p.w.changes.again(p.id)}
}

func (c *cloud) run(ctx context.Context) {
	wait := c.first(time.Now())
	if wait > 0 {
		c.mu.Lock()
		c.seen = true
		c.mu.Unlock()
		c.set(Fresh, nil)
	} else {
		c.set(Waiting, nil)
	}
	// What a killed process has left unidentified.
	c.w.identify.want(c.place)
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-c.again:
			timer.Stop()
		}
		wait = cloudEvery
		if err := c.look(ctx); err != nil {
			wait = c.retry(err)
		}
	}
}

// first is how long the first look may wait.
func (c *cloud) first(now time.Time) time.Duration {
	scanned := c.location().Scanned
	if age := now.Sub(scanned); !c.atOnce && !scanned.IsZero() && age < recent && age >= 0 {
		return cloudEvery - age
	}
	return 0
}

func (c *cloud) look(ctx context.Context) error {
	done, err := c.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	return c.scan(ctx)
}
