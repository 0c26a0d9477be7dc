// Package syncs plans how two folders get in step: as a mirror, in both directions, by moving
// into an archive, or by keeping only some files on this side.
//
// What both sides had in common after the last sync is kept in a file of the library, the
// state: for each name the versions that it had on either side. A name whose versions are both
// still those is in step, so that a sync of what has not changed only lists. What differs from
// the state was changed on that side since; what is in the state and on one side no more was
// deleted there. Where the state knows nothing, or was lost, nothing counts as deleted.
//
// Planning writes beside the steps what it has found out (found). When the job has ended, that
// and the job's journal make the next state: what was done is in it, what failed stays as it
// was. Settle does this, at the latest before the pair is planned again. A state that is older
// than the truth costs comparisons and loses nothing.
package syncs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	iofs "io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// Env is what Make works with. All but Progress and Now are needed.
type Env struct {
	Set      *stores.Set
	Library  *library.Library
	Resolver *resolver.Resolver
	// Progress is told now and then how many files were looked at so far. nil is nobody.
	Progress func(files int64)
	Now      func() time.Time // nil is time.Now
	// JobState tells how a job stands; one that was forgotten is fs.ErrNotExist. nil asks the
	// library, which takes a job whose process was killed for Running.
	JobState func(ctx context.Context, id int64) (library.JobState, error)
	// Boot names the time since this machine was started, as journals do. "": what was not
	// made safe before its job ended is not believed.
	Boot string
}

// complete fills in what may be nil.
func (env Env) complete() Env {
	if env.Now == nil {
		env.Now = time.Now
	}
	if env.JobState == nil {
		env.JobState = func(ctx context.Context, id int64) (library.JobState, error) {
			job, err := env.Library.Job(ctx, id)
			return job.State, err
		}
	}
	return env
}

// NewFound is a name for Options.Found. Who makes the Spec of a sync sets it, so that the
// plan's header has it.
func NewFound() string { return strings.ToLower(rand.Text()[:16]) }

// Make plans the sync that spec asks for: spec.Sources[0] and spec.Target are folders, what is
// in the one goes to the other. It blocks while both are listed; errors tell the user what to do.
// An *UnfinishedError says that an earlier job about the same folders must end first. If there
// are no steps the pair is in step, and that is remembered.
func Make(ctx context.Context, env Env, spec *steps.Spec, w *steps.Writer) (steps.Summary, []steps.StoreRef, error) {
	env = env.complete()
	if len(spec.Sources) != 1 {
		return steps.Summary{}, nil, errors.New("a sync is of one folder with another: name two")
	}
	filter, err := compare.NewFilter(spec.Options.Include, spec.Options.Exclude)
	if err != nil {
		return steps.Summary{}, nil, err
	}
	p := &planner{env: env, spec: spec, w: w, filter: filter, now: env.Now(), steps: []int64{0}}
	for i, s := range []steps.Source{spec.Sources[0], spec.Target} {
		if err := p.sides[i].open(ctx, env.Set, s.URI); err != nil {
			return steps.Summary{}, nil, err
		}
	}
	if err := p.check(); err != nil {
		return steps.Summary{}, nil, err
	}
	if p.mode = spec.Options.Mode; p.mode == "" {
		p.mode = steps.Mirror
	}
	switch p.mode {
	case steps.Mirror:
		p.decide, p.quiet = p.mirror, true
	case steps.Bidirectional:
		p.decide, p.quiet = p.bidirectional, true
	case steps.Archive:
		p.decide = p.archive
	case steps.Selective:
		if p.selected, err = newSelection(ctx, p); err != nil {
			return steps.Summary{}, nil, err
		}
		p.decide = p.selective
	default:
		return steps.Summary{}, nil, fmt.Errorf("there is no sync mode %q: choose mirror, bidirectional, archive or selective", spec.Options.Mode)
	}
	if spec.Options.Found == "" {
		spec.Options.Found = NewFound()
	}
	if err := p.plan(ctx); err != nil {
		return steps.Summary{}, nil, err
	}
	return p.sum, p.refs(), nil
}

// side is one of the two folders.
type side struct {
	store   stores.Store
	dir     string // its name in the store
	index   int    // of the store in the plan
	local   bool
	flat    bool          // folders come with what is in them
	missing bool          // it is known not to be there
	files   int64         // that were seen
	window  time.Duration // how far times may be apart there that mean the same
	plain   bool          // the file system keeps no owners and modes
}

