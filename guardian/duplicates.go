package guardian

import (
	"cmp"
	"context"
	"errors"
	iofs "io/fs"
	"slices"

	"sd/library/catalog"
)

// DuplicateQuery says which duplicates are looked for.
type DuplicateQuery struct {
	// Under are the folders whose files count; none is all of the library. A file outside
	// makes no other one a duplicate.
	Under []Scope
	// MinSize leaves out smaller files, in bytes.
	MinSize int64
	// Limit is how many groups are shown, those that take most room; 0 is all. The totals
	// are of all in any case.
	Limit int
}

// Group is a content of which there are several copies. Copies are at least two, by place
// and path; all are proven.
type Group struct {
	Content catalog.Content
	Copies  []Instance
	// Elsewhere is how many further copies lie outside of what was asked for.
	Elsewhere int
	// Unproven are files that held this content before they were moved or touched, and
	// were not read since. They count for nothing.
	Unproven []catalog.Copy
	// Reclaimable is what all copies but one take, in bytes.
	Reclaimable int64
}

// DuplicateTotals sum up all groups, also those that were not shown.
type DuplicateTotals struct {
	Groups      int64
	Copies      int64 // in these groups
	Reclaimable int64 // bytes
}

// Duplicates calls fn for each group, the one with most to reclaim first, and stops at
// fn's first error. A Group is fn's to keep. It reads all that has two
// copies once, and then the groups that it shows one by one, so that it needs little memory; a group that is
// none any more by then is left out.
func (g *Guardian) Duplicates(ctx context.Context, q DuplicateQuery, fn func(Group) error) (DuplicateTotals, error) {
	a, err := g.atlas(ctx)
	if err != nil {
		return DuplicateTotals{}, err
	}
	totals, keys, err := g.rank(ctx, q, a)
	if err != nil {
		return totals, err
	}
	gather := newGatherer(a)
	for _, key := range keys {
		group, ok, err := g.group(ctx, q, gather, key)
		if err != nil {
			return totals, err
		}
		if ok {
			if err := fn(group); err != nil {
				return totals, err
			}
		}
	}
	return totals, nil
}

// rank finds the groups to show, the one with most to reclaim first.
func (g *Guardian) rank(ctx context.Context, q DuplicateQuery, a *atlas) (totals DuplicateTotals, keys []catalog.Key, err error) {
	gather := newGatherer(a)
	best := top[catalog.Key]{limit: q.Limit}
	err = g.catalog.EachDuplicate(ctx, func(c catalog.Content, copies []catalog.Copy) error {
		if c.Size < q.MinSize {
			return nil
		}
		n := 0
		for _, i := range gather.gather(copies) {
			if inScope(q.Under, i) {
				n++
			}
		}
		if n < 2 {
			return nil
		}
		reclaimable := int64(n-1) * c.Size
		totals.Groups++
		totals.Copies += int64(n)
		totals.Reclaimable += reclaimable
		best.add(reclaimable, uint64(c.Key), c.Key)
		return nil
	})
	return totals, best.sorted(), err
}

// group reads one group anew.
func (g *Guardian) group(ctx context.Context, q DuplicateQuery, gather *gatherer, key catalog.Key) (Group, bool, error) {
	content, copies, err := g.load(ctx, key)
	if err != nil {
		return Group{}, false, err
	}
	group := Group{Content: content}
	for _, c := range copies {
		if !c.File.Proof.Proven() {
			group.Unproven = append(group.Unproven, c)
		}
	}
	for _, i := range gather.gather(copies) {
		if !inScope(q.Under, i) {
			group.Elsewhere++
			continue
		}
		i.Names = slices.Clone(i.Names)
		group.Copies = append(group.Copies, i)
	}
	group.Reclaimable = int64(len(group.Copies)-1) * content.Size
	return group, len(group.Copies) > 1, nil
}

// load reads a content and its copies, by place and path. There are none if it is gone.
func (g *Guardian) load(ctx context.Context, key catalog.Key) (catalog.Content, []catalog.Copy, error) {
	content, err := g.catalog.ContentByKey(ctx, key)
	if errors.Is(err, iofs.ErrNotExist) {
		return catalog.Content{}, nil, nil
	}
	if err != nil {
		return catalog.Content{}, nil, err
	}
	copies, err := g.catalog.Copies(ctx, key)
	slices.SortFunc(copies, byPath)
	return content, copies, err
}

// inScope tells whether a name of i lies in a scope, and i still in the library.
func inScope(scopes []Scope, i Instance) bool {
	if i.Site.Device == "" {
		return false
	}
	return slices.ContainsFunc(i.Names, func(c catalog.Copy) bool { return holds(scopes, c.Place, c.Path) })
}

func byPath(a, b catalog.Copy) int {
	return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Path, b.Path))
}
