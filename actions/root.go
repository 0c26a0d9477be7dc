package actions

import (
	"context"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/sdpath"
)

// rootOf is the local folder that a spec names as its target, "" if that is none: below it no
// link may take the place of a folder while the job runs.
func (e *Engine) rootOf(ctx context.Context, spec *steps.Spec) string {
	p, err := sdpath.Parse(spec.Target.URI)
	if _, ok := p.(sdpath.Physical); err != nil || !ok {
		return ""
	}
	st, name, err := e.set.Of(ctx, p)
	if _, ok := st.(*stores.Local); err != nil || !ok {
		return ""
	}
	return name
}
