package guardian

import (
	"cmp"
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"

	"sd/library"
	"sd/library/catalog"
)

// Tally counts copies: a file under all its names (hard links) counts once.
type Tally struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

func (t *Tally) add(size int64) {
	t.Files++
	t.Bytes += size
}

// Risks say how well some files are protected. A file is in one at most of OneCopy,
// OneDevice and OneMedium: the first that is true.
type Risks struct {
	Total     Tally `json:"total"`      // whose content is proven
	OneCopy   Tally `json:"one_copy"`   // nothing else holds these bytes, or only what a restart ends
	OneDevice Tally `json:"one_device"` // several copies, all on one device
	OneMedium Tally `json:"one_medium"` // on several devices, all of one medium
	Unmet     Tally `json:"unmet"`      // fewer copies than the policy asks for
	// Unidentified are files of which it is not known what they hold, so that nothing can be
	// said of them. They are in no other Tally. Empty files are in none at all.
	Unidentified Tally `json:"unidentified"`
}

// FolderRisks are the Risks of one folder with all below it.
type FolderRisks struct {
	Scope
	Risks
}

// PolicyRisks are the files for which one policy counts.
type PolicyRisks struct {
	library.Policy
	Total, Unmet Tally
}

// Report is how well files are protected.
type Report struct {
	Risks
	// Folders are those right below the scopes, the one with most bytes unmet first; the
	// files right in a scope are under the scope's own name.
	Folders []FolderRisks
	// Policies are those that count for some file. The last may be Default, whose Place is "".
	Policies []PolicyRisks
	// Rotten are the files whose bytes changed by themselves, as Verify found out.
	Rotten []library.Rot
}

// ReportQuery says what is reported on.
type ReportQuery struct {
	Under   []Scope // none: all of the library
	Folders bool    // whether by folder
}

// Report measures how the files below the scopes are protected by copies anywhere in the
// library. It reads through the catalog once, and keeps little more than its answer.
func (g *Guardian) Report(ctx context.Context, q ReportQuery) (Report, error) {
	a, err := g.atlas(ctx)
	if err != nil {
		return Report{}, err
	}
	list, err := g.library.Policies(ctx)
	if err != nil {
		return Report{}, err
	}
	r := newReporter(q, list, a)
	if q.Folders {
		if r.bases, err = g.bases(ctx, q.Under); err != nil {
			return Report{}, err
		}
	}
	err = g.survey(ctx, q.Under, func(c catalog.Content, copies []catalog.Copy) error {
		r.content(c, copies)
		return nil
	}, r.unidentified)
	if err != nil {
		return Report{}, err
	}
	r.report.Rotten, err = g.rotten(ctx, q.Under)
	return r.finish(), err
}

type reporter struct {
	query    ReportQuery
	policies *policies
	gather   *gatherer
	bases    []Scope

	census   census
	wanted   []*library.Policy // of one copy
	report   Report
	folders  map[Scope]*Risks
	byPolicy map[*library.Policy]*PolicyRisks
}

// rotten are the files in the scopes that were found rotten and not written or removed since.
func (g *Guardian) rotten(ctx context.Context, scopes []Scope) (list []library.Rot, err error) {
	notes, err := g.library.Rotten(ctx)
	for _, n := range notes {
		if !holds(scopes, n.Place, n.Path) {
			continue
		}
		_, f, err := g.catalog.FindFile(ctx, n.Place, n.Path)
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return nil, err
		}
		if err == nil && f.Size == n.Size && f.ModTime == n.ModTime {
			list = append(list, n)
		}
	}
	return list, err
}

func newReporter(q ReportQuery, list []library.Policy, a *atlas) *reporter {
	return &reporter{
		query: q, policies: newPolicies(list), gather: newGatherer(a),
		folders: map[Scope]*Risks{}, byPolicy: map[*library.Policy]*PolicyRisks{},
	}
}

