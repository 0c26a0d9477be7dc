package actions

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"sd/actions/steps"
	"sd/library"
)

// Log returns the last `limit` rows of the audit log (0: all) from since on (zero: ever),
// oldest first. Rows of jobs that ended without a word are completed first.
func (e *Engine) Log(ctx context.Context, since time.Time, limit int) ([]library.Audit, error) {
	if err := e.settle(ctx); err != nil {
		return nil, err
	}
	return e.lib.Audits(ctx, since, limit)
}

// Outcomes calls fn with each step of a job's plan and its last record, in the order of the
// plan; the record of a step that was not tried is zero. It stops at fn's first error. A job
// whose plan is gone is a *PlanLostError.
func (e *Engine) Outcomes(ctx context.Context, job int64, fn func(*steps.Step, *steps.Record) error) error {
	plan, err := e.openPlan(job)
	if err != nil {
		return err
	}
	defer plan.Close()
	history, err := steps.ReadHistory(e.journalPath(job), plan.Header().Summary.Steps, bootID())
	if err != nil {
		return err
	}
	err = plan.Each(1, func(s *steps.Step) error {
		rec, err := history.Record(s.N)
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(s, &rec)
	})
	return errors.Join(err, history.Close())
}

// Header returns what the plan of a job says besides its steps.
func (e *Engine) Header(job int64) (steps.Header, error) {
	plan, err := e.openPlan(job)
	if err != nil {
		return steps.Header{}, err
	}
	return plan.Header(), plan.Close()
}

// URI returns how a person writes a file of a plan's step; "" for the zero Ref.
func (e *Engine) URI(ctx context.Context, refs []steps.StoreRef, ref steps.Ref) string {
	return e.uri(ctx, refs, ref)
}

// outcome is what the journal of a job says that it came to.
func (e *Engine) outcome(ctx context.Context, job int64) (Outcome, error) {
	r := run{e: e, job: job}
	header, err := e.Header(job)
	if err != nil {
		return Outcome{}, err
	}
	r.header = header
	var first, last int64
	err = e.Outcomes(ctx, job, func(s *steps.Step, rec *steps.Record) error {
		if rec.State.Ended() {
			r.count(s, rec, true)
		}
		if rec.At != 0 && (first == 0 || rec.At < first) {
			first = rec.At
		}
		last = max(last, rec.At)
		return nil
	})
	r.outcome.Left = header.Work.Files - r.counts.files.Load()
	r.outcome.Seconds = float64(last-first) / 1000
	return r.outcome, err
}

// Decode reads an Outcome from a row of the log; false if it has none.
func Decode(a library.Audit) (Outcome, bool) {
	var o Outcome
	if len(a.Outcome) <= 2 || json.Unmarshal(a.Outcome, &o) != nil {
		return Outcome{}, false
	}
	return o, true
}

func (o *Outcome) json() (json.RawMessage, error) { return json.Marshal(o) }
