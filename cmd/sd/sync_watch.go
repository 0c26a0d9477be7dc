package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"sd/actions"
	"sd/actions/plan"
	"sd/actions/steps"
	"sd/actions/syncs"
	"sd/backends"
	"sd/index/watch"
	"sd/library"
	"sd/sdpath"
)

const (
	watchQuiet = time.Second      // without changes, before a round begins
	watchBusy  = 10 * time.Second // of changes, after which it begins all the same
)

// watchSync syncs until ctx ends.
func (a *app) watchSync(ctx context.Context, p *places, spec steps.Spec, f *syncFlags) error {
	changed := make(chan struct{}, 1)
	poll := false
	for _, s := range []steps.Source{spec.Sources[0], spec.Target} {
		tree, err := watchSide(ctx, p, s)
		if err != nil {
			return err
		}
		if tree == nil {
			poll = true
			continue
		}
		defer tree.Close()
		if err := tree.Partial(); err != nil {
			poll = true
			fmt.Fprintf(a.errOut, "%s: %v, so it is looked at every %s\n", printable(s.URI), err, f.interval)
		}
		go pass(ctx, tree.Changed(), changed)
	}
	if err := a.sync(ctx, p, spec, f.actionFlags); err != nil && !a.goesOn(ctx, err) {
		return err
	}
	fmt.Fprintln(a.errOut, "watching; Ctrl-C ends it")
	for {
		if !wait(ctx, changed, poll, f.interval) {
			return nil
		}
		if err := a.syncRound(ctx, p, spec); err != nil && !a.goesOn(ctx, err) {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// watchSide watches a side that is a folder here; nil: it is none.
func watchSide(ctx context.Context, p *places, s steps.Source) (*watch.Tree, error) {
	at, err := sdpath.Parse(s.URI)
	if err != nil {
		return nil, err
	}
	if _, ok := at.(sdpath.Physical); !ok {
		return nil, nil
	}
	_, name, err := p.resolver.Resolve(ctx, at)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	tree, err := watch.WatchTree(name)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", s.URI, err)
	}
	return tree, nil
}

// pass hands on what one channel tells, until ctx ends.
func pass(ctx context.Context, from <-chan struct{}, to chan<- struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-from:
		}
		select {
		case to <- struct{}{}:
		default:
		}
	}
}

// wait waits until something has changed and it is quiet again, or until it is time to look;
// it returns false when ctx has ended.
func wait(ctx context.Context, changed <-chan struct{}, poll bool, interval time.Duration) bool {
	var tick <-chan time.Time
	if poll {
		timer := time.NewTimer(interval)
		defer timer.Stop()
		tick = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-tick:
		return true
	case <-changed:
	}
	end := time.NewTimer(watchBusy)
	defer end.Stop()
	for {
		quiet := time.NewTimer(watchQuiet)
		select {
		case <-ctx.Done():
			quiet.Stop()
			return false
		case <-end.C:
			quiet.Stop()
			return true
		case <-changed:
			quiet.Stop()
		case <-quiet.C:
			return true
		}
	}
}

// syncRound is a sync that asks nobody, and says something only if it does something.
func (a *app) syncRound(ctx context.Context, p *places, spec steps.Spec) error {
	w, err := a.newWork(ctx, p)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	draft, err := w.engine.Plan(ctx, spec, func(plan.Progress) {})
	var unfinished *syncs.UnfinishedError
	if errors.As(err, &unfinished) {
		return w.finishEarlier(ctx, unfinished)
	}
	if err != nil {
		return err
	}
	defer draft.Discard()
	row := actedRow{Spec: draft.Spec(), Plan: draft.Summary()}
	a.warn(&row.Plan)
	if row.Plan.Steps == 0 {
		return nil
	}
	job, err := draft.Commit(ctx, p.mountRunsJobs(ctx))
	if err != nil {
		return err
	}
	return w.run(ctx, job, &row)
}

// finishEarlier goes on with a job about the same folders that was cut off. One that another
// process works on is left to that.
func (w *work) finishEarlier(ctx context.Context, e *syncs.UnfinishedError) error {
	if e.State == library.Running || e.State == library.Queued {
		return nil
	}
	job, err := w.places.library.Job(ctx, e.Job)
	if err != nil {
		return err
	}
	header, err := w.engine.Header(e.Job)
	if err != nil {
		return err
	}
	return w.run(ctx, job, &actedRow{Spec: header.Spec, Plan: header.Summary})
}

// goesOn tells whether the next round may do better than one that failed, and says why it
// failed.
func (a *app) goesOn(ctx context.Context, err error) bool {
	var part *actions.PartError
	var unfinished *syncs.UnfinishedError
	if ctx.Err() != nil || !errors.As(err, &part) && !errors.As(err, &unfinished) && !errors.Is(err, backends.ErrOffline) {
		return false
	}
	fmt.Fprintln(a.errOut, printable(err.Error()))
	return true
}