// content counts one content's copies.
func (r *reporter) content(c catalog.Content, copies []catalog.Copy) {
	list := r.gather.gather(copies)
	r.census.reset()
	for _, i := range list {
		r.census.add(i.Site, 1)
	}
	risk := r.risk()
	for _, i := range list {
		at := slices.IndexFunc(i.Names, func(n catalog.Copy) bool { return holds(r.query.Under, n.Place, n.Path) })
		if at < 0 || i.Site.Device == "" {
			continue
		}
		unmet := r.asked(i, c.Size)
		add := func(risks *Risks) {
			risks.Total.add(c.Size)
			if t := risk(risks); t != nil {
				t.add(c.Size)
			}
			if unmet {
				risks.Unmet.add(c.Size)
			}
		}
		add(&r.report.Risks)
		if f := r.folder(i.Names[at].Place, i.Names[at].Path); f != nil {
			add(f)
		}
	}
}

// risk is the Tally for contents that lie where the census says.
func (r *reporter) risk() func(*Risks) *Tally {
	switch {
	case r.census.spread(0) < 2:
		return func(s *Risks) *Tally { return &s.OneCopy }
	case r.census.spread(library.DifferentDevice) < 2:
		return func(s *Risks) *Tally { return &s.OneDevice }
	case r.census.spread(library.DifferentMedium) < 2:
		return func(s *Risks) *Tally { return &s.OneMedium }
	}
	return func(*Risks) *Tally { return nil }
}

// asked counts a copy once for each policy that its names in scope are under, and tells
// whether one of them is not met.
func (r *reporter) asked(i Instance, size int64) (unmet bool) {
	r.wanted = r.wanted[:0]
	for _, n := range i.Names {
		if !holds(r.query.Under, n.Place, n.Path) {
			continue
		}
		p := r.policies.of(n.Place, n.Path)
		if slices.Contains(r.wanted, p) {
			continue
		}
		r.wanted = append(r.wanted, p)
		t := r.byPolicy[p]
		if t == nil {
			t = &PolicyRisks{Policy: *p}
			r.byPolicy[p] = t
		}
		t.Total.add(size)
		if !met(p, &r.census) {
			t.Unmet.add(size)
			unmet = true
		}
	}
	return unmet
}

func (r *reporter) unidentified(place catalog.Place, path string, size int64) {
	r.report.Unidentified.add(size)
	if f := r.folder(place, path); f != nil {
		f.Unidentified.add(size)
	}
}

// folder returns the Risks of the folder right below a base in which path lies, or nil.
func (r *reporter) folder(place catalog.Place, path string) *Risks {
	for _, b := range r.bases {
		if !b.Holds(place, path) {
			continue
		}
		start := len(b.Path)
		if start > 0 && start < len(path) {
			start++ // the slash
		}
		at := b
		if i := strings.IndexByte(path[start:], '/'); i > 0 {
			at.Path = path[:start+i]
		}
		f := r.folders[at]
		if f == nil {
			f = new(Risks)
			r.folders[Scope{at.Place, strings.Clone(at.Path)}] = f
		}
		return f
	}
	return nil
}

func (r *reporter) finish() Report {
	for at, risks := range r.folders {
		r.report.Folders = append(r.report.Folders, FolderRisks{at, *risks})
	}
	slices.SortFunc(r.report.Folders, func(a, b FolderRisks) int {
		return cmp.Or(cmp.Compare(b.Unmet.Bytes, a.Unmet.Bytes), cmp.Compare(b.OneCopy.Bytes, a.OneCopy.Bytes),
			cmp.Compare(b.Unidentified.Bytes, a.Unidentified.Bytes), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Path, b.Path))
	})
	for _, p := range r.byPolicy {
		r.report.Policies = append(r.report.Policies, *p)
	}
	slices.SortFunc(r.report.Policies, func(a, b PolicyRisks) int { // Default, which has no place, last
		return cmp.Or(compareBool(a.Place == "", b.Place == ""), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Path, b.Path))
	})
	return r.report
}
