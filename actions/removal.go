package actions

import (
	"context"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// freshCopy is how long a copy in a volume is taken to be there without another look.
const freshCopy = time.Minute

// removal is the removal of a file that was copied elsewhere before, and the copy.
type removal struct {
	step    *steps.Step
	to      steps.Ref
	version string    // "" is any
	at      time.Time // when it was made; zero: long ago, for all we know
}

// removalOf is the removal s of a file whose copy has been made or found. r.mu is held.
func (r *run) removalOf(s *steps.Step) (w removal, err error) {
	w.step = s
	made, err := r.copies.Step(s.After)
	if err != nil {
		return w, err
	}
	w.to, w.version = made.To, r.versions[s.After]
	if state := r.history.State(s.After); w.version == "" && (state == steps.Done || state == steps.Skipped) {
		rec, err := r.history.Record(s.After)
		if err != nil {
			return w, err
		}
		w.version = rec.Version
	}
	return w, nil
}

// keepVersion keeps the version of a copy for the removal that may follow it. r.mu is held.
func (r *run) keepVersion(s *steps.Step, rec *steps.Record) {
	if s.Op != steps.OpCopy || r.header.Spec.Action == steps.Copy {
		return
	}
	if r.versions == nil {
		r.versions = make(map[int64]string)
	}
	r.versions[s.N] = rec.Version
}

// guarded is the step of w, to be done only if the copy is there still: nobody may have taken it
// away, or changed it, while this job was paused or had more to copy.
func (w *removal) guarded(r *run) *steps.Step {
	if w.to == (steps.Ref{}) || w.step.Near != nil || !r.isLocal(w.to) && time.Since(w.at) < freshCopy {
		return w.step
	}
	s := *w.step
	s.Near, s.NearVersion = &w.to, w.version
	return &s
}

// purged is the outcome of s, which has removed From: where that is to be for good, nothing stays
// of it in a store that keeps versions.
func (r *run) purged(ctx context.Context, s *steps.Step, from stores.Store, rec steps.Record, err error) (steps.Record, error) {
	v, ok := from.(*stores.Volume)
	if err != nil || rec.State != steps.Done || !r.header.Spec.Options.Permanent || !ok {
		return rec, err
	}
	purger, purges := v.Backend().(backends.Purger)
	keeper, keeps := v.Backend().(backends.Undeleter)
	if !purges || !keeps {
		return rec, nil
	}
	if keeps, err = keeper.KeepsVersions(ctx); err == nil && keeps {
		err = purger.Purge(ctx, s.From.Name, s.Op == steps.OpRmdir)
	}
	return rec, err
}
