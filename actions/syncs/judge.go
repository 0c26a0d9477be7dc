package syncs

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/actions/compare"
	"sd/actions/stores"
)

// readBelow is up to which size a local file is read and compared with what the provider
// says of an object, before the object is asked what it carries.
const readBelow = 8 << 20

// judge sets the verdict of rows in which both sides have a file, and finds out what is known
// of those that may have to be copied. It asks stores only about files of which the state,
// the catalog and the facts say nothing.
func (p *planner) judge(ctx context.Context, rows []row) error {
	var wanted [2][]stores.Entry
	var at [2][]*row
	for i := range rows {
		r := &rows[i]
		if r.quiet || r.folder {
			continue
		}
		for side, e := range r.e {
			if e != nil && (e.Kind == stores.File && e.Size > 0 || e.Kind == stores.Symlink) {
				wanted[side] = append(wanted[side], *e)
				at[side] = append(at[side], r)
			}
		}
	}
	for side := range wanted {
		if err := p.know(ctx, side, wanted[side], at[side], false); err != nil {
			return err
		}
	}
	var unclear []*row
	for i := range rows {
		r := &rows[i]
		if r.quiet || r.folder || r.e[0] == nil || r.e[1] == nil {
			continue
		}
		if r.kept(0) && r.kept(1) {
			r.verdict = compare.Same
			continue
		}
		r.verdict = compare.Judge(r.e[0], r.e[1], p.window())
		if r.verdict == compare.Unknown && !p.oneChanged(r) {
			unclear = append(unclear, r)
		}
	}
	if err := p.clear(ctx, unclear); err != nil || p.selected == nil {
		return err
	}
	return p.prove(ctx, rows)
}

// oneChanged tells that by the state one side has other bytes and the other has not: then it
// need not be known whether they are by chance the same.
func (p *planner) oneChanged(r *row) bool {
	if r.last == nil || r.kept(0) == r.kept(1) {
		return false
	}
	changed := 0
	if r.kept(0) {
		changed = 1
	}
	return r.last.Marks[changed].Version != ""
}

// know takes over what the library, or with ask the store, knows of files.
func (p *planner) know(ctx context.Context, side int, list []stores.Entry, at []*row, ask bool) error {
	if len(list) == 0 {
		return nil
	}
	if err := p.env.Set.Know(ctx, p.sides[side].store, list, ask); err != nil {
		return err
	}
	for i, r := range at {
		*r.e[side] = list[i]
	}
	return nil
}

// clear finds out whether pairs are the same of which nothing is known.
func (p *planner) clear(ctx context.Context, rows []*row) error {
	for _, r := range rows {
		if r.e[0].Size <= readBelow {
			if err := p.bySums(ctx, r); err != nil {
				return err
			}
		}
	}
	for side := range p.sides {
		var list []stores.Entry
		var at []*row
		for _, r := range rows {
			if r.verdict == compare.Unknown && !p.sides[side].local {
				list, at = append(list, *r.e[side]), append(at, r)
			}
		}
		if err := p.know(ctx, side, list, at, true); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if r.verdict != compare.Unknown {
			continue
		}
		if r.verdict = compare.Judge(r.e[0], r.e[1], p.window()); r.verdict == compare.Unknown {
			if err := p.bySums(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// bySums compares a local file with a checksum of the provider.
func (p *planner) bySums(ctx context.Context, r *row) error {
	for side := range p.sides {
		local, object := r.e[side], r.e[1-side]
		if p.sides[side].local && !p.sides[1-side].local && compare.Summable(object) {
			v, err := compare.BySums(ctx, local, object)
			if err != nil && ctx.Err() != nil {
				return err
			}
			if err == nil {
				r.verdict = v
			} else if !errors.Is(err, iofs.ErrNotExist) && !errors.Is(err, iofs.ErrPermission) {
				return err
			}
			return nil
		}
	}
	return nil
}
