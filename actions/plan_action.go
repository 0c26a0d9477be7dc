package actions

import (
	"context"

	"sd/actions/plan"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/syncs"
	"sd/jobs"
	"sd/library"
)

// Plan makes a plan for cp, mv, rm, mkdir or sync. progress, which may be nil, is called now and
// then meanwhile. Nothing is changed; errors are those of plan.Make and syncs.Make. The caller
// ends the Draft by Commit or Discard.
func (e *Engine) Plan(ctx context.Context, spec steps.Spec, progress func(plan.Progress)) (*Draft, error) {
	return e.planFrom(ctx, &spec, func(ctx context.Context, w *steps.Writer, set *stores.Set) (steps.Summary, []steps.StoreRef, error) {
		if spec.Action == steps.Sync {
			env := e.syncEnv()
			if progress != nil {
				env.Progress = func(files int64) { progress(plan.Progress{Files: files}) }
			}
			return syncs.Make(ctx, env, &spec, w)
		}
		env := plan.Env{Set: set, Library: e.lib, Resolver: e.resolver, Progress: progress}
		return plan.Make(ctx, env, &spec, w)
	})
}

// settleSync has the next sync of the same folders know what this one has done.
func (e *Engine) settleSync(ctx context.Context, spec *steps.Spec) error {
	if spec.Action != steps.Sync {
		return nil
	}
	return syncs.Settle(ctx, e.syncEnv(), spec)
}

func (e *Engine) syncEnv() syncs.Env {
	return syncs.Env{Set: e.set, Library: e.lib, Resolver: e.resolver, Boot: bootID(), JobState: func(ctx context.Context, id int64) (library.JobState, error) {
		job, err := jobs.Get(ctx, e.lib, id)
		return job.State, err
	}}
}
