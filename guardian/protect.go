package guardian

import (
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
	"sd/sdpath"
)

// ProtectQuery says what is to be protected, and where copies may go.
type ProtectQuery struct {
	Under []Scope       // none: all of the library
	To    []sdpath.Path // folders; none: any volume that is fit for it
}

// Step is one copy to be made.
type Step struct {
	Content catalog.Content
	From    catalog.Copy
	Target  *Target
	To      sdpath.Path
	Policy  library.Policy // one that asks for it
}

// Shortfall is a content that cannot be protected as its policy asks.
type Shortfall struct {
	Content catalog.Content
	Name    catalog.Copy // one file of it
	Policy  library.Policy
	Why     string
}

// ProtectTotals sum up a plan of copies.
type ProtectTotals struct {
	Contents     int64 // of which copies are to be made
	Copies       int64
	Bytes        int64 // of all these copies
	Short        Tally // contents whose policy would still be unmet
	Unidentified Tally // files of which nothing can be said
	Targets      []TargetTotals
}

// TargetTotals are what goes to one target.
type TargetTotals struct {
	*Target
	Tally
}

// Protect plans the copies that would fulfil the policies for the files below the scopes,
// and calls step for each, and short for what cannot be had. It copies nothing. Targets are
// taken from the cheapest on, as few as do, while they have room. A target that was asked
// for and cannot be used is a *TargetError.
func (g *Guardian) Protect(ctx context.Context, q ProtectQuery, step func(Step) error, short func(Shortfall) error) (ProtectTotals, error) {
	a, err := g.atlas(ctx)
	if err != nil {
		return ProtectTotals{}, err
	}
	list, err := g.library.Policies(ctx)
	if err != nil {
		return ProtectTotals{}, err
	}
	check, err := g.checker(ctx)
	if err != nil {
		return ProtectTotals{}, err
	}
	targets, err := g.targets(ctx, a, q.To)
	if err != nil {
		return ProtectTotals{}, err
	}
	p := &protector{guardian: g, query: q, policies: newPolicies(list), gather: newGatherer(a), check: check, step: step, short: short}
	for _, t := range targets {
		p.totals.Targets = append(p.totals.Targets, TargetTotals{Target: t})
	}
	err = g.survey(ctx, q.Under, func(c catalog.Content, copies []catalog.Copy) error { return p.content(ctx, c, copies) },
		func(_ catalog.Place, _ string, size int64) { p.totals.Unidentified.add(size) })
	return p.totals, err
}

type protector struct {
	guardian *Guardian
	query    ProtectQuery
	policies *policies
	gather   *gatherer
	check    *checker
	step     func(Step) error
	short    func(Shortfall) error

	census census
	totals ProtectTotals
}

// content plans for one content.
func (p *protector) content(ctx context.Context, c catalog.Content, copies []catalog.Copy) error {
	p.census.reset()
	var wanted []*library.Policy
	var names []catalog.Copy
	for _, i := range p.gather.gather(copies) {
		p.census.add(i.Site, 1)
		for _, n := range i.Names {
			if !holds(p.query.Under, n.Place, n.Path) || i.Site.Device == "" {
				continue
			}
			names = append(names, n)
			if want := p.policies.of(n.Place, n.Path); !slices.Contains(wanted, want) {
				wanted = append(wanted, want)
			}
		}
	}
	unmet := unmetOf(wanted, &p.census)
	if unmet == nil {
		return nil
	}
	if c.BLAKE3 == (identity.Sum{}) {
		var err error
		if c, err = p.guardian.catalog.ContentByKey(ctx, c.Key); errors.Is(err, iofs.ErrNotExist) {
			return nil // dropped meanwhile
		} else if err != nil {
			return err
		}
	}
	name := p.title(names)
	from, ok := p.source(ctx, copies)
	if !ok {
		return p.fall(c, name, unmet, "no copy of it can be read now")
	}
	chosen := p.choose(wanted, c.Size)
	for _, i := range chosen {
		to, err := p.destination(ctx, p.totals.Targets[i].Target, c, name)
		if err != nil {
			return err
		}
		p.totals.Copies++
		p.totals.Bytes += c.Size
		p.totals.Targets[i].add(c.Size)
		if err := p.step(Step{Content: c, From: from, Target: p.totals.Targets[i].Target, To: to, Policy: *unmet}); err != nil {
			return err
		}
	}
	if len(chosen) > 0 {
		p.totals.Contents++
	}
	if unmet := unmetOf(wanted, &p.census); unmet != nil {
		return p.fall(c, name, unmet, "no volume that is there, with room for it, lies apart from its copies")
	}
	return nil
}

