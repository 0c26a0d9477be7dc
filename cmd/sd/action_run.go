package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sd/actions"
	"sd/actions/steps"
	"sd/jobs"
	"sd/library"
	"sd/sdpath"
)

// work is an engine in this process, and those who have to hear of what it does.
type work struct {
	app    *app
	places *places
	notes  *notes
	engine *actions.Engine
	closed bool
	hurry  bool // the user wants it to end: no more than has to be is done
}

func (a *app) newWork(ctx context.Context, p *places) (*work, error) {
	n, err := newNotes(ctx, p)
	if err != nil {
		return nil, err
	}
	e := actions.New(actions.Config{Library: p.library, Resolver: p.resolver, Log: p.log, Hooks: n.hooks()})
	return &work{app: a, places: p, notes: n, engine: e}, nil
}

// close has all noted that was done. The files are as they should be, whatever comes of that.
func (w *work) close(ctx context.Context) {
	if w.closed {
		return
	}
	w.closed = true
	err := errors.Join(w.engine.Close(), w.notes.close(ctx))
	if err != nil {
		w.unnoted(err)
	}
}

// unnoted says that the index is behind.
func (w *work) unnoted(err error) {
	fmt.Fprintf(w.app.errOut, "not all of it is in the index yet ('sd location rescan' mends that): %v\n", err)
}

// run has a job done, by the mount if it is left to one, and prints what came of it.
func (w *work) run(ctx context.Context, job library.Job, row *actedRow) error {
	row.Acted, row.Job = true, job.ID
	bar := w.app.newActionProgress(row.Spec.Action)
	defer bar.clear()
	var err error
	left := job.Detached
	if left {
		left, err = w.follow(ctx, job, bar)
	}
	if !left && err == nil {
		job, err = w.places.attach(ctx, job)
	}
	if !left && err == nil {
		var outcome actions.Outcome
		outcome, err = w.engine.Run(ctx, job, bar.show)
		row.Outcome = &outcome
		w.hurry = ctx.Err() != nil
		if e := w.indexJob(context.WithoutCancel(ctx), job.ID); e != nil {
			w.unnoted(e)
		}
	}
	bar.clear()
	w.close(ctx)
	return w.app.showActed(ctx, w.places, row, err, left)
}

// errTakeOver is why a job that is left to a mount is followed no more: there is none.
var errTakeOver = errors.New("the mount is gone")

// follow follows a job that a mount does, and returns false if the mount has ended without
// having begun it, or has given it back. The error is that of ctx, or of the library.
func (w *work) follow(ctx context.Context, job library.Job, bar *actionProgress) (bool, error) {
	w.places.wakeMounts(ctx)
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	_, err := jobs.Wait(waiting, w.places.library, job.ID, func(j jobs.Job) {
		if !j.Live && !j.State.Ended() && j.State != library.Paused && !w.places.mountRunsJobs(ctx) {
			cancel(errTakeOver)
		}
		bar.showJob(j)
	})
	if errors.Is(context.Cause(waiting), errTakeOver) && ctx.Err() == nil {
		return false, nil
	}
	return true, err
}

// showActed prints what came of an action; err is what ended it here, and left tells that a
// mount has it.
func (a *app) showActed(ctx context.Context, p *places, row *actedRow, err error, left bool) error {
	stopped := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx)
	j, e := jobs.Get(ctx, p.library, row.Job)
	if e != nil {
		return errors.Join(err, e)
	}
	row.State, row.Error = j.State, j.Error
	if row.Outcome == nil && j.State.Ended() {
		row.Outcome = p.outcome(ctx, &j)
	}
	failure := jobFailure(&j, err, stopped, left)
	if failure == nil {
		failure = deniedError(&row.Plan)
	}
	if a.json {
		if failure != nil {
			row.Error = failure.Error()
		}
		return errors.Join(a.printJSON(row), failure)
	}
	if row.Outcome != nil && (j.State.Ended() || !left) {
		if !j.State.Ended() {
			row.Outcome.Left = 0 // it is still to be done
		}
		a.printOutcome(row)
	}
	return failure
}

// outcome is what a job that has ended came to, which the log knows since then; nil if it does not.
func (p *places) outcome(ctx context.Context, j *jobs.Job) *actions.Outcome {
	audit, err := p.library.JobAudit(ctx, j.ID)
	if err != nil || audit.State != j.State {
		return nil
	}
	if o, ok := actions.Decode(audit); ok {
		return &o
	}
	return nil
}

