package guardian

import (
	"context"
	"fmt"
	"slices"

	"sd/library"
	"sd/library/catalog"
)

// Resolution is the plan for one group of duplicates.
type Resolution struct {
	Content catalog.Content
	Keep    []Kept     // the one that the rule chose first
	Remove  []Instance // with all their names
	LeftOut []LeftOut  // what could not be shown to be a copy any more; nothing happens to it
	Frees   int64      // bytes
}

// Kept is a copy that stays, with the reason.
type Kept struct {
	Instance
	Why string
}

// LeftOut is a file that the plan neither counts nor touches, with the reason.
type LeftOut struct {
	catalog.Copy
	Why string
}

// PlanTotals sum up a plan of removals.
type PlanTotals struct {
	Groups  int64 // of which something is removed
	Copies  int64 // that are removed
	Names   int64 // of these
	Frees   int64 // bytes
	Kept    int64 // duplicates that stay though the rule would not keep them
	LeftOut int64 // files
}

// Resolve plans which duplicates could go, in the order of Duplicates, and calls fn with the
// plan of each group. It removes nothing. What it promises of the plan:
//
//   - Each copy that it counts on, or removes, was looked at just now and is the version that
//     was identified. A file that is not is left out and named.
//   - Of each content a copy stays, and one that outlives a restart if there was one.
//   - No policy, the default one included, that was met is unmet after it; where one was not
//     met, the copies are spread no less than before.
//   - A name outside of q.Under stays, and so does a copy with a name that is not indexed.
func (g *Guardian) Resolve(ctx context.Context, q DuplicateQuery, keep Keep, fn func(Resolution) error) (PlanTotals, error) {
	a, err := g.atlas(ctx)
	if err != nil {
		return PlanTotals{}, err
	}
	list, err := g.library.Policies(ctx)
	if err != nil {
		return PlanTotals{}, err
	}
	check, err := g.checker(ctx)
	if err != nil {
		return PlanTotals{}, err
	}
	_, keys, err := g.rank(ctx, q, a)
	if err != nil {
		return PlanTotals{}, err
	}
	p := &planner{query: q, keep: keep, policies: newPolicies(list), gather: newGatherer(a)}
	for batch := range slices.Chunk(keys, 64) {
		if err := p.batch(ctx, g, check, batch, fn); err != nil {
			return p.totals, err
		}
	}
	return p.totals, nil
}

type planner struct {
	query    DuplicateQuery
	keep     Keep
	policies *policies
	gather   *gatherer
	totals   PlanTotals
}

// batch plans some groups, whose files it checks all at once.
func (p *planner) batch(ctx context.Context, g *Guardian, check *checker, keys []catalog.Key, fn func(Resolution) error) error {
	type part struct {
		content  catalog.Content
		from, to int
	}
	var parts []part
	var all []catalog.Copy
	for _, key := range keys {
		content, copies, err := g.load(ctx, key)
		if err != nil {
			return err
		}
		from := len(all)
		for _, c := range copies {
			if c.File.Proof.Proven() {
				all = append(all, c)
			}
		}
		parts = append(parts, part{content, from, len(all)})
	}
	found, errs := check.all(ctx, all)
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, part := range parts {
		r := p.plan(part.content, all[part.from:part.to], found[part.from:part.to], errs[part.from:part.to])
		p.totals.LeftOut += int64(len(r.LeftOut))
		if len(r.Remove) > 0 {
			p.totals.Groups++
			p.totals.Frees += r.Frees
		}
		p.totals.Copies += int64(len(r.Remove))
		for _, i := range r.Remove {
			p.totals.Names += int64(len(i.Names))
		}
		p.totals.Kept += int64(max(0, len(r.Keep)-1))
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// plan decides over one content, whose proven copies were found so.
func (p *planner) plan(content catalog.Content, copies []catalog.Copy, found []onDisk, errs []error) Resolution {
	r := Resolution{Content: content}
	state := map[nameKey]onDisk{}
	var there []catalog.Copy
	var wanted []*library.Policy
	for i, c := range copies {
		// A copy that cannot be looked at now does not count, but what is asked for it does.
		if want := p.policies.of(c.Place, c.Path); !isOver(errs[i]) && !slices.Contains(wanted, want) {
			wanted = append(wanted, want)
		}
		if errs[i] != nil {
			if holds(p.query.Under, c.Place, c.Path) {
				r.LeftOut = append(r.LeftOut, LeftOut{c, errs[i].Error()})
			}
			continue
		}
		there = append(there, c)
		state[nameKey{p.gather.atlas.site(c.Place, c.Path), c.Path}] = found[i]
	}
	var before census
	var mine []Instance
	for _, i := range p.gather.gather(there) {
		i.Names = slices.Clone(i.Names)
		before.add(i.Site, 1)
		if inScope(p.query.Under, i) {
			mine = append(mine, i)
		}
	}
	if len(mine) == 0 {
		return r
	}
	p.keep.sort(mine)
	stay := func(i Instance, why string) { r.Keep = append(r.Keep, Kept{i, why}) }
	if p.keep.Rule == KeepIn && !p.keep.isIn(mine[0]) {
		for _, i := range mine {
			stay(i, "none of its copies is in the folder to keep")
		}
		return r
	}
	stay(mine[0], p.keep.why())
	// The one that should soonest go is tried first, on the copies that are left by then.
	after := before.clone()
	for _, i := range slices.Backward(mine[1:]) {
		why := p.pinned(i, state)
		if why == "" {
			after.add(i.Site, -1)
			if why = broken(wanted, &before, after); why != "" {
				after.add(i.Site, 1)
			}
		}
		if why != "" {
			stay(i, why)
			continue
		}
		r.Remove = append(r.Remove, i)
		r.Frees += content.Size
	}
	slices.Reverse(r.Keep[1:])
	slices.Reverse(r.Remove)
	return r
}

// pinned tells why a copy cannot go whatever the others are.
func (p *planner) pinned(i Instance, state map[nameKey]onDisk) string {
	inodes := map[[2]uint64]uint64{}
	for _, c := range i.Names {
		if !holds(p.query.Under, c.Place, c.Path) {
			return "one of its names is outside of what was asked for"
		}
		if at := state[nameKey{i.Site, c.Path}]; at.names > 0 {
			inodes[[2]uint64{at.device, at.inode}] = at.names
		}
	}
	for _, names := range inodes {
		if unknown := int64(names) - int64(len(i.Names)); unknown > 0 {
			return fmt.Sprintf("%d more of its names (hard links) are not indexed, so removing it would free nothing", unknown)
		}
	}
	return ""
}

// broken names the policy that would be worse off, or "".
func broken(wanted []*library.Policy, before, after *census) string {
	for _, p := range wanted {
		if after.spread(p.Different) < min(p.Copies, before.spread(p.Different)) {
			return "the policy wants " + Describe(*p)
		}
	}
	return ""
}
