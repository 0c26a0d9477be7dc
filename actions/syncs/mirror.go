package syncs

import (
	"context"

	"sd/actions/compare"
)

// mirror has the second side become as the first.
func (p *planner) mirror(ctx context.Context, r *row) error {
	switch {
	case r.folder:
		return p.mirrorFolder(r)
	case r.e[0] == nil:
		return p.remove(r, 1, "")
	case r.e[1] == nil:
		_, err := p.copyTo(ctx, r, 1, "")
		return err
	case r.verdict == compare.Same && r.attributesDiffer(p):
		_, err := p.copyTo(ctx, r, 1, "other permissions or owner")
		return err
	case r.verdict == compare.Same:
		return p.keep(r)
	}
	_, err := p.copyTo(ctx, r, 1, "")
	return err
}

func (p *planner) mirrorFolder(r *row) error {
	switch {
	case r.e[0] == nil:
		return p.remove(r, 1, "")
	case r.e[1] == nil:
		return p.newFolder(r, 1)
	}
	p.top().want = [2]bool{false, true}
	return p.keep(r)
}

// newFolder has side `to` get the folder that the other side has.
func (p *planner) newFolder(r *row, to int) error {
	rec := r.recordOf(1 - to)
	return p.found.add(&finding{record: rec, Make: p.wanted(to), Old: r.last})
}
