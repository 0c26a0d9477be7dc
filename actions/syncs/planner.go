package syncs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"time"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// batchSize is how many names are judged at once.
const batchSize = 1024

// row is one name: what the sides have under it, and what they last had in common.
type row struct {
	rel    string
	folder bool
	e      [2]*stores.Entry // nil: nothing of that name
	last   *record          // nil: nothing
	// quiet: both sides have what they last had in common. Then e is nil.
	quiet   bool
	verdict compare.Verdict // of two files
}

func (r *row) key() string {
	if r.folder {
		return r.rel + "/"
	}
	return r.rel
}

// kept tells whether a side has what it had when both were last the same.
func (r *row) kept(side int) bool {
	if r.last == nil || r.e[side] == nil {
		return false
	}
	return r.folder || r.last.Kind == kindOf(r.e[side]) && r.last.Marks[side].holds(r.last.Size, r.e[side])
}

// exact tells whether a side has the very version that it had when both were last the same.
func (r *row) exact(side int) bool {
	if r.last == nil || r.e[side] == nil || r.last.Marks[side].Version == "" {
		return false
	}
	return stores.SameVersion(r.last.Marks[side].Version, r.e[side].Version)
}

// kindOf is the kind that is remembered: whether an object is a link is not known from a list.
func kindOf(e *stores.Entry) backends.Kind {
	if e.Kind == stores.Dir {
		return backends.Dir
	}
	return backends.File
}

// planner plans one sync.
type planner struct {
	env      Env
	spec     *steps.Spec
	w        *steps.Writer
	filter   *compare.Filter
	now      time.Time
	sides    [2]side
	mode     steps.SyncMode
	decide   func(ctx context.Context, r *row) error
	quiet    bool       // a file that is in step needs no decision
	selected *selection // of a selective sync, else nil

	pair  pair
	last  *stateReader
	ahead record // of last, the next one
	more  bool   // there is one
	found *foundWriter

	rows  []row
	names int64
	// met is the name that was met last.
	met       string
	metFolder bool
	sum       steps.Summary
	need      [2]int64 // bytes that a side is to hold more than now
	steps     []int64  // by slot

	frames []frame
	dels   [2][]removal
	news   []newcomer
	metas  []row // folders whose attributes are to be set at the end
	open   []opened
	empty  [2]map[string]frame
	linked map[fileID]bool // files of several names that are copied
	cases  *cases          // nil: both sides tell apart what differs in case alone
	fence  bool            // the next step begins when all before it have ended

	mu    sync.Mutex
	blind [2][]string // folders, by rel, that could not be listed
}

// plan lists both sides and decides about each name.
func (p *planner) plan(ctx context.Context) error {
	a, b := &p.sides[0], &p.sides[1]
	p.pair = pairOf(p.env.Library.Dir(), a.key(), b.key())
	err := settle(ctx, p.env, &p.pair, locals(p.sides))
	if err != nil {
		return err
	}
	if p.found, err = p.pair.newFound(p.spec.Options.Found); err != nil {
		return err
	}
	defer p.found.list.discard()
	if err := p.openState(ctx); err != nil {
		return err
	}
	defer func() { p.last.close() }()
	p.now = momentAfter(p.last.Saved, p.now)
	if err := p.openCases(ctx); err != nil {
		return err
	}
	if err := p.makeRoots(); err != nil {
		return err
	}
	err = compare.Merge(ctx, p.walk(0), p.walk(1), func(rel string, x, y *stores.Entry) error {
		return p.meet(ctx, rel, x, y)
	})
	if err == nil {
		err = p.passOver("", true)
	}
	if err == nil {
		err = p.flush(ctx)
	}
	if err == nil {
		err = p.close(ctx, "")
	}
	if err == nil {
		err = p.leave("")
	}
	if err == nil {
		err = p.matchRenames(ctx)
	}
	if err == nil {
		err = p.guard(ctx)
	}
	if err == nil {
		err = p.finishSteps(ctx)
	}
	if err != nil {
		return err
	}
	return p.keepFound()
}

