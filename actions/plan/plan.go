// Package plan makes the steps of cp, mv, rm and mkdir: it finds what the user's arguments
// mean, compares what is to be written with what is there, and chooses for each file the
// cheapest way to its place. It changes nothing in any store.
//
// Sources and targets are walked side by side and steps are written as they come, so that a
// plan of a million files takes little memory. Nothing is listed or asked for twice.
package plan

import (
	"context"
	"fmt"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/library"
	"sd/resolver"
)

// Env is what a plan is made with.
type Env struct {
	Set      *stores.Set
	Library  *library.Library
	Resolver *resolver.Resolver
	// Progress is called now and then while the plan is made; nil is nothing.
	Progress func(Progress)
	// Protected are local paths that are never removed or moved, nor anything above them, beside
	// those that the package knows: the library and mounts of sd.
	Protected []string
}

// Progress tells how much was looked at.
type Progress struct {
	Files int64
	Bytes int64
}

// Make plans spec, whose Action is cp, mv, rm or mkdir, into w, which it does not finish. It
// returns what the plan comes to, and the stores that its steps refer to.
//
// Files that cannot be written because something else is there are counted as Conflicts in the
// Summary; files that cannot be read or written, or whose name the target cannot hold, are
// Denied. They get no steps, and whether the rest is done is the caller's to decide: with a
// conflict nothing should be. An error is for the user, about the arguments as a whole or about a
// store that does not answer; a *ConflictError is about sources that cannot go to the target at
// all.
func Make(ctx context.Context, env Env, spec *steps.Spec, w *steps.Writer) (steps.Summary, []steps.StoreRef, error) {
	p := &planner{env: env, spec: spec, w: w, index: map[string]int{}, known: map[stores.Store]int{}}
	if env.Resolver == nil {
		p.env.Resolver = env.Set.Resolver()
	}
	var err error
	if p.filter, err = compare.NewFilter(spec.Options.Include, spec.Options.Exclude); err != nil {
		return steps.Summary{}, nil, err
	}
	switch spec.Action {
	case steps.Copy, steps.Move:
		err = p.copy(ctx)
	case steps.Remove:
		err = p.remove(ctx)
	case steps.Mkdir:
		err = p.mkdir(ctx)
	default:
		err = fmt.Errorf("package plan makes no plans for %q", spec.Action)
	}
	if err != nil {
		return steps.Summary{}, nil, err
	}
	p.progress(true)
	p.estimate()
	return p.sum, p.refs, nil
}

// ConflictError says that sources cannot go where they were sent.
type ConflictError struct {
	List []steps.Conflict // never empty
}

// Error tells of the first one.
func (e *ConflictError) Error() string {
	c := e.List[0]
	text := c.Why
	switch {
	case c.From != "" && c.To != "":
		text = fmt.Sprintf("%s to %s: %s", c.From, c.To, c.Why)
	case c.To != "":
		text = fmt.Sprintf("%s: %s", c.To, c.Why)
	case c.From != "":
		text = fmt.Sprintf("%s: %s", c.From, c.Why)
	}
	if more := len(e.List) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}
