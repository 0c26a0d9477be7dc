package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"sd/actions"
	"sd/actions/plan"
	"sd/actions/steps"
	"sd/backends"
	"sd/library"
	"sd/sdpath"
)

// maker makes the plan of an action. It returns soon after ctx ends.
type maker func(ctx context.Context, e *actions.Engine) (*actions.Draft, error)

// act does what spec says: it plans, shows what the flags and the rules want shown, asks,
// keeps the plan as a job, has that run, here or by the mount, and says what came of it.
func (a *app) act(ctx context.Context, p *places, spec steps.Spec, f actionFlags) error {
	return a.actOn(ctx, p, f, func(ctx context.Context, e *actions.Engine) (*actions.Draft, error) {
		bar := a.newActionProgress(spec.Action)
		defer bar.clear()
		draft, err := e.Plan(ctx, spec, func(now plan.Progress) { bar.showPlanning(now) })
		return draft, p.explain(ctx, &spec, err)
	})
}

// actOn is act with the plan of another maker.
func (a *app) actOn(ctx context.Context, p *places, f actionFlags, plan maker) error {
	w, err := a.newWork(ctx, p)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	draft, err := plan(ctx, w.engine)
	switch {
	case ctx.Err() != nil:
		return errors.Join(errNothingDone, discard(draft))
	case err != nil:
		return a.refused(err)
	}
	defer draft.Discard() // nothing, once it is committed
	row := actedRow{Spec: draft.Spec(), Plan: draft.Summary()}
	yes, err := a.consented(ctx, draft, &row, f)
	if !yes || err != nil {
		if a.json {
			err = errors.Join(a.printJSON(row), err)
		}
		return err
	}
	job, err := draft.Commit(ctx, p.mountRunsJobs(ctx))
	if err != nil {
		return err
	}
	return w.run(ctx, job, &row)
}

func discard(d *actions.Draft) error {
	if d == nil {
		return nil
	}
	return d.Discard()
}

// consented shows the plan, where that is asked for or has to be agreed to, and tells whether
// it is to be done.
func (a *app) consented(ctx context.Context, draft *actions.Draft, row *actedRow, f actionFlags) (bool, error) {
	asked := questions(&row.Spec, &row.Plan)
	shown := !a.json && f.shows()
	w := a.out
	if !f.shows() && !f.yes && len(asked) > 0 && row.Plan.Conflicts == 0 && a.asksOnTerminal() {
		w, shown = a.errOut, true
	}
	if shown {
		if err := a.showPlan(ctx, w, draft, row); err != nil {
			return false, err
		}
	}
	if err := a.inConflict(row, shown); err != nil {
		return false, err
	}
	if !shown {
		a.warn(&row.Plan)
	}
	if row.Plan.Steps == 0 {
		if !shown && !a.json {
			a.sayNothingToDo(row)
		}
		return false, deniedError(&row.Plan)
	}
	return a.agreed(ctx, f, asked)
}

// warn tells what the user should know of a plan that is not shown to him.
func (a *app) warn(s *steps.Summary) {
	for _, w := range s.Warnings {
		fmt.Fprintln(a.errOut, "warning: "+printable(warningText(&w)))
	}
	printConflicts(a.errOut, s.DeniedList, s.Denied, "refused")
}

// actedRow is an action as it is printed: what was planned, and what came of it.
type actedRow struct {
	Acted   bool             `json:"acted"`
	Spec    steps.Spec       `json:"spec"`
	Plan    steps.Summary    `json:"plan"`
	Job     int64            `json:"job,omitempty"`
	State   library.JobState `json:"state,omitempty"`
	Error   string           `json:"error,omitempty"`
	Outcome *actions.Outcome `json:"outcome,omitempty"`
}

// sayNothingToDo says why there is nothing to do.
func (a *app) sayNothingToDo(row *actedRow) {
	text := "nothing to do"
	switch same := row.Plan.Same; {
	case same.Files == 0:
	case row.Spec.Action == steps.Mkdir:
		text += ": " + plural(same.Files, "folder is", "folders are") + " there already"
	case same.Files == 1:
		text += ": 1 file (" + size(same.Bytes) + ") is there already"
	default:
		text += ": " + counted(same.Files, "file") + " (" + size(same.Bytes) + ") are there already"
	}
	fmt.Fprintln(a.out, text)
}

// deniedError is for files that were left out of a plan: they may not be touched, or the target
// cannot have their names.
func deniedError(s *steps.Summary) error {
	if s.Denied == 0 {
		return nil
	}
	return fmt.Errorf("%s left out of it: see what was refused above", plural(s.Denied, "file was", "files were"))
}

// explain adds to the failure of a plan, where a volume could not be reached, how to learn more.
func (p *places) explain(ctx context.Context, spec *steps.Spec, err error) error {
	if !errors.Is(err, backends.ErrOffline) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	var tests []string
	for _, s := range append([]steps.Source{spec.Target}, spec.Sources...) {
		at, e := sdpath.Parse(s.URI)
		if _, cloud := at.(sdpath.Cloud); e != nil || !cloud {
			continue
		}
		v, _, e := p.resolver.Resolve(ctx, at)
		switch {
		case e != nil || v == nil:
		case expired(v):
			return &expiredError{v.Info.Name, err}
		case errors.Is(err, backends.ErrOffline):
			tests = append(tests, "'sd volume test "+shellWord(v.Info.Name)+"'")
		}
	}
	slices.Sort(tests)
	if tests = slices.Compact(tests); len(tests) == 0 {
		return err
	}
	return fmt.Errorf("%w: nothing was done; see %s", err, strings.Join(tests, " and "))
}

// refused puts the failure of a plan in words; what stands in the way is listed.
func (a *app) refused(err error) error {
	conflict := new(plan.ConflictError)
	if !errors.As(err, &conflict) {
		return err
	}
	printConflicts(a.errOut, conflict.List, int64(len(conflict.List)), "conflict")
	return errors.New("nothing was done")
}

// inConflict refuses a plan that would leave out files because others are in their way. A sync
// has rules of its own for them.
func (a *app) inConflict(row *actedRow, shown bool) error {
	s := &row.Plan
	if s.Conflicts == 0 || row.Spec.Action == steps.Sync {
		return nil
	}
	if !shown && !a.json {
		printConflicts(a.errOut, s.ConflictList, s.Conflicts, "conflict")
	}
	return fmt.Errorf("%s in the way, so nothing was done: say what becomes of such files with --overwrite never, newer, changed or always",
		plural(s.Conflicts, "file is", "files are"))
}
