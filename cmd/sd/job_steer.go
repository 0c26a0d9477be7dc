package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sd/jobs"
	"sd/library"
)

// isEnded tells that a job had ended before it could be steered.
func isEnded(err error) bool { return errors.As(err, new(*jobs.EndedError)) }

func (a *app) jobWaitCommand() *cobra.Command {
	return a.onJob(&cobra.Command{
		Use:   "wait JOB",
		Short: "follow a job to its end",
		Long: `Shows how far a job is until it ends, and succeeds if the job does. A job that is
paused or interrupted, with no process that would go on with it, is not waited for.`,
		Example: "  sd job wait 3",
	}, a.jobWait)
}

func (a *app) jobWait(ctx context.Context, p *places, id int64) error {
	j, err := jobs.Get(ctx, p.library, id)
	if err != nil {
		return err
	}
	if j.Kind == jobAction {
		return a.waitAction(ctx, p, j)
	}
	bar := a.newIndexProgress(j.Title)
	defer bar.clear()
	told := false
	j, err = jobs.Wait(ctx, p.library, id, func(j jobs.Job) {
		if j.Detached && !j.Live && !j.State.Ended() && !told && p.worker(ctx) == nil {
			told = true
			bar.say(fmt.Sprintf("job %d waits for a mount of this library: begin one with 'sd mount', or do it here with 'sd job resume %d'", id, id))
		}
		bar.showJob(j)
	})
	bar.clear()
	if err != nil {
		return err
	}
	row, err := p.jobRow(ctx, j)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(row)
	} else if j.State == library.Done {
		fmt.Fprintf(a.out, "job %d (%s) is done: %s\n", id, printable(j.Title), row.far())
	}
	switch j.State {
	case library.Done:
		return err
	case library.Failed:
		return errors.Join(err, fmt.Errorf("job %d (%s) did not succeed: %s", id, j.Title, j.Error))
	case library.Canceled:
		return errors.Join(err, fmt.Errorf("job %d (%s) was canceled", id, j.Title))
	}
	return errors.Join(err, fmt.Errorf("job %d (%s) is %s: go on with 'sd job resume %d'", id, j.Title, j.State, id))
}

func (a *app) jobPauseCommand() *cobra.Command {
	return a.onJob(&cobra.Command{
		Use:     "pause JOB",
		Short:   "let a job stand still",
		Example: "  sd job pause 3",
	}, func(ctx context.Context, p *places, id int64) error {
		return a.steered(ctx, p, id, "pause", jobs.Pause)
	})
}

func (a *app) jobCancelCommand() *cobra.Command {
	return a.onJob(&cobra.Command{
		Use:   "cancel JOB",
		Short: "give a job up",
		Long: `Gives a job up. What it has done so far stays; of a file that it was copying nothing does.
'sd job undo' takes back what it has done.`,
		Example: "  sd job cancel 3",
	}, func(ctx context.Context, p *places, id int64) error {
		return a.steered(ctx, p, id, "cancel", func(ctx context.Context, lib *library.Library, id int64) error {
			if j, err := lib.Job(ctx, id); err != nil || j.Kind != jobAction {
				return errors.Join(err, jobs.Cancel(ctx, lib, id))
			}
			w, err := a.newWork(ctx, p)
			if err != nil {
				return err
			}
			defer w.close(ctx)
			err = w.engine.Cancel(ctx, id)
			if isEnded(err) {
				err = fmt.Errorf("%w: 'sd log %d' tells what it did, and 'sd job undo %d' takes it back", err, id, id)
			}
			return err
		})
	})
}

// steerTimeout bounds how long the owner of a job may take to do what it is asked.
const steerTimeout = 30 * time.Second

// steered asks for a job to be steered and says that it was.
func (a *app) steered(ctx context.Context, p *places, id int64, what string, ask func(context.Context, *library.Library, int64) error) error {
	inner, cancel := context.WithTimeout(ctx, steerTimeout)
	defer cancel()
	if err := ask(inner, p.library, id); errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("job %d was asked to %s but is still busy; 'sd job info %d' shows when it has", id, what, id)
	} else if err != nil {
		return err
	}
	return a.showJobState(ctx, p, id)
}

func (a *app) showJobState(ctx context.Context, p *places, id int64) error {
	j, err := jobs.Get(ctx, p.library, id)
	if err != nil {
		return err
	}
	if a.json {
		row, err := p.jobRow(ctx, j)
		if err != nil {
			return err
		}
		return a.printJSON(row)
	}
	fmt.Fprintf(a.out, "job %d (%s) is %s\n", id, printable(j.Title), j.State)
	return nil
}

func (a *app) jobResumeCommand() *cobra.Command {
	var opts indexOptions
	cmd := a.onJob(&cobra.Command{
		Use:   "resume JOB",
		Short: "go on with a job",
		Long: `Goes on with a job that was paused, was interrupted or did not succeed: where it is
paused in a process that lives, that one goes on; one that a mount did is left to the
mount if there is one; else it is done here, with progress.`,
		Example: "  sd job resume 3",
	}, func(ctx context.Context, p *places, id int64) error {
		return a.jobResume(ctx, p, id, opts)
	})
	cmd.Flags().BoolVar(&opts.detach, "detach", false, "let the mount of this library do the work")
	cmd.Flags().BoolVarP(&opts.yes, "yes", "y", false, "download for mode deep without asking")
	return cmd
}

func (a *app) jobResume(ctx context.Context, p *places, id int64, opts indexOptions) error {
	told, err := jobs.Resume(ctx, p.library, id)
	if err != nil {
		return err
	}
	job, err := p.library.Job(ctx, id)
	if err != nil {
		return err
	}
	if !told && opts.detach {
		if err := p.needMount(ctx); err != nil {
			return err
		}
	}
	if !told && (opts.detach || job.Detached && p.worker(ctx) != nil) {
		told, err = true, jobs.Queue(ctx, p.library, id)
	}
	if told || err != nil {
		return errors.Join(err, a.showJobState(ctx, p, id))
	}
	switch job.Kind {
	case jobAction:
		return a.resumeAction(ctx, p, job)
	case jobIndex:
	default:
		return p.runJob(ctx, job) // which says that it cannot
	}
	loc, err := p.locationByID(ctx, job.Location)
	if err != nil {
		return fmt.Errorf("job %d: %w", id, err)
	}
	done, err := a.runIndexJob(ctx, p, loc, job, opts.yes)
	return a.showIndexed(ctx, p, loc, id, &done, err, opts)
}
