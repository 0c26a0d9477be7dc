package actions

import (
	"context"
	"errors"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// feed gives the steps that are not done yet to the workers, in order.
func (r *run) feed(ctx context.Context) error {
	return r.plan.Each(1, func(s *steps.Step) error {
		if err := r.control.Check(ctx); err != nil {
			return err
		}
		if err := r.stopped(ctx); err != nil {
			return err
		}
		if s.Barrier {
			if err := r.drain(ctx); err != nil {
				return err
			}
		}
		if done, err := r.before(ctx, s); done || err != nil {
			return err
		}
		if err := r.reach(s.N); err != nil {
			return err
		}
		return r.give(ctx, s)
	})
}

// stopped returns why the run is to end, if it is.
func (r *run) stopped(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal != nil {
		return r.fatal
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// before tells whether an earlier run has done s, and counts that.
func (r *run) before(ctx context.Context, s *steps.Step) (bool, error) {
	switch state := r.history.State(s.N); {
	case state == steps.Done && !r.history.Doubted(s.N):
	case state == steps.Done && r.isKept(s):
	case state == steps.Skipped && s.Op != steps.OpRmdir: // by now the folder may be empty
	default:
		return false, nil
	}
	rec, err := r.history.Record(s.N)
	if err != nil {
		return false, err
	}
	if (s.Op == steps.OpCopy || s.Op == steps.OpLink) && r.isLocal(s.To) {
		// The run that made it may not have lived to make it safe.
		if err := r.made(ctx, r.stores[s.To.Store], s.To.Name); err != nil {
			return false, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state[s.N] = rec.State
	r.count(s, &rec, true)
	return true, nil
}

// isKept tells whether what s did outlived a loss of power before which nobody made it safe.
// Whether a local file has its bytes shows when it is compared.
func (r *run) isKept(s *steps.Step) bool {
	if !r.isLocal(s.To) || s.To.Name == "" {
		return true
	}
	if s.Op == steps.OpCopy || s.Op == steps.OpLink {
		return false
	}
	_, err := r.stores[s.To.Store].Stat(context.Background(), s.To.Name)
	return err == nil
}

// isLocal tells whether ref lies on this machine.
func (r *run) isLocal(ref steps.Ref) bool {
	if ref.Store < 0 || ref.Store >= len(r.stores) {
		return false
	}
	_, ok := r.stores[ref.Store].(*stores.Local)
	return ok
}

// reach has the journal know that step n may begin, before it does.
func (r *run) reach(n int64) error {
	if n <= r.reached {
		return nil
	}
	r.reached = n + reachBy - 1
	if err := r.journal.Append(steps.Record{N: r.reached, State: steps.Reached}); err != nil {
		return err
	}
	return r.journal.Flush()
}

// give gives s to a worker, or does it here if it has to be over before the next step
// begins, or parks it until what it waits for is done.
func (r *run) give(ctx context.Context, s *steps.Step) error {
	r.mu.Lock()
	for r.parked >= maxParked && ctx.Err() == nil && len(r.removal) == 0 {
		r.changed.Wait()
	}
	if r.parked >= maxParked && ctx.Err() == nil {
		r.mu.Unlock()
		if err := r.release(ctx); err != nil {
			return err
		}
		r.mu.Lock()
	}
	r.pending++
	if s.After != 0 {
		switch r.state[s.After] {
		case steps.Done, steps.Skipped:
		case 0:
			r.after[s.After] = append(r.after[s.After], s)
			r.parked++
			r.mu.Unlock()
			return nil
		default: // it will not be done in this run
			r.left(s)
			r.mu.Unlock()
			return nil
		}
		if s.Op == steps.OpRemove {
			was, err := r.removalOf(s)
			if err != nil {
				r.left(s)
				r.mu.Unlock()
				return err
			}
			r.removal = append(r.removal, was)
			r.parked++
			r.mu.Unlock()
			return nil
		}
	}
	r.mu.Unlock()
	if r.isInline(s) {
		r.perform(ctx, s)
		return nil
	}
	return r.send(ctx, s)
}

// send puts s before the workers. It is pending already.
func (r *run) send(ctx context.Context, s *steps.Step) error {
	select {
	case r.work <- s:
		return nil
	case <-ctx.Done():
		r.end(s, nil)
		return context.Cause(ctx)
	}
}

// isInline tells whether what follows s counts on it: folders, where files cannot be without.
func (r *run) isInline(s *steps.Step) bool {
	switch s.Op {
	case steps.OpMkdir:
		v, ok := r.stores[s.To.Store].(*stores.Volume)
		if !ok {
			return true
		}
		_, flat := v.Backend().(backends.Walker)
		return !flat
	case steps.OpRmdir, steps.OpForget:
		return true
	}
	return false
}

// drain waits until all steps that were given out have ended.
func (r *run) drain(ctx context.Context) error {
	for {
		r.mu.Lock()
		for r.pending > len(r.removal) && ctx.Err() == nil && r.fatal == nil {
			r.changed.Wait()
		}
		over := r.pending == 0
		r.mu.Unlock()
		if err := r.stopped(ctx); over || err != nil {
			return err
		}
		if err := r.release(ctx); err != nil {
			return err
		}
	}
}

// await waits until the workers have nothing left.
func (r *run) await() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		for _, w := range r.removal { // and what copies that end now let begin
			r.parked--
			r.left(w.step)
		}
		r.removal = nil
		if r.pending == 0 {
			return
		}
		r.changed.Wait()
	}
}

// release lets the removals begin whose files are elsewhere: safely so, before anything goes.
func (r *run) release(ctx context.Context) error {
	r.mu.Lock()
	list := r.removal
	r.removal = nil
	r.parked -= len(list)
	r.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	err := r.makeSafe(ctx)
	for i, w := range list {
		if err == nil {
			err = r.send(ctx, w.guarded(r))
			continue
		}
		for _, w := range list[i:] {
			r.end(w.step, nil)
		}
		break
	}
	return err
}

// end notes that a step has ended; rec is nil if it was not done in this run. What waits for
// it begins, or is left.
func (r *run) end(s *steps.Step, rec *steps.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec == nil {
		r.left(s)
		return
	}
	r.state[s.N] = rec.State
	r.unsave(s.N)
	r.count(s, rec, false)
	var ready []*steps.Step
	if r.after[s.N] == nil {
		r.keepVersion(s, rec)
	}
	if waiting := r.after[s.N]; waiting != nil {
		delete(r.after, s.N)
		for _, w := range waiting {
			switch {
			case rec.State == steps.Failed:
				r.parked--
				r.left(w)
			case w.Op == steps.OpRemove:
				r.removal = append(r.removal, removal{w, s.To, rec.Version, time.Now()})
			default:
				r.parked--
				ready = append(ready, w)
			}
		}
	}
	if len(ready) > 0 {
		// A worker must not wait for a worker. These end before the run does, as all do that
		// are pending.
		go func() {
			for _, s := range ready {
				r.work <- s
			}
		}()
	}
	r.pending--
	r.changed.Broadcast()
}

// notDone is the state of a step that is not done in this run, and has no record.
const notDone steps.State = 255

// left ends s without a record, and all that waits for it. r.mu is held.
func (r *run) left(s *steps.Step) {
	r.state[s.N] = notDone
	r.pending--
	for _, w := range r.after[s.N] {
		r.parked--
		r.left(w)
	}
	delete(r.after, s.N)
	r.changed.Broadcast()
}

// errNoStore is that of a plan which is wrong in itself.
var errNoStore = errors.New("the plan names a store that it does not have: plan again")
