package actions

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"time"

	"sd/actions/steps"
	"sd/jobs"
	"sd/library"
)

// lastWords is how long the end of a job may take to be written down.
const lastWords = 20 * time.Second

// Run runs a committed job here, or goes on with one that was interrupted, paused or has
// Failed in part, and blocks until it ends; jobs.Run says how it may end, and what a pause
// does. show, which may be nil, is called some times a second, by one goroutine. Steps that
// have failed do not end a job: the rest is done, and then the error is a *PartError. The
// Outcome is also valid with an error.
func (e *Engine) Run(ctx context.Context, job library.Job, show func(Progress)) (Outcome, error) {
	var (
		outcome Outcome
		spec    steps.Spec
		ran     bool
	)
	err := jobs.Run(ctx, e.lib, job, func(ctx context.Context, control *jobs.Control) error {
		if err := e.reopenAudit(ctx, job.ID); err != nil {
			return err
		}
		r, err := e.newRun(ctx, control)
		if err != nil {
			return err
		}
		ran, spec = true, r.header.Spec
		control.KeepEnd(func(ctx context.Context, job library.Job) error { return e.endAction(ctx, job, &outcome) })
		outcome, err = r.run(ctx, show)
		return errors.Join(err, r.close())
	})
	if !ran {
		return outcome, err
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if settling := e.settleSync(late, &spec); settling != nil {
		e.log.Warn("the next sync will compare more than it has to", "job", job.ID, "err", settling)
	}
	return outcome, err
}

// Cancel cancels a job, whoever runs it, and returns when it has ended: what it had begun and
// not finished is removed. Of a job that nobody runs that is done here.
func (e *Engine) Cancel(ctx context.Context, id int64) error {
	if err := jobs.Cancel(ctx, e.lib, id); err != nil {
		return err
	}
	audit, err := e.lib.JobAudit(ctx, id)
	if err != nil || audit.State != "" {
		return err // its owner has cleaned up
	}
	return e.clean(ctx, id)
}

// PlanLostError says that a job cannot be run because its plan is not there, or not whole.
type PlanLostError struct {
	Job int64
	Err error
}

func (e *PlanLostError) Error() string {
	return fmt.Sprintf("the plan of job %d is lost (%v): nothing more can be done of it, plan it again", e.Job, e.Err)
}

// Unwrap gives the cause.
func (e *PlanLostError) Unwrap() error { return e.Err }

// openPlan opens the plan of a job.
func (e *Engine) openPlan(job int64) (*steps.Plan, error) {
	plan, err := steps.Open(e.planPath(job))
	if err != nil {
		return nil, &PlanLostError{Job: job, Err: err}
	}
	return plan, nil
}

// stateOf is how a job stands, false if it is not over.
func (e *Engine) stateOf(ctx context.Context, id int64) (library.Job, bool, error) {
	job, err := jobs.Get(ctx, e.lib, id)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return library.Job{ID: id, State: library.Interrupted}, true, nil // so old that it was forgotten
	case err != nil:
		return library.Job{}, false, err
	}
	return job.Job, job.State.Ended(), nil
}
