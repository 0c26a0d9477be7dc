package guardian

import (
	"context"
	"slices"

	"sd/library/catalog"
)

// ProbableGroup is files that may hold the same bytes: they have one fingerprint and size,
// or one checksum of their provider. Some of them may be proven; what they all hold is not.
type ProbableGroup struct {
	Size  int64
	Files []catalog.Copy // by place and path
	Bytes int64          // what could be reclaimed at the most, once they are proven; the proven duplicates among them are not in it
}

// ProbableTotals sum up all groups, also those that were not shown.
type ProbableTotals struct {
	Groups int64
	Files  int64
	Bytes  int64 // at the most
}

// Probable calls fn for each group of probable duplicates, as Duplicates does, and fn may
// keep it. Nothing here is ever counted, planned for or removed. With q.Limit < 0 it only
// counts. It keeps the files of the groups that it shows in memory.
func (g *Guardian) Probable(ctx context.Context, q DuplicateQuery, fn func(ProbableGroup) error) (ProbableTotals, error) {
	a, err := g.atlas(ctx)
	if err != nil {
		return ProbableTotals{}, err
	}
	var totals ProbableTotals
	best := top[ProbableGroup]{limit: q.Limit}
	err = g.catalog.EachProbable(ctx, func(hint uint64, files []catalog.Copy) error {
		group, ok := probable(q, a, files)
		if !ok {
			return nil
		}
		totals.Groups++
		totals.Files += int64(len(group.Files))
		totals.Bytes += group.Bytes
		if q.Limit >= 0 && best.takes(group.Bytes, hint) {
			best.add(group.Bytes, hint, group)
		}
		return nil
	})
	if err != nil {
		return totals, err
	}
	for _, group := range best.sorted() {
		if err := fn(group); err != nil {
			return totals, err
		}
	}
	return totals, nil
}

// probable takes from files what q asks for; false where nothing is left to doubt. Names
// of one file that are proven to be so count once.
func probable(q DuplicateQuery, a *atlas, files []catalog.Copy) (ProbableGroup, bool) {
	var group ProbableGroup
	distinct := map[inodeKey]bool{}
	proven, unproven := map[catalog.Key]bool{}, 0
	for _, f := range files {
		if f.File.Size < q.MinSize || !holds(q.Under, f.Place, f.Path) || a.site(f.Place, f.Path).Device == "" {
			continue
		}
		if key, ok := a.inode(f); ok {
			if distinct[key] {
				continue
			}
			distinct[key] = true
		}
		if f.File.Proof.Proven() {
			proven[f.File.Content] = true
		} else {
			unproven++
		}
		group.Size = f.File.Size
		group.Files = append(group.Files, f)
	}
	if len(group.Files) < 2 || unproven == 0 {
		return ProbableGroup{}, false
	}
	slices.SortFunc(group.Files, byPath)
	if len(proven) == 0 {
		unproven--
	}
	group.Bytes = int64(unproven) * group.Size
	return group, true
}
