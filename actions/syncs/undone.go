package syncs

import (
	"context"
	"path/filepath"
	"strconv"

	"sd/actions/steps"
)

// undone tells whether a sync of the pair was taken back, or is just now, since the last one
// was planned. What was brought there by it, and is gone again, must not count as deleted by
// somebody: then the state is given up, and nothing does.
func (p *planner) undone(ctx context.Context) (bool, error) {
	if !p.last.known() {
		return false, nil
	}
	audits, err := p.env.Library.Undos(ctx, p.last.Saved)
	if err != nil {
		return false, err
	}
	for _, a := range audits {
		plan, err := steps.Open(filepath.Join(jobsDir(p.env.Library.Dir()), strconv.FormatInt(a.Undoes, 10)+".plan"))
		if err != nil {
			return true, nil // nobody knows any more what it was
		}
		spec := plan.Header().Spec
		plan.Close()
		if spec.Action == steps.Sync && p.isAbout(ctx, &spec) {
			return true, nil
		}
	}
	return false, nil
}

// isAbout tells whether a sync was of the same two folders, whatever they were called then.
// One whose folders cannot be found any more may have been.
func (p *planner) isAbout(ctx context.Context, spec *steps.Spec) bool {
	if len(spec.Sources) != 1 {
		return false
	}
	var sides [2]side
	for i, s := range []steps.Source{spec.Sources[0], spec.Target} {
		if err := sides[i].open(ctx, p.env.Set, s.URI); err != nil {
			return true
		}
	}
	return pairOf(p.env.Library.Dir(), sides[0].key(), sides[1].key()).id == p.pair.id
}
