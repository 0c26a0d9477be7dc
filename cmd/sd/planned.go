package main

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/actions"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/guardian"
	"sd/identity"
	"sd/library/catalog"
	"sd/sdpath"
)

// actPlanned makes a plan by fill, which prints it, lets said print what there is to say of it
// as a whole, asks, and has it done. Without --yes, where nobody can be asked, nothing is done.
// The row is valid with an error too.
func (a *app) actPlanned(ctx context.Context, p *places, spec steps.Spec, f actionFlags, fill actions.Fill, said func(*steps.Summary) error) (row actedRow, err error) {
	row.Spec = spec
	if a.json { // what is said on the way goes where it is in nobody's way
		quiet := *a
		quiet.json, quiet.out = false, a.errOut
		a = &quiet
	}
	w, err := a.newWork(ctx, p)
	if err != nil {
		return row, err
	}
	defer w.close(ctx)
	draft, err := w.engine.PlanFrom(ctx, spec, fill)
	switch {
	case ctx.Err() != nil:
		return row, errors.Join(errNothingDone, discard(draft))
	case err != nil:
		return row, err
	}
	defer draft.Discard() // nothing, once it is committed
	row.Plan = draft.Summary()
	if err := said(&row.Plan); err != nil || row.Plan.Steps == 0 {
		return row, err
	}
	a.warn(&row.Plan)
	f.preview = true // the plan was shown, and nobody has chosen these files one by one
	yes, err := a.agreed(ctx, f, questions(&row.Spec, &row.Plan))
	if err != nil || !yes {
		return row, err
	}
	job, err := draft.Commit(ctx, p.mountRunsJobs(ctx))
	if err != nil {
		return row, err
	}
	return row, w.run(ctx, job, &row)
}

// scopeSources are parts of the catalog as what an action is about.
func (p *places) scopeSources(list []guardian.Scope) ([]steps.Source, error) {
	sources := make([]steps.Source, len(list))
	for i, s := range list {
		uri, err := p.resolver.URI(s.Place, s.Path)
		if err != nil {
			return nil, err
		}
		sources[i].URI = uri.String()
	}
	return sources, nil
}

// members are what a row adds to the JSON of a plan.
func (r *actedRow) members(rest map[string]any) map[string]any {
	rest["acted"] = r.Acted
	if r.Acted {
		rest["job"], rest["state"] = r.Job, r.State
		if r.Outcome != nil {
			rest["outcome"] = r.Outcome
		}
	}
	return rest
}

// planStores are the stores of a plan that steps refer to.
type planStores struct {
	places *places
	set    *stores.Set
	refs   []steps.StoreRef
	index  map[string]int // of refs, by Store.Key
}

func newPlanStores(p *places, set *stores.Set) *planStores {
	return &planStores{places: p, set: set, index: map[string]int{}}
}

// ref names a file in a step.
func (s *planStores) ref(st stores.Store, name string) steps.Ref {
	i, ok := s.index[st.Key()]
	if !ok {
		i = len(s.refs)
		s.refs = append(s.refs, st.Ref())
		s.index[st.Key()] = i
	}
	return steps.Ref{Store: i, Name: name}
}

// errNotIdentified says that a file is not what was planned with any more.
var errNotIdentified = errors.New("it has changed since it was identified")

// find describes a file of the catalog, whose content is proven. A local one is looked at; an
// object was, when the plan was made, and is that version when its step begins, or nothing
// happens to it.
func (s *planStores) find(ctx context.Context, c *catalog.Copy, sum identity.Sum) (stores.Store, stores.Entry, error) {
	uri, err := s.places.resolver.URI(c.Place, c.Path)
	if err != nil {
		return nil, stores.Entry{}, err
	}
	st, name, err := s.set.Of(ctx, uri)
	if err != nil {
		return nil, stores.Entry{}, err
	}
	e := stores.Entry{Name: name, Kind: stores.File, Size: c.File.Size, Version: c.File.Version}
	if _, ok := uri.(sdpath.Cloud); ok {
		list := []stores.Entry{e}
		err = s.set.Know(ctx, st, list, false)
		e = list[0]
	} else {
		e, err = st.Stat(ctx, name)
		was := catalog.FileVersion{Size: e.Size, ModTime: e.ModTime.UnixNano(), Version: identity.LocalVersion(e.Changed, e.Inode)}
		if errors.Is(err, iofs.ErrNotExist) || err == nil && was != c.File.FileVersion() {
			err = errNotIdentified
		}
	}
	e.Sum, e.Proven = sum, sum != (identity.Sum{})
	return st, e, err
}

// from is a step about a file as it is.
func (s *planStores) from(op steps.Op, st stores.Store, e *stores.Entry) steps.Step {
	step := steps.Step{Op: op, From: s.ref(st, e.Name), Kind: e.Kind, Size: e.Size, Version: e.Version}
	if e.TimeKnown {
		step.ModTime = e.ModTime.UnixNano()
	}
	if e.HasMode {
		step.Mode = e.Mode
	}
	if e.Proven {
		step.Sum = e.Sum.String()
	}
	return step
}

// volume gives the backend of st, nil for the local file systems.
func volumeOf(st stores.Store) backends.Backend {
	if v, ok := st.(*stores.Volume); ok {
		return v.Backend()
	}
	return nil
}

// What steps take, about, in seconds.
const (
	requestSeconds = 0.0025 // many are made side by side
	localSeconds   = 0.0001
)
