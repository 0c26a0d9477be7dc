package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"

	"sd/actions/steps"
	"sd/library"
)

// Draft is a plan that nothing was done of. It is for one goroutine.
type Draft struct {
	engine *Engine
	path   string
	plan   *steps.Plan // nil once the Draft has ended
}

// Spec returns what was asked for.
func (d *Draft) Spec() steps.Spec { return d.plan.Header().Spec }

// Summary returns what the plan comes to. Its slices and maps are shared.
func (d *Draft) Summary() steps.Summary { return d.plan.Header().Summary }

// Stores returns the stores that steps refer to.
func (d *Draft) Stores() []steps.StoreRef { return d.plan.Header().Stores }

// Each calls fn with the steps in order, until fn returns an error, which it returns as it is.
func (d *Draft) Each(fn func(*steps.Step) error) error { return d.plan.Each(1, fn) }

// URI returns how a person writes the file that a step refers to; "" for the zero Ref.
func (d *Draft) URI(ctx context.Context, ref steps.Ref) string {
	return d.engine.uri(ctx, d.plan.Header().Stores, ref)
}

// Commit makes a job of the plan, and ends the Draft. A detached job is Queued, for a mount to
// take; any other is Paused, for the caller to Run. The row in the audit log is written.
func (d *Draft) Commit(ctx context.Context, detached bool) (library.Job, error) {
	if d.plan == nil {
		return library.Job{}, errors.New("this plan was committed or dropped already")
	}
	e, header := d.engine, d.plan.Header()
	spec := &header.Spec
	args, err := json.Marshal(jobArgs{Action: spec.Action})
	if err != nil {
		return library.Job{}, err
	}
	if spec.Action == steps.Undo {
		if err := e.undoable(ctx, spec.Job); err != nil { // somebody else may have begun it
			return library.Job{}, err
		}
	}
	e.forget(ctx)
	// Until the plan has its name no mount may begin.
	job := library.Job{Kind: Kind, Title: Title(spec), Args: args, State: library.Paused}
	job, _, err = e.lib.AddAction(ctx, job, library.Audit{
		Action: string(spec.Action), Title: job.Title, Command: spec.Who.Line, User: spec.Who.User, UID: spec.Who.UID,
		Host: spec.Who.Host, Undoes: spec.Job,
	})
	if err != nil {
		return library.Job{}, err
	}
	// A library that was put back from an older copy gives its numbers again: what an earlier job
	// of this one has done was not done by this one.
	err = os.Remove(e.journalPath(job.ID))
	if errors.Is(err, iofs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = os.Rename(d.path, e.planPath(job.ID))
	}
	if err != nil {
		return library.Job{}, fmt.Errorf("keep the plan of job %d: %w", job.ID, err)
	}
	err = d.plan.Close()
	d.plan = nil
	if err == nil && detached {
		job.Detached, job.State = true, library.Queued
		err = e.lib.UpdateJob(ctx, job)
	}
	return job, err
}

// Discard removes the plan. After Commit or Discard it does nothing.
func (d *Draft) Discard() error {
	if d.plan == nil {
		return nil
	}
	err := d.plan.Close()
	d.plan = nil
	return errors.Join(err, os.Remove(d.path))
}

// jobArgs are the Args of jobs.
type jobArgs struct {
	Action steps.Action `json:"action"`
}

// uri writes a Ref as a person would. Where its store is gone, that shows.
func (e *Engine) uri(ctx context.Context, refs []steps.StoreRef, ref steps.Ref) string {
	if ref == (steps.Ref{}) || ref.Store < 0 || ref.Store >= len(refs) {
		return ""
	}
	st, err := e.set.Open(ctx, refs[ref.Store])
	if err != nil {
		return refs[ref.Store].URI + ref.Name
	}
	return st.URI(ref.Name).String()
}
