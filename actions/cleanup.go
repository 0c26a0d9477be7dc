package actions

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sd/actions/steps"
	"sd/library"
)

const (
	cleanTime  = 2 * time.Minute     // for removing what a canceled job has left
	keepPlans  = 90 * 24 * time.Hour // after its end a job can be undone, and told of
	keepDrafts = 24 * time.Hour
)

// cleanUp finds out what was done of a canceled job, and removes what is unfinished. r.mu is
// not held, and nothing runs any more.
func (r *run) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	err := r.findOut(ctx)
	var g errgroup.Group
	g.SetLimit(lookAtOnce)
	err = errors.Join(err, r.eachBegun(func(s *steps.Step) error {
		g.Go(func() error {
			r.cleanStep(ctx, s)
			return nil
		})
		return ctx.Err()
	}), g.Wait())
	left, _ := filepath.Glob(filepath.Join(r.e.dir, strconv.FormatInt(r.job, 10)+".saved-*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		r.e.log.Warn("a canceled job may have left something behind", "job", r.job, "err", err)
	}
}

// clean cleans up after a canceled job that nobody ran, and closes its row of the log.
func (e *Engine) clean(ctx context.Context, id int64) error {
	r, err := e.openRun(ctx, id)
	if err == nil {
		for n := range r.state {
			r.state[n] = r.history.State(int64(n))
		}
		if r.journal, err = steps.OpenJournal(e.journalPath(id)); err == nil {
			r.cleanUp(ctx)
		}
		err = errors.Join(err, r.close())
	}
	if lost := new(PlanLostError); errors.As(err, &lost) {
		err = nil
	}
	return errors.Join(err, e.settle(ctx))
}

// forget removes the plans and journals of jobs that ended long ago, and drafts that nobody
// will commit any more.
func (e *Engine) forget(ctx context.Context) {
	list, err := os.ReadDir(e.dir)
	if err != nil {
		return
	}
	now := time.Now()
	for _, f := range list {
		name := f.Name()
		info, err := f.Info()
		if err != nil {
			continue
		}
		age := now.Sub(info.ModTime())
		base, isPlan := strings.CutSuffix(name, ".plan")
		switch {
		case strings.HasPrefix(name, ".draft-") && age > keepDrafts:
			_ = os.Remove(filepath.Join(e.dir, name))
		case isPlan && age > keepPlans:
			id, err := strconv.ParseInt(base, 10, 64)
			if err != nil {
				continue
			}
			if _, ended, err := e.stateOf(ctx, id); err == nil && ended {
				_ = os.Remove(e.planPath(id))
				_ = os.Remove(e.journalPath(id))
			}
		}
	}
}

// settle closes the rows of the log whose jobs have ended without closing them: their process
// was killed just then, or they were canceled while nobody ran them.
func (e *Engine) settle(ctx context.Context) error {
	open, err := e.lib.OpenAudits(ctx)
	if err != nil {
		return err
	}
	for _, a := range open {
		if a.Job == 0 {
			continue
		}
		_, ended, err := e.stateOf(ctx, a.Job)
		if err != nil {
			return err
		}
		if !ended {
			continue
		}
		outcome, err := e.outcome(ctx, a.Job)
		if lost := new(PlanLostError); err != nil && !errors.As(err, &lost) {
			return err
		}
		if err := e.closeAudit(ctx, a.Job, &outcome); err != nil {
			return err
		}
	}
	return nil
}

// reopenAudit notes that a job which has failed goes on: its row of the log has no end until it
// ends again.
func (e *Engine) reopenAudit(ctx context.Context, id int64) error {
	audit, err := e.lib.JobAudit(ctx, id)
	if none := new(library.NoJobError); errors.As(err, &none) {
		return nil // no action
	}
	if err != nil || audit.State == "" {
		return err
	}
	audit.State, audit.Error, audit.Outcome, audit.Ended = "", "", nil, time.Time{}
	return e.lib.SetAudit(ctx, audit)
}

// closeAudit writes what came of a job into the log, if the job has ended.
func (e *Engine) closeAudit(ctx context.Context, id int64, outcome *Outcome) error {
	job, ended, err := e.stateOf(ctx, id)
	if err != nil || !ended {
		return err
	}
	audit, err := e.ending(ctx, job, outcome)
	if err != nil || audit.ID == 0 {
		return err
	}
	return e.lib.SetAudit(ctx, audit)
}

// endAction keeps how a job stands, and if it has ended what came of it too, at once.
func (e *Engine) endAction(ctx context.Context, job library.Job, outcome *Outcome) error {
	if !job.State.Ended() {
		return e.lib.UpdateJob(ctx, job)
	}
	audit, err := e.ending(ctx, job, outcome)
	if err != nil || audit.ID == 0 {
		return errors.Join(err, e.lib.UpdateJob(ctx, job))
	}
	return e.lib.EndAction(ctx, job, audit)
}

// ending is the row of the log of a job that has ended; the zero Audit if it has none.
func (e *Engine) ending(ctx context.Context, job library.Job, outcome *Outcome) (library.Audit, error) {
	audit, err := e.lib.JobAudit(ctx, job.ID)
	if none := new(library.NoJobError); errors.As(err, &none) {
		return library.Audit{}, nil // no action
	}
	if err != nil {
		return library.Audit{}, err
	}
	if audit.Outcome, err = outcome.json(); err != nil {
		return library.Audit{}, err
	}
	audit.State, audit.Error, audit.Ended = job.State, job.Error, job.Ended
	if audit.Ended.IsZero() {
		audit.Ended = time.UnixMilli(time.Now().UnixMilli()).UTC()
	}
	return audit, nil
}
