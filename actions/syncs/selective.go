package syncs

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/identity"
)

// DefaultKeep is how long after its last change a file stays local.
const DefaultKeep = 30 * 24 * time.Hour

// selection says which files of a selective sync stay local.
type selection struct {
	since time.Time // changed after that
	max   int64     // bytes of all of them; 0: no limit
	bytes int64     // that stay so far
	free  []candidate
	pins  [2][]pin
}

// pin is a library.Pin on one side, with the path from its place.
type pin struct {
	base string // of the side, from the place
	path string
	glob *compare.Filter
}

// candidate is a file that may go if there is too much.
type candidate struct {
	time time.Time
	row  row
	slot slot
	copy slot // that has to be done first; 0: none
}

func newSelection(ctx context.Context, p *planner) (*selection, error) {
	keep := p.spec.Options.Keep
	if keep == 0 {
		keep = DefaultKeep
	}
	s := &selection{since: p.now.Add(-keep), max: p.spec.Options.MaxLocal}
	pins, err := p.env.Library.Pins(ctx)
	if err != nil {
		return nil, err
	}
	for i := range p.sides {
		side := &p.sides[i]
		place, base, err := p.env.Resolver.Placed(side.store.URI(side.dir))
		if err != nil {
			return nil, err
		}
		for _, known := range pins {
			if known.Place != place {
				continue
			}
			one := pin{base: base, path: known.Path}
			if known.Glob {
				if one.glob, err = compare.NewFilter([]string{"/" + known.Path}, nil); err != nil {
					return nil, err
				}
			}
			s.pins[i] = append(s.pins[i], one)
		}
	}
	return s, nil
}

// isPinned tells whether a file is pinned on either side.
func (s *selection) isPinned(rel string) bool {
	for i := range s.pins {
		for _, p := range s.pins[i] {
			path := strings.TrimPrefix(p.base+"/"+rel, "/")
			if p.glob == nil && within(p.path, path) || p.glob != nil && p.glob.Takes(path, false) {
				return true
			}
		}
	}
	return false
}

// selective keeps everything in the second side, and in the first what was changed lately or is
// pinned. It deletes nothing in the second side.
func (p *planner) selective(ctx context.Context, r *row) error {
	if r.folder {
		return p.selectiveFolder(r)
	}
	switch {
	case r.e[0] == nil && p.selected.isPinned(r.rel):
		return p.arrive(ctx, r, 0, "pinned")
	case r.e[0] == nil:
		p.count(r.rel, 1)
		p.found.news = p.found.news || r.last != nil
		return nil
	case r.e[1] == nil:
		return p.store(ctx, r)
	case r.verdict == compare.Same:
		return p.keepOrFree(r)
	case r.kept(0) && !r.kept(1):
		_, err := p.copyTo(ctx, r, 0, "newer in "+p.sides[1].uri(""))
		return err
	case r.kept(1) && !r.exact(0): // the bytes may have changed though size and time have not
		return p.store(ctx, r)
	}
	return p.conflict(r)
}

func (p *planner) selectiveFolder(r *row) error {
	switch {
	case r.e[0] == nil:
		p.found.news = p.found.news || r.last != nil
		return nil
	case r.e[1] == nil:
		return p.newFolder(r, 1)
	}
	p.top().want = [2]bool{false, true}
	return p.keep(r)
}

// stays tells whether a local file stays, however many others there are; else it may go.
func (s *selection) stays(r *row) (pinned, recent bool) {
	return s.isPinned(r.rel), r.e[0].ModTime.After(s.since)
}

// store brings a local file to the store, and frees it if it is not to stay.
func (p *planner) store(ctx context.Context, r *row) error {
	pinned, recent := p.selected.stays(r)
	sent, freed := p.slot(), p.slot()
	rec := r.recordOf(0)
	rec.Marks[0] = markOf(r.e[0])
	f := finding{record: rec, Make: sent, Gone: freed, Old: r.last}
	f.From[1] = sent
	if err := p.found.add(&f); err != nil {
		return err
	}
	p.count(r.rel, 0)
	p.count(r.rel, 1)
	if err := p.ensure(r.rel, 1); err != nil {
		return err
	}
	note := ""
	if r.last != nil && r.e[1] == nil {
		note = "it was deleted there: what is here is stored again"
	}
	if err := p.addCopy(ctx, r, 1, sent, 0, note); err != nil {
		return err
	}
	return p.weigh(r, pinned, recent, freed, sent)
}