// jobFailure says what is amiss with a job, and what can be done about it; nil: it is done.
func jobFailure(j *jobs.Job, err error, stopped, left bool) error {
	part := new(actions.PartError)
	switch {
	case j.State == library.Done:
		return nil
	case stopped && left && !j.State.Ended():
		return fmt.Errorf("the mount goes on with it: 'sd job wait %d' follows that, 'sd job cancel %d' ends it", j.ID, j.ID)
	case j.State == library.Canceled:
		return fmt.Errorf("canceled; what was done before stays: 'sd log %d' lists it", j.ID)
	case j.State == library.Failed && errors.As(err, &part):
		return fmt.Errorf("%w; 'sd job resume %d' tries those again", err, j.ID)
	case j.State == library.Failed:
		return fmt.Errorf("%s; 'sd job resume %d' tries again", j.Error, j.ID)
	case err != nil && !stopped && !errors.Is(err, jobs.ErrPaused):
		return err
	}
	return fmt.Errorf("paused; go on with 'sd job resume %d', or give it up with 'sd job cancel %d'", j.ID, j.ID)
}

// printOutcome says what was done, and which files were not.
func (a *app) printOutcome(row *actedRow) {
	o := row.Outcome
	words := outcomeText(o)
	if words == "" && row.State != library.Done {
		return
	}
	if words == "" {
		words = "nothing was done"
	}
	if same := row.Plan.Same.Files; same > 0 {
		words += ", " + commas(same) + " there already"
	}
	if took := time.Duration(o.Seconds * float64(time.Second)); took > 0 {
		words += " in " + quickly(took)
		if bytes := copiedOnly(o).Bytes + o.Moved.Bytes; took >= time.Second && bytes > 0 {
			words += " (" + size(int64(float64(bytes)/took.Seconds())) + "/s)"
		}
	}
	fmt.Fprintln(a.out, words)
	if o.Trashed+o.Whole.Trashed > 0 && row.Spec.Action == steps.Remove {
		fmt.Fprintf(a.out, "'sd job undo %d' brings back what went to the trash\n", row.Job)
	}
	for i, f := range o.Failures {
		if i == manyNames {
			break
		}
		fmt.Fprintf(a.errOut, "%s: %s\n", printable(failureName(&f)), printable(f.Err))
	}
	for _, code := range sortedKeys(o.Lost) {
		fmt.Fprintf(a.errOut, "%s: %s\n", lostText(code), counted(o.Lost[code], "file"))
	}
}

// failureName is the file that a failure is about.
func failureName(f *actions.Failure) string {
	if f.From != "" {
		return f.From
	}
	return f.To
}

// outcomeText is what was done in a few words: "copied 3 files (1.2 MiB), made 1 folder".
func outcomeText(o *actions.Outcome) string {
	var words []string
	add := func(n int64, verb, thing string) {
		if n > 0 {
			words = append(words, verb+" "+counted(n, thing))
		}
	}
	sized := func(c steps.Count, verb string) {
		if c.Files > 0 {
			words = append(words, verb+" "+counted(c.Files, "file")+" ("+size(c.Bytes)+")")
		}
	}
	sized(copiedOnly(o), "copied")
	sized(o.Moved, "moved")
	add(o.Whole.Moved, "moved", "folder")
	add(o.Linked, "linked", "file")
	add(o.Restored, "brought back", "file")
	add(o.Whole.Restored, "brought back", "folder")
	add(o.Trashed, "moved to the trash:", "file")
	add(o.Whole.Trashed, "moved to the trash:", "folder")
	add(o.Removed, "removed", "file")
	add(o.Folders, "made", "folder")
	add(o.Skipped, "skipped", "file")
	if o.Failed > 0 {
		words = append(words, commas(o.Failed)+" failed")
	}
	if o.Left > 0 {
		words = append(words, commas(o.Left)+" not tried")
	}
	return strings.Join(words, ", ")
}

// copiedOnly is what was copied and not moved: what was moved by a copy counts as both.
func copiedOnly(o *actions.Outcome) steps.Count {
	renamed := o.Methods[steps.Rename.String()]
	return steps.Count{
		Files: o.Copied.Files - max(0, o.Moved.Files-renamed.Files),
		Bytes: o.Copied.Bytes - max(0, o.Moved.Bytes-renamed.Bytes),
	}
}

// quickly is how long work took, for people.
func quickly(d time.Duration) string {
	switch {
	case d < time.Second:
		return max(d, time.Millisecond).Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return roughly(d)
}

// wakeMounts has the mounts of this library look for jobs now, not in a second.
func (p *places) wakeMounts(ctx context.Context) {
	for _, m := range p.mounts(ctx) {
		_, _ = m.ask(ctx, request{Do: "jobs"}, controlTimeout, false, nil) // it looks by itself soon
	}
}

// thisDevicePath is a local path as an SdPath.
func (p *places) thisDevicePath(name string) sdpath.Path {
	return sdpath.NewPhysical(p.resolver.ThisDevice().Slug, name)
}
