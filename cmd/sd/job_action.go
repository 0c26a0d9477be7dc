package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sd/actions"
	"sd/actions/steps"
	"sd/jobs"
	"sd/library"
)

// actionRow is what a row about a job says of an action.
type actionRow struct {
	Action  steps.Action     `json:"action"`
	Outcome *actions.Outcome `json:"outcome,omitempty"` // once it has ended

	progress actions.Progress
	known    bool // progress has a meaning
}

// addAction adds to a row what is known of the action.
func (p *places) addAction(ctx context.Context, row *jobRow, j *jobs.Job) {
	row.Action = &actionRow{Action: actionOf(&j.Job)}
	if audit, err := p.library.JobAudit(ctx, j.ID); err == nil && j.State.Ended() {
		if o, ok := actions.Decode(audit); ok {
			row.Action.Outcome = &o
		}
	}
	far := &row.Action.progress
	if row.Action.known = j.Decode(far); !row.Action.known {
		return
	}
	row.Rate, row.ByteRate = far.Rate()
	if share, ok := actionShare(far); ok {
		row.Share = &share
	}
	if left, ok := far.Left(); ok && j.State == library.Running {
		seconds := left.Seconds()
		row.Left = &seconds
	}
}

// actionOf is which action a job does.
func actionOf(j *library.Job) steps.Action {
	var args struct {
		Action steps.Action `json:"action"`
	}
	_ = json.Unmarshal(j.Args, &args) // of another kind: none
	return args.Action
}

// farAction says in a few words how far an action is.
func (r *jobRow) farAction() string {
	if o := r.Action.Outcome; o != nil {
		if text := outcomeText(o); text != "" {
			return text
		}
		return "nothing to do"
	}
	if !r.Action.known {
		return "-"
	}
	p := &r.Action.progress
	if p.Waiting != "" && r.State == library.Running {
		return "waiting: " + p.Waiting
	}
	text := ofTotal(commas(p.Files), p.TotalFiles, commas) + " files"
	if r.Share != nil {
		text += ", " + percent(*r.Share)
	}
	if r.Left != nil {
		text += ", " + roughly(time.Duration(*r.Left*float64(time.Second))) + " left"
	}
	if p.Failed > 0 {
		text += ", " + commas(p.Failed) + " failed"
	}
	return text
}

// actionCells are the lines of sd job info about an action.
func (r *jobRow) actionCells() (cells [][]string) {
	add := func(name, value string) { cells = append(cells, []string{name, value}) }
	if r.Action.known {
		p := &r.Action.progress
		if !r.State.Ended() {
			add("phase", orDash(p.Phase))
		}
		add("files", ofTotal(commas(p.Files), p.TotalFiles, commas))
		add("bytes", ofTotal(size(p.Bytes), p.TotalBytes, size))
		if p.Waiting != "" {
			add("waits for", p.Waiting)
		}
		if !r.State.Ended() {
			add("rate", size(int64(r.ByteRate))+"/s, "+commas(int64(r.Rate))+" files/s")
		}
		if r.Left != nil {
			add("left", roughly(time.Duration(*r.Left*float64(time.Second))))
		}
		if p.Failed > 0 {
			add("failed", commas(p.Failed))
		}
		for _, name := range p.Current {
			add("now", name)
		}
	}
	if o := r.Action.Outcome; o != nil {
		add("outcome", orDash(outcomeText(o)))
		for i, f := range o.Failures {
			if i == manyNames {
				break
			}
			add("not done", failureName(&f)+": "+f.Err)
		}
	}
	return append(cells, []string{"more", fmt.Sprintf("'sd log %d' tells what became of each file", r.ID)})
}

// resumeAction goes on with an action in this process.
func (a *app) resumeAction(ctx context.Context, p *places, job library.Job) error {
	w, err := a.newWork(ctx, p)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	row := actedRow{Spec: steps.Spec{Action: actionOf(&job)}}
	if h, err := w.engine.Header(job.ID); err == nil {
		row.Spec, row.Plan = h.Spec, h.Summary
	}
	if job, err = p.attach(ctx, job); err != nil {
		return err
	}
	return w.run(ctx, job, &row)
}

// attach makes a job that nobody runs one of this process, which a mount leaves alone.
func (p *places) attach(ctx context.Context, job library.Job) (library.Job, error) {
	if !job.Detached {
		return job, nil
	}
	job.Detached = false
	return job, p.library.UpdateJob(ctx, job)
}

// waitAction follows an action to its end, and prints what came of it.
func (a *app) waitAction(ctx context.Context, p *places, j jobs.Job) error {
	row := actedRow{Acted: true, Job: j.ID, Spec: steps.Spec{Action: actionOf(&j.Job)}}
	w, err := a.newWork(ctx, p)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	if h, err := w.engine.Header(j.ID); err == nil {
		row.Spec, row.Plan = h.Spec, h.Summary
	}
	bar := a.newActionProgress(row.Spec.Action)
	told := false
	_, err = jobs.Wait(ctx, p.library, j.ID, func(j jobs.Job) {
		if j.Detached && !j.Live && !j.State.Ended() && !told && !p.mountRunsJobs(ctx) {
			told = true
			bar.say(fmt.Sprintf("job %d waits for a mount of this library: begin one with 'sd mount', or do it here with 'sd job resume %d'", j.ID, j.ID))
		}
		bar.showJob(j)
	})
	bar.clear()
	return a.showActed(ctx, p, &row, err, true)
}

func (a *app) jobUndoCommand() *cobra.Command {
	var f actionFlags
	cmd := a.onJob(&cobra.Command{
		Use:   "undo JOB",
		Short: "take back what a job has done",
		Long: `Takes back what a cp, mv, rm, mkdir or sync has done, as far as that can be: what went to the
trash comes back, what was moved goes back, copies go to the trash if they still are what
was copied, folders that were made are removed if they are empty. What others have changed
since stays. Files that were replaced or removed for good cannot come back, and the plan
says which. It is a job like any other, with a preview.`,
		Example: "  sd job undo 12 --preview",
	}, func(ctx context.Context, p *places, id int64) error {
		return a.actOn(ctx, p, f, func(ctx context.Context, e *actions.Engine) (*actions.Draft, error) {
			return e.PlanUndo(ctx, id, p.who())
		})
	})
	f.add(cmd)
	return cmd
}