func (s *side) open(ctx context.Context, set *stores.Set, uri string) error {
	at, err := sdpath.Parse(uri)
	if err != nil {
		return err
	}
	if s.store, s.dir, err = set.Of(ctx, at); err != nil {
		return err
	}
	switch st := s.store.(type) {
	case *stores.Volume:
		_, s.flat = st.Backend().(backends.Walker)
		s.window = compare.Window(string(st.Info().Service))
	case *stores.Content:
		return fmt.Errorf("%s is no folder: a sync is of two folders", uri)
	case *stores.Local:
		s.local = true
		// What is named is the folder, whatever links lead there.
		s.dir = RealPath(s.dir)
		if v := st.Volume(s.dir); v != nil {
			kind := v.Info.Config["fstype"]
			s.window, s.plain = compare.Window(kind), plain[kind]
		}
		e, err := st.Stat(ctx, s.dir)
		switch {
		case errors.Is(err, iofs.ErrNotExist):
			s.missing = true
		case err != nil:
			return err
		case e.Kind != stores.Dir:
			return &iofs.PathError{Op: "sync", Path: uri, Err: backends.ErrNotDir}
		}
	}
	return nil
}

// plain are the file systems that keep no owners and modes.
var plain = map[string]bool{"vfat": true, "msdos": true, "exfat": true, "fuse.exfat": true}

// window is how far the times of two files may be apart that are meant to be equal.
func (p *planner) window() time.Duration { return max(p.sides[0].window, p.sides[1].window) }

// RealPath is a local path without links on its way, as far as it is there.
func RealPath(name string) string {
	for dir, rest := name, ""; ; {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return name
		}
		dir, rest = up, filepath.Join(filepath.Base(dir), rest)
	}
}

// locals are those of two sides that are local folders.
func locals(sides [2]side) (dirs []string) {
	for i := range sides {
		if sides[i].local {
			dirs = append(dirs, sides[i].dir)
		}
	}
	return dirs
}

// key tells the folder from all others.
func (s *side) key() string { return s.store.Key() + "\x00" + s.dir }

func (s *side) uri(rel string) string { return s.store.URI(s.name(rel)).String() }

// name is the name in the store of what is called rel in the folder.
func (s *side) name(rel string) string { return s.store.Join(s.dir, rel) }

// check refuses what can be no pair.
func (p *planner) check() error {
	a, b := &p.sides[0], &p.sides[1]
	if a.store.Key() == b.store.Key() {
		b.index = 0
		if within(a.dir, b.dir) || within(b.dir, a.dir) {
			return fmt.Errorf("one of %s and %s lies in the other: a sync is of two folders that lie apart", a.uri(""), b.uri(""))
		}
	} else {
		b.index = 1
	}
	if a.missing && (b.missing || !p.twoWay()) {
		return &iofs.PathError{Op: "sync", Path: a.uri(""), Err: iofs.ErrNotExist}
	}
	return nil
}

// twoWay tells whether files may also go from the second folder to the first.
func (p *planner) twoWay() bool {
	return p.spec.Options.Mode == steps.Bidirectional || p.spec.Options.Mode == steps.Selective
}

// within tells whether name is dir or lies below it.
func within(dir, name string) bool {
	return dir == "" || dir == name || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}

// refs are the stores of the plan.
func (p *planner) refs() []steps.StoreRef {
	list := []steps.StoreRef{p.sides[0].store.Ref()}
	if p.sides[1].index == 1 {
		list = append(list, p.sides[1].store.Ref())
	}
	return list
}

// momentAfter is now, or a second after the last sync was planned: a name with that time in it
// may be taken.
func momentAfter(last, now time.Time) time.Time {
	if now.Truncate(time.Second).After(last) || now.Before(last.Add(-time.Minute)) {
		return now
	}
	return last.Truncate(time.Second).Add(time.Second).In(now.Location())
}

// conflictName is rel as it is called where both of two versions are kept.
func conflictName(rel, by string, at time.Time) string {
	const maxName = 255
	suffix := fmt.Sprintf(" (conflict %s %s)", by, at.Format("2006-01-02 15.04.05"))
	dir, base := path.Split(rel)
	if room := maxName - len(suffix); len(base) > room && room > 0 {
		base = strings.ToValidUTF8(base[:room], "")
	}
	return dir + base + suffix
}