func (p *protector) fall(c catalog.Content, name catalog.Copy, policy *library.Policy, why string) error {
	p.totals.Short.add(c.Size)
	return p.short(Shortfall{Content: c, Name: name, Policy: *policy, Why: why})
}

func unmetOf(wanted []*library.Policy, c *census) *library.Policy {
	for _, w := range wanted {
		if !met(w, c) {
			return w
		}
	}
	return nil
}

// title is the name after which copies are called: the first that is no such copy itself.
func (p *protector) title(names []catalog.Copy) catalog.Copy {
	slices.SortFunc(names, byPath)
	for _, n := range names {
		if !slices.ContainsFunc(p.totals.Targets, func(t TargetTotals) bool { return Scope{t.place, t.path}.Holds(n.Place, n.Path) }) {
			return n
		}
	}
	return names[0]
}

// source is a proven copy that can be read now: one on this device, whose file is looked
// at, before one in a volume.
func (p *protector) source(ctx context.Context, copies []catalog.Copy) (catalog.Copy, bool) {
	for _, here := range []bool{true, false} {
		for _, c := range copies {
			if c.File.Proof.Proven() && (c.Place == p.check.here) == here {
				if _, err := p.check.check(ctx, &c); err == nil {
					return c, true
				}
			}
		}
	}
	return catalog.Copy{}, false
}

// together is how many targets are tried at once. A copy on a second target may help only
// beside one on a third: a copy of mine on disk, and one on another disk of a friend's.
const together = 3

// choose picks targets until the policies are met or no more is gained, takes the room there,
// and counts the copies.
func (p *protector) choose(wanted []*library.Policy, size int64) (chosen []int) {
	for unmetOf(wanted, &p.census) != nil {
		var usable []int
		for i, t := range p.totals.Targets {
			if !slices.Contains(chosen, i) && (t.Free < 0 || t.Free >= size) {
				usable = append(usable, i)
			}
		}
		// The fewest that are enough, or else the fewest that are some good.
		before := score(wanted, &p.census)
		enough := func() bool { return unmetOf(wanted, &p.census) == nil }
		better := func() bool { return score(wanted, &p.census) > before }
		var gain []int
		for _, good := range []func() bool{enough, better} {
			for n := 1; n <= together && gain == nil; n++ {
				gain = p.pick(usable, n, good)
			}
		}
		if gain == nil {
			return chosen
		}
		for _, i := range gain {
			t := p.totals.Targets[i].Target
			p.census.add(t.Site, 1)
			if t.Free >= 0 {
				t.Free -= size
			}
		}
		chosen = append(chosen, gain...)
	}
	return chosen
}

// pick is the first choice of n of the usable targets with which it is good, or nil.
func (p *protector) pick(usable []int, n int, good func() bool) []int {
	for k, i := range usable {
		site := p.totals.Targets[i].Site
		p.census.add(site, 1)
		var rest []int
		ok := n == 1 && good()
		if n > 1 {
			rest = p.pick(usable[k+1:], n-1, good)
			ok = rest != nil
		}
		p.census.add(site, -1)
		if ok {
			return append([]int{i}, rest...)
		}
	}
	return nil
}

// score is how much of what the policies ask for there is.
func score(wanted []*library.Policy, c *census) (n int) {
	for _, w := range wanted {
		n += min(w.Copies, c.spread(w.Different))
	}
	return n
}

// destination is where name's copy goes below a target: its whole mount path, so that no two
// files meet. Where the catalog has other bytes there, or may have, the content id makes
// another name.
func (p *protector) destination(ctx context.Context, t *Target, c catalog.Content, name catalog.Copy) (sdpath.Path, error) {
	uri, err := p.guardian.resolver.URI(name.Place, name.Path)
	if err != nil {
		return nil, err
	}
	below := sdpath.Mount(uri)
	_, f, err := p.guardian.catalog.FindFile(ctx, t.place, join(t.path, below))
	switch {
	case err == nil && !(f.Proof.Proven() && f.Content == c.Key):
		dot := strings.LastIndexByte(below, '.')
		if dot <= strings.LastIndexByte(below, '/')+1 {
			dot = len(below)
		}
		below = below[:dot] + " (" + c.ID().String()[:8] + ")" + below[dot:]
	case err != nil && !errors.Is(err, iofs.ErrNotExist):
		return nil, err
	}
	switch base := t.URI.(type) {
	case sdpath.Cloud:
		base.Path = join(strings.TrimSuffix(base.Path, "/"), below)
		return base, nil
	case sdpath.Physical:
		return sdpath.NewPhysical(base.DeviceSlug, base.Path+"/"+below), nil
	}
	return nil, errors.ErrUnsupported
}
