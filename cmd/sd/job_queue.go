package main

import (
	"context"
	"errors"
	"fmt"

	"sd/jobs"
	"sd/library"
)

// runQueuedJobs runs the jobs that were left to a mount, one after the other, until there is
// none or ctx ends. What does not succeed is told in the log; an error is one of the library.
func (p *places) runQueuedJobs(ctx context.Context) error {
	for {
		job, ok, err := jobs.Next(ctx, p.library)
		if err != nil || !ok {
			return err
		}
		err = p.runJob(ctx, job.Job)
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

// jobAction is the kind of jobs that change files.
const jobAction = "action"

// mountRunsJobs tells whether a live mount of this library and this user takes jobs of
// kind jobAction: one that may write and that runs jobs at all.
func (p *places) mountRunsJobs(ctx context.Context) bool {
	for _, m := range p.mounts(ctx) {
		if !m.NoIndex && !m.ReadOnly {
			return true
		}
	}
	return false
}

// runJob runs a job of any kind here.
func (p *places) runJob(ctx context.Context, job library.Job) error {
	if job.Kind != jobIndex {
		return jobs.Run(ctx, p.library, job, func(context.Context, *jobs.Control) error {
			return fmt.Errorf("this sd does not know jobs of kind %q: update sd", job.Kind)
		})
	}
	_, err := p.runIndexJob(ctx, job, nil, nil)
	return err
}
