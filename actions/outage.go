package actions

import (
	"context"
	"slices"
	"strings"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
)

const (
	firstProbe = time.Second
	lastProbe  = 30 * time.Second
	probeTime  = 20 * time.Second // for one probe
	maxWaits   = 20               // for a store that is back each time, and lets one step get no farther
)

// outage is some stores of which one could not be reached, and the steps that wait for it.
type outage struct {
	wants []stores.Store
	steps []*steps.Step
	why   string
}

// park has s wait for its stores, if err says that one cannot be reached, or if that is known
// already and err is nil. It returns false if s need not wait.
func (r *run) park(ctx context.Context, s *steps.Step, err error) bool {
	if err == nil && !r.anyOutage() {
		return false
	}
	wants, key := r.remote(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.outages[key]
	if o == nil {
		if err == nil {
			return false
		}
		o = &outage{wants: wants, why: whyOut(wants, err)}
		r.outages[key] = o
		r.waits.Go(func() { r.waitFor(ctx, key, o) })
	}
	o.steps = append(o.steps, s)
	r.parked++
	r.changed.Broadcast()
	return true
}

// mayWait tells whether a step may wait for its store once more: one that answers to all but
// this must not keep the job for ever.
func (r *run) mayWait(s *steps.Step) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waited[s.N]++
	return r.waited[s.N] <= maxWaits
}

func (r *run) anyOutage() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.outages) > 0
}

// remote returns the stores of s that may be out of reach, and a key for them.
func (r *run) remote(s *steps.Step) (list []stores.Store, key string) {
	var keys []string
	for _, ref := range []steps.Ref{s.From, s.To} {
		if ref == (steps.Ref{}) || ref.Store >= len(r.stores) {
			continue
		}
		st := r.stores[ref.Store]
		if v, ok := st.(*stores.Volume); ok && !slices.Contains(keys, v.Key()) {
			list, keys = append(list, v), append(keys, v.Key())
		}
	}
	slices.Sort(keys)
	return list, strings.Join(keys, " ")
}

// waitFor looks again and again whether the stores are back, and then gives their steps to
// the workers. It gives up with ctx.
func (r *run) waitFor(ctx context.Context, key string, o *outage) {
	pause := firstProbe
	if r.backAt(key) {
		pause = lastProbe / 4 // it answers to little questions only
	}
	for {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		if ctx.Err() != nil || r.reachable(ctx, o) {
			break
		}
		pause = min(2*pause, lastProbe)
	}
	r.mu.Lock()
	delete(r.outages, key)
	r.back[key] = time.Now()
	list := o.steps
	r.parked -= len(list)
	r.changed.Broadcast()
	r.mu.Unlock()
	for _, s := range list {
		r.work <- s // the workers end them if ctx has ended
	}
}

// backAt tells whether the same stores were thought to be back just before.
func (r *run) backAt(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.back[key]) < lastProbe
}

// reachable asks each store for its root.
func (r *run) reachable(ctx context.Context, o *outage) bool {
	for _, st := range o.wants {
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		_, err := st.Stat(ctx, "")
		cancel()
		if err != nil && isOffline(err) {
			r.mu.Lock()
			o.why = st.URI("").String() + " is unreachable"
			r.mu.Unlock()
			return false
		}
	}
	return true
}

// whyOut says what is waited for before it was looked which of the stores it is.
func whyOut(wants []stores.Store, err error) string {
	var list []string
	for _, st := range wants {
		list = append(list, st.URI("").String())
	}
	if len(list) == 0 {
		return err.Error()
	}
	return strings.Join(list, " or ") + " is unreachable"
}

// waiting says what the job waits for, "" if nothing.
func (r *run) waiting() string {
	var list []string
	for _, o := range r.outages {
		list = append(list, o.why)
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}