// openState opens the last state. Without one, or where it was damaged or a sync was taken
// back, nothing counts as deleted.
func (p *planner) openState(ctx context.Context) error {
	var err error
	p.last, err = p.pair.state()
	if errors.Is(err, errDamaged) {
		p.sum.Warn("state", "what was known of the last sync is damaged and is not used: what was deleted on one side since may come back", p.pair.statePath())
		if err := p.pair.forget(); err != nil {
			return err
		}
		p.last, err = p.pair.state()
	}
	if err != nil {
		return err
	}
	undone, err := p.undone(ctx)
	if err == nil && undone {
		p.last.close()
		if err = p.pair.forget(); err == nil {
			p.last, err = p.pair.state()
		}
	}
	if err != nil {
		return err
	}
	return p.nextLast()
}

func (p *planner) nextLast() (err error) {
	p.more, err = p.last.next(&p.ahead)
	return err
}

// walk is one side for compare.Merge.
func (p *planner) walk(i int) compare.Side {
	s := &p.sides[i]
	hints := make([]string, len(p.last.Hints))
	for k, key := range p.last.Hints {
		hints[k] = s.name(rel(key))
	}
	slices.Sort(hints)
	return compare.Side{
		Store: s.store, Dir: s.dir, Filter: p.filter, Missing: s.missing, Needed: i == 0 && !p.twoWay(),
		Walk: stores.WalkOptions{Hints: hints, Problem: func(name string, err error) error { return p.problem(i, name, err) }},
	}
}

