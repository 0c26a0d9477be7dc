package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sd/actions"
	"sd/jobs"
	"sd/library"
)

// mountRunsJobs tells whether a live mount of this library and this user takes actions: one
// that may write and that runs jobs at all.
func (p *places) mountRunsJobs(ctx context.Context) bool {
	for _, m := range p.mounts(ctx) {
		if !m.NoIndex && !m.ReadOnly {
			return true
		}
	}
	return false
}

// lane is the jobs of some kinds that are left to a mount. Each lane has workers of its own,
// so that an index that takes an hour keeps no file from being copied.
type lane struct {
	places *places
	name   string
	takes  func(kind string) bool
	run    func(ctx context.Context, job library.Job) error // as jobs.Run
	wake   <-chan struct{}                                  // look now
}

// work runs what is left to a mount, one job after the other, until ctx ends. Several workers
// of a lane run several jobs.
func (l *lane) work(ctx context.Context) {
	tick := time.NewTicker(jobsEvery)
	defer tick.Stop()
	seen, looked, failed := int64(-1), time.Time{}, ""
	for {
		n, err := l.places.library.Generation(ctx)
		if err == nil && (n != seen || time.Since(looked) >= strayEvery) {
			err = l.runQueued(ctx)
			seen, looked = n, time.Now()
		}
		if err != nil && ctx.Err() == nil && err.Error() != failed {
			failed = err.Error()
			l.places.log.Warn("jobs that are left to the mount wait", "jobs", l.name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
			seen = -1
		case <-tick.C:
		}
	}
}

// runQueued runs the lane's jobs, oldest first, until there is none or ctx ends. What does not
// succeed is told in the log; an error is one of the library.
func (l *lane) runQueued(ctx context.Context) error {
	p := l.places
	for {
		job, ok, err := l.next(ctx)
		if err != nil || !ok {
			return err
		}
		err = l.run(ctx, job)
		switch busy := new(jobs.BusyError); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil, errors.Is(err, jobs.ErrCanceled), errors.Is(err, jobs.ErrPaused), errors.As(err, &busy), isEnded(err):
			continue
		}
		p.log.Warn("a job did not succeed", "job", job.ID, "title", job.Title, "err", err)
		if now, e := p.library.Job(ctx, job.ID); e != nil || !now.State.Ended() {
			return errors.Join(err, e) // it would be taken again at once
		}
	}
}

// next is the oldest job of the lane that waits for a mount of this device: one that was not
// begun, or whose process ended without a word. It returns false if there is none.
func (l *lane) next(ctx context.Context) (library.Job, bool, error) {
	list, err := jobs.List(ctx, l.places.library, 0)
	if err != nil {
		return library.Job{}, false, err
	}
	for _, j := range list {
		waits := j.State == library.Queued || j.State == library.Interrupted
		if j.Detached && waits && !j.Live && l.takes(j.Kind) && j.Device == l.places.library.ThisDevice().ID {
			return j.Job, true, nil
		}
	}
	return library.Job{}, false, nil
}

// jobAction is the kind of jobs that change files.
const jobAction = actions.Kind

// runJob runs a job here that is no action.
func (p *places) runJob(ctx context.Context, job library.Job) error {
	if job.Kind != jobIndex {
		return jobs.Run(ctx, p.library, job, func(context.Context, *jobs.Control) error {
			return fmt.Errorf("this sd does not know jobs of kind %q: update sd", job.Kind)
		})
	}
	_, err := p.runIndexJob(ctx, job, nil, nil)
	return err
}
