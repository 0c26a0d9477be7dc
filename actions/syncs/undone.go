package syncs

import (
	"context"
	"path/filepath"
	"strconv"

	"sd/actions/steps"
)

// undone tells whether a sync of the pair was taken back after its state was saved. What was
// brought there by it, and is gone again, must not count as deleted by somebody: then the
// state is given up, and nothing does.
func (p *planner) undone(ctx context.Context) (bool, error) {
	if !p.last.known() {
		return false, nil
	}
	audits, err := p.env.Library.Audits(ctx, p.last.Saved, 0)
	if err != nil {
		return false, err
	}
	for _, a := range audits {
		if a.Undoes == 0 {
			continue
		}
		plan, err := steps.Open(filepath.Join(jobsDir(p.env.Library.Dir()), strconv.FormatInt(a.Undoes, 10)+".plan"))
		if err != nil {
			return true, nil // nobody knows any more what it was
		}
		spec := plan.Header().Spec
		plan.Close()
		if spec.Action == steps.Sync && p.isAbout(&spec) {
			return true, nil
		}
	}
	return false, nil
}

// isAbout tells whether a sync was of the same two folders.
func (p *planner) isAbout(spec *steps.Spec) bool {
	if len(spec.Sources) != 1 {
		return false
	}
	a, b := spec.Sources[0].URI, spec.Target.URI
	x, y := p.spec.Sources[0].URI, p.spec.Target.URI
	return a == x && b == y || a == y && b == x
}