// problem notes a folder that cannot be listed. What lies below it on the other side must
// not count as new or deleted.
func (p *planner) problem(i int, name string, err error) error {
	s := &p.sides[i]
	if name == s.dir || errors.Is(err, backends.ErrOffline) || errors.Is(err, context.Canceled) {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	rel := s.store.Rel(s.dir, name)
	p.blind[i] = append(p.blind[i], rel)
	if errors.Is(err, stores.ErrForeign) {
		p.sum.Warn("foreign", "pseudo file systems and mounts of sd are left out", s.uri(rel))
	} else {
		p.sum.Deny(steps.Conflict{From: s.uri(rel), Why: err.Error() + ": what is in it is left as it is on both sides"})
	}
	return nil
}

// isBlind tells whether nothing is known of a name on some side.
func (p *planner) isBlind(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, list := range p.blind {
		for _, dir := range list {
			if within(dir, name) {
				return true
			}
		}
	}
	return false
}

// meet takes a name in its order.
func (p *planner) meet(ctx context.Context, rel string, x, y *stores.Entry) error {
	if p.names++; p.names%4096 == 0 && p.env.Progress != nil {
		p.env.Progress(p.names)
	}
	any := x
	if any == nil {
		any = y
	}
	r := row{rel: rel, folder: any.Kind == stores.Dir}
	// What comes out of its order would be taken for missing on one side, and be removed.
	if p.names > 1 && !compare.Before(p.met, p.metFolder, rel, r.folder) {
		return fmt.Errorf("%s lists its files in no order that can be compared (%q after %q): nothing was done", p.sides[0].uri(""), rel, p.met)
	}
	p.met, p.metFolder = rel, r.folder
	if err := p.passOver(rel, r.folder); err != nil {
		return err
	}
	if p.more && rel == strings.TrimSuffix(p.ahead.Key, "/") && r.folder == isFolder(p.ahead.Key) {
		last := p.ahead
		r.last = &last
		if err := p.nextLast(); err != nil {
			return err
		}
	}
	for i, e := range []*stores.Entry{x, y} {
		if e != nil {
			if !r.folder && e.Kind != stores.Special {
				p.sides[i].files++
			}
			r.e[i] = e
		}
	}
	if !r.folder && p.quiet && r.kept(0) && r.kept(1) {
		r.quiet = true
		for i := range r.e {
			if r.markNow(i) != r.last.Marks[i] { // the same, but now more is known
				r.quiet = false
			}
		}
	}
	if r.quiet {
		r.e = [2]*stores.Entry{}
	} else {
		for i, e := range r.e {
			if e != nil {
				kept := *e
				r.e[i] = &kept
			}
		}
	}
	if p.rows = append(p.rows, r); len(p.rows) < batchSize {
		return nil
	}
	return p.flush(ctx)
}

// passOver goes over what the last state has before a name: neither side has it. Where a
// filter or an error hides it, it stays as it was.
func (p *planner) passOver(rel string, folder bool) error {
	for p.more && (rel == "" || compare.Before(strings.TrimSuffix(p.ahead.Key, "/"), isFolder(p.ahead.Key), rel, folder)) {
		last := p.ahead
		p.rows = append(p.rows, row{rel: strings.TrimSuffix(last.Key, "/"), folder: isFolder(last.Key), last: &last})
		if err := p.nextLast(); err != nil {
			return err
		}
	}
	return nil
}

// flush decides about the names that wait.
func (p *planner) flush(ctx context.Context) error {
	if err := p.judge(ctx, p.rows); err != nil {
		return err
	}
	for i := range p.rows {
		if err := p.row(ctx, &p.rows[i]); err != nil {
			return err
		}
	}
	clear(p.rows)
	p.rows = p.rows[:0]
	return nil
}

// row decides about one name.
func (p *planner) row(ctx context.Context, r *row) error {
	if err := p.leave(r.rel); err != nil {
		return err
	}
	if err := p.close(ctx, r.rel); err != nil {
		return err
	}
	switch {
	case r.quiet:
		p.count(r.rel, 0)
		p.count(r.rel, 1)
		p.sum.Same.Add(r.last.Size)
		if r.last.HasSum {
			p.sum.Proven.Add(r.last.Size)
		}
		return p.found.add(&finding{record: *r.last, Keep: true, Old: r.last})
	case r.e[0] == nil && r.e[1] == nil:
		if !p.filter.Takes(r.rel, r.folder) || p.isBlind(r.rel) {
			return p.found.add(&finding{record: *r.last, Keep: true, Old: r.last})
		}
		p.found.news = true
		return nil
	case (r.e[0] == nil || r.e[1] == nil) && p.isBlind(r.rel):
		if r.last != nil {
			return p.found.add(&finding{record: *r.last, Keep: true, Old: r.last})
		}
		return nil
	}
	if p.unfit(r) {
		if r.last != nil {
			return p.found.add(&finding{record: *r.last, Keep: true, Old: r.last})
		}
		return nil
	}
	if r.folder {
		if err := p.enter(r); err != nil {
			return err
		}
	}
	return p.decide(ctx, r)
}

// keepFound keeps what was found for when the plan has run. Where there is nothing to do it
// is true already.
func (p *planner) keepFound() error {
	if p.w.Len() > 0 {
		return p.found.finish(p.w.Path(), p.steps, p.last.Saved)
	}
	if !p.found.news && p.last.known() {
		return nil
	}
	if err := p.found.finish("", p.steps, p.last.Saved); err != nil {
		return err
	}
	return settleJob(&p.pair, p.pair.foundPath(p.spec.Options.Found), "", p.env.Boot, nil)
}

// slot makes a slot for a step to come.
func (p *planner) slot() slot {
	p.steps = append(p.steps, 0)
	return slot(len(p.steps) - 1)
}

// add adds a step that fills a slot; after is the slot of the one that it has to follow.
func (p *planner) add(s slot, after slot, step steps.Step) error {
	if after != 0 {
		if step.After = p.steps[after]; step.After <= 0 {
			return fmt.Errorf("a step of the sync would come before the one that it needs: %s %s", step.Op, step.From.Name)
		}
	}
	step.Barrier, p.fence = step.Barrier || p.fence, false
	n, err := p.w.Add(step)
	p.steps[s] = n
	return err
}
