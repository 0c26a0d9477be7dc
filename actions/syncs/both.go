package syncs

import (
	"context"
	"strings"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
)

// bidirectional brings what was changed on either side since both were last the same to the
// other one. Nothing that somebody has written is lost: where both sides have changed a file both are
// kept, and a change weighs more than a deletion.
func (p *planner) bidirectional(ctx context.Context, r *row) error {
	if r.folder {
		return p.bothFolder(r)
	}
	for i, e := range r.e {
		if e != nil {
			continue
		}
		has := 1 - i
		switch {
		case r.last == nil:
			return p.arrive(ctx, r, i, "")
		case r.kept(has):
			return p.remove(r, has, "deleted in "+p.sides[i].uri(""))
		}
		p.sum.Warn("change-wins", "files that were deleted on one side and changed on the other come back: a change wins", p.sides[has].uri(r.rel))
		return p.arrive(ctx, r, i, "deleted there, changed here: the change wins")
	}
	switch a, b := r.kept(0), r.kept(1); {
	case r.verdict == compare.Same:
		return p.keep(r)
	case a && !b:
		_, err := p.copyTo(ctx, r, 0, "")
		return err
	case b && !a:
		_, err := p.copyTo(ctx, r, 1, "")
		return err
	}
	return p.conflict(r)
}

// arrive has side `to` get a file of which it has none. If it has a folder of that name, which
// stays, the file takes another name.
func (p *planner) arrive(ctx context.Context, r *row, to int, note string) error {
	if p.isFolderAt(r.rel, to) {
		return p.conflict(r)
	}
	_, err := p.copyTo(ctx, r, to, note)
	return err
}

func (p *planner) bothFolder(r *row) error {
	for i, e := range r.e {
		if e != nil {
			continue
		}
		if r.last == nil {
			return p.newFolder(r, i)
		}
		return p.remove(r, 1-i, "")
	}
	p.top().want = [2]bool{true, true}
	return p.keep(r)
}

// conflict keeps both of two versions: one keeps the name, the other gets a new one, on both
// sides. If one side has nothing of the name but a folder, the file gets the new name.
func (p *planner) conflict(r *row) error {
	loser := p.loser(r)
	winner := 1 - loser
	p.count(r.rel, 0)
	p.count(r.rel, 1)
	aside, err := p.renameBoth(r, loser)
	if err != nil {
		return err
	}
	if r.e[winner] == nil {
		return p.found.add(&finding{record: record{Key: r.key()}, Gone: aside, Old: r.last})
	}
	over := p.slot()
	step := p.copyStep(r.e[winner], loser, r.e[loser].Name)
	step.Note = bothKept
	if p.canRename(loser) == steps.Rename {
		step.Absent = true
	} else {
		step.Over, step.OverSize = r.e[loser].Version, r.e[loser].Size
	}
	p.countCopy(&step)
	if err := p.add(over, aside, step); err != nil {
		return err
	}
	rec := r.recordOf(winner)
	rec.Marks[winner] = markOf(r.e[winner])
	f := finding{record: rec, Make: over, Old: r.last}
	f.From[loser] = over
	return p.found.add(&f)
}

const bothKept = "conflict: both are kept"

// renameBoth gives the file of one side another name, and has the other side get it under that.
// It returns the slot of the step after which the old name is free, or what has it can be
// replaced.
func (p *planner) renameBoth(r *row, loser int) (slot, error) {
	winner, lost := 1-loser, r.e[loser]
	rel := conflictName(r.rel, p.signature(loser), p.now)
	why := "changed on both sides: both are kept, this one as " + rel
	if r.e[winner] == nil {
		why = "a folder there has the same name: it is kept as " + rel
	}
	p.sum.Warn("conflict", "files that both sides have changed are kept twice", p.sides[loser].uri(r.rel))
	p.sum.ConflictList = addConflict(p.sum.ConflictList, steps.Conflict{From: p.sides[loser].uri(r.rel), To: p.sides[winner].uri(r.rel), Why: why})

	// First the bytes go to the other side, then they get their new name on their own.
	across, aside := p.slot(), p.slot()
	if err := p.ensure(rel, winner); err != nil {
		return 0, err
	}
	step := p.copyStep(lost, winner, p.sides[winner].name(rel))
	step.Absent, step.Note = true, bothKept
	p.countCopy(&step)
	if err := p.add(across, 0, step); err != nil {
		return 0, err
	}
	made, err := p.setAside(r, loser, rel, across, aside)
	if err != nil {
		return 0, err
	}
	moved := r.recordOf(loser)
	moved.Key = rel
	f := finding{record: moved, Make: aside}
	f.From[winner], f.From[loser] = across, made
	p.found.addExtra(f)
	p.fence = r.e[winner] == nil // a folder comes when the name is free
	return aside, nil
}

// setAside gives the loser of a conflict its new name on its own side. Where that is a copy,
// what has the old name stays until the winner replaces it. When s is done the name is free, or
// may be replaced; made is the step that makes the file of the new name.
func (p *planner) setAside(r *row, i int, rel string, after, s slot) (made slot, err error) {
	e := r.e[i]
	step := p.copyStep(e, i, p.sides[i].name(rel))
	step.From, step.Absent, step.Note = p.refOf(i, e.Name), true, bothKept
	if p.canRename(i) == steps.Rename {
		step.Op, step.Method = steps.OpRename, steps.Rename
		p.sum.Method(steps.Rename, e.Size)
		return s, p.add(s, after, step)
	}
	step.Method = steps.ServerCopy
	p.countCopy(&step)
	if r.e[1-i] != nil {
		return s, p.add(s, after, step)
	}
	made = p.slot()
	if err := p.add(made, after, step); err != nil {
		return 0, err
	}
	return made, p.add(s, made, steps.Step{Op: steps.OpRemove, From: step.From, Kind: e.Kind, Size: e.Size, Version: e.Version, Note: step.Note})
}

// loser is the side whose version gives up its name: the older one, if that can be told, else
// that of the second side.
func (p *planner) loser(r *row) int {
	a, b := r.e[0], r.e[1]
	switch {
	case a == nil:
		return 1
	case b == nil:
		return 0
	case a.TimeKnown && b.TimeKnown && a.ModTime.Before(b.ModTime):
		return 0
	}
	return 1
}

// signature says in the name of a conflict copy whose version it is.
func (p *planner) signature(i int) string {
	if v, ok := p.sides[i].store.(*stores.Volume); ok {
		return strings.ReplaceAll(v.Info().Identifier, "/", "-")
	}
	return p.env.Resolver.ThisDevice().Slug
}

func addConflict(list []steps.Conflict, c steps.Conflict) []steps.Conflict {
	if len(list) >= steps.MaxListed {
		return list
	}
	return append(list, c)
}