// keepOrFree deals with a local file that the store has.
func (p *planner) keepOrFree(r *row) error {
	pinned, recent := p.selected.stays(r)
	if pinned || recent && p.selected.max == 0 {
		p.selected.bytes += r.e[0].Size
		return p.keep(r)
	}
	if !p.isProven(r) {
		p.sum.Warn("not-proven", "files stay here because nothing proves that the store has the same bytes", p.sides[0].uri(r.rel))
		p.selected.bytes += r.e[0].Size
		return p.keep(r)
	}
	rec := r.recordOf(0)
	if !rec.HasSum && r.last != nil {
		rec.Sum, rec.HasSum = r.last.Sum, r.last.HasSum
	}
	for i := range r.e {
		rec.Marks[i] = r.markNow(i)
		p.count(r.rel, i)
	}
	there, freed := p.slot(), p.slot()
	p.steps[there] = always
	if err := p.found.add(&finding{record: rec, Make: there, Gone: freed, Old: r.last}); err != nil {
		return err
	}
	p.sum.Same.Add(r.e[0].Size)
	p.sum.Proven.Add(r.e[0].Size)
	return p.weigh(r, pinned, recent, freed, 0)
}

// weigh frees a local file now, lets it stay, or has it wait until it is known how much there
// is.
func (p *planner) weigh(r *row, pinned, recent bool, freed, after slot) error {
	s := p.selected
	if !pinned && !recent {
		return p.free(r, freed, after)
	}
	s.bytes += r.e[0].Size
	if !pinned && s.max > 0 && r.e[0].Size > 0 {
		s.free = append(s.free, candidate{time: r.e[0].ModTime, row: *r, slot: freed, copy: after})
	}
	return nil
}

// free removes a local file that the store is proven to have.
func (p *planner) free(r *row, s, after slot) error {
	e := r.e[0]
	p.sum.Deletes.Add(e.Size)
	step := steps.Step{
		Op: steps.OpRemove, From: p.refOf(0, e.Name), Kind: e.Kind, Size: e.Size, ModTime: e.ModTime.UnixNano(), Version: e.Version,
		Note: "only in the store from now on",
	}
	if after == 0 {
		p.counts(&step, 1, r.e[1])
	}
	return p.add(s, after, step)
}

// shrink frees the files that were not changed for longest, until the rest is small enough.
func (s *selection) shrink(p *planner) error {
	if s == nil || s.max == 0 || s.bytes <= s.max {
		return nil
	}
	slices.SortStableFunc(s.free, func(a, b candidate) int { return cmp.Compare(a.time.UnixNano(), b.time.UnixNano()) })
	for i := range s.free {
		if s.bytes <= s.max {
			return nil
		}
		c := &s.free[i]
		if err := p.free(&c.row, c.slot, c.copy); err != nil {
			return err
		}
		s.bytes -= c.row.e[0].Size
	}
	if s.bytes > s.max {
		p.sum.Warn("max-local", "what is pinned, or not proven to be in the store, is more than --max-local allows, and stays", p.sides[0].uri(""))
	}
	return nil
}

// prove reads old local files whose bytes the store may have, so that they can be freed.
func (p *planner) prove(ctx context.Context, rows []row) error {
	var list []stores.Entry
	var at []*row
	for i := range rows {
		r := &rows[i]
		if r.quiet || r.folder || r.e[0] == nil || r.e[1] == nil || r.verdict != compare.Same || r.e[0].Kind != stores.File || p.isProven(r) {
			continue
		}
		pinned, recent := p.selected.stays(r)
		if pinned || recent && p.selected.max == 0 {
			continue
		}
		if compare.Summable(r.e[1]) && !r.e[1].Proven {
			v, err := compare.BySums(ctx, r.e[0], r.e[1])
			if ctx.Err() != nil {
				return err
			}
			if err == nil && v == compare.Same {
				err = p.hash(ctx, r)
				r.e[1].Sum, r.e[1].Proven = r.e[0].Sum, r.e[0].Proven
			}
			if err == nil && v != compare.Unknown {
				r.verdict = v
				continue
			}
		}
		list, at = append(list, *r.e[1]), append(at, r)
	}
	if err := p.know(ctx, 1, list, at, true); err != nil {
		return err
	}
	for _, r := range at {
		if r.e[1].Proven {
			if err := p.hash(ctx, r); err != nil && ctx.Err() != nil {
				return err
			}
			r.verdict = compare.Judge(r.e[0], r.e[1], p.window())
		}
	}
	return nil
}

// hash reads a local file whose BLAKE3 is not known.
func (p *planner) hash(ctx context.Context, r *row) error {
	e := r.e[0]
	if e.Proven {
		return nil
	}
	f, err := os.OpenFile(e.Name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	sum, _, err := identity.File(ctx, f, e.Size, nil)
	if err != nil {
		return err
	}
	after, err := p.sides[0].store.Stat(ctx, e.Name)
	if err == nil && stores.SameVersion(e.Version, after.Version) {
		e.Sum, e.Proven = sum, true
		p.env.Set.Learned(p.sides[0].store, e)
	}
	return err
}
