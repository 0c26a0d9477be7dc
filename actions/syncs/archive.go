package syncs

import (
	"context"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
)

// archive moves what is in the first side into the second: a source goes when its copy has
// arrived and was read back, or when a copy is there that is proven to have the same bytes.
// Folders stay.
func (p *planner) archive(ctx context.Context, r *row) error {
	switch {
	case r.e[0] == nil: // the archive's own: whoever deleted the source meant the source
		p.found.news = p.found.news || r.last != nil
		return nil
	case r.folder:
		return nil
	case r.e[1] == nil:
		return p.moveIn(ctx, r, "")
	case r.verdict == compare.Same && p.isProven(r):
		p.sum.Same.Add(r.e[0].Size)
		p.sum.Proven.Add(r.e[0].Size)
		return p.give(r, 0)
	case r.verdict == compare.Same:
		return p.moveIn(ctx, r, "there already, but not proven")
	}
	switch rule := p.spec.Options.Overwrite; {
	case rule == steps.Always, rule == steps.Changed, rule == steps.Newer && isNewer(r.e[0], r.e[1]):
		return p.moveIn(ctx, r, string(rule))
	case rule == steps.Refuse:
		p.sum.Conflict(steps.Conflict{From: p.sides[0].uri(r.rel), To: p.sides[1].store.URI(r.e[1].Name).String(), Why: "the archive has another file of that name"})
	}
	return p.stand(r)
}

// isNewer tells whether a is younger than b, by times that are the files' own.
func isNewer(a, b *stores.Entry) bool {
	return a.TimeKnown && b.TimeKnown && a.ModTime.After(b.ModTime)
}

// isProven tells whether both sides are proven to have the same bytes. That a local file still
// has its time and size is no proof.
func (p *planner) isProven(r *row) bool {
	return compare.IsProven(r.e[0], r.e[1]) || r.e[0].Size == 0 || r.last != nil && r.last.HasSum && r.exact(0) && r.exact(1)
}

// moveIn copies a source to the archive, and has it go when it has arrived.
func (p *planner) moveIn(ctx context.Context, r *row, note string) error {
	if err := p.ensure(r.rel, 1); err != nil {
		return err
	}
	s := p.slot()
	if err := p.addCopy(ctx, r, 1, s, 0, note); err != nil {
		return err
	}
	return p.give(r, s)
}

// give has a source go, after the copy in a slot if there is one.
func (p *planner) give(r *row, after slot) error {
	e := r.e[0]
	d := removal{rel: r.rel, name: e.Name, slot: p.slot(), size: e.Size, kind: e.Kind, ver: e.Version, note: "archived"}
	if e.TimeKnown {
		d.mtime = e.ModTime.UnixNano()
	}
	var stays *stores.Entry
	if after == 0 {
		stays = r.e[1]
	}
	if err := p.removeFor(&d, 0, after, stays); err != nil {
		return err
	}
	return p.found.add(&finding{record: record{Key: r.key()}, Gone: d.slot, Old: r.last})
}
