package syncs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sd/actions/steps"
	"sd/backends"
	"sd/identity"
	"sd/library"
)

// UnfinishedError says that a job about the same two folders has not ended.
type UnfinishedError struct {
	Job   int64
	State library.JobState
}

func (e *UnfinishedError) Error() string {
	switch e.State {
	case library.Running, library.Queued:
		return fmt.Sprintf("job %d about the same folders is %s: 'sd job wait %d' waits for it", e.Job, e.State, e.Job)
	}
	return fmt.Sprintf("job %d about the same folders is %s: 'sd job resume %d' goes on with it, 'sd job cancel %d' ends it", e.Job, e.State, e.Job, e.Job)
}

// abandoned is how old findings are of which there is no plan and no draft before they are
// removed.
const abandoned = time.Hour

// settle brings what ended jobs about the pair have done into its state. An *UnfinishedError
// says that one has not ended; the others are settled all the same. Dirs are the local folders.
func settle(ctx context.Context, env Env, p *pair, dirs []string) error {
	paths, err := p.founds()
	if err != nil || len(paths) == 0 {
		return err
	}
	jobs, err := jobsOf(env.Library.Dir(), p, paths)
	if err != nil {
		return err
	}
	// The oldest job first, so that what a later one did counts.
	slices.SortFunc(paths, func(a, b string) int { return int(jobs[a] - jobs[b]) })
	var unfinished error
	for _, path := range paths {
		id := jobs[path]
		if id == 0 {
			err = dropAbandoned(path)
		} else {
			var state library.JobState
			state, err = env.JobState(ctx, id)
			switch {
			case err == nil && !state.Ended():
				unfinished = &UnfinishedError{Job: id, State: state}
				continue
			case err == nil || errors.Is(err, iofs.ErrNotExist):
				err = settleJob(p, path, filepath.Join(jobsDir(env.Library.Dir()), strconv.FormatInt(id, 10)+".journal"), env.Boot, dirs)
			}
		}
		if err != nil {
			return err
		}
	}
	return unfinished
}

func jobsDir(libraryDir string) string { return filepath.Join(libraryDir, "jobs") }

// jobsOf finds the jobs whose plans go with findings; 0: there is none.
func jobsOf(libraryDir string, p *pair, founds []string) (map[string]int64, error) {
	paths := map[string]string{}
	for _, path := range founds {
		paths[p.foundName(path)] = path
	}
	files, err := os.ReadDir(jobsDir(libraryDir))
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return nil, err
	}
	var ids []int64
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".plan"); ok {
			if id, err := strconv.ParseInt(name, 10, 64); err == nil {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	jobs := map[string]int64{}
	for _, id := range slices.Backward(ids) { // new ones first: there they are
		plan, err := steps.Open(filepath.Join(jobsDir(libraryDir), strconv.FormatInt(id, 10)+".plan"))
		if err != nil {
			continue // no whole plan: nothing can have been done of it
		}
		found := plan.Header().Spec.Options.Found
		plan.Close()
		if path, ok := paths[found]; ok && found != "" {
			if jobs[path] = id; len(jobs) == len(paths) {
				break
			}
		}
	}
	return jobs, nil
}

// dropAbandoned removes findings whose draft was dropped.
func dropAbandoned(path string) error {
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()) < abandoned {
		return ignoreAbsent(err)
	}
	f, err := openFound(path)
	if err == nil {
		f.close()
		if _, err := os.Stat(f.Draft); err == nil {
			return nil
		}
	}
	return ignoreAbsent(os.Remove(path))
}

func ignoreAbsent(err error) error {
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}

// settleJob makes the next state of findings and of what became of the steps. What these have
// written to local folders is on the disk before the state says so: a file that a loss of power
// took would else count as deleted by somebody.
func settleJob(p *pair, path, journal, boot string, dirs []string) error {
	f, err := openFound(path)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil // another process was faster
	}
	if errors.Is(err, errDamaged) {
		return os.Remove(path) // the state stays as it was, which costs comparisons
	}
	if err != nil {
		return err
	}
	defer f.close()
	stale, err := p.isStale(f)
	if err == nil && stale {
		err = p.forget()
	} else if err == nil {
		var done *outcome
		if done, err = readOutcome(journal, f.Steps, boot); err != nil {
			return err
		}
		if err = done.secure(dirs); err == nil {
			err = writeState(p, f, done)
		}
	}
	if err != nil {
		return err
	}
	return ignoreAbsent(os.Remove(path))
}

// isStale tells whether another sync of the pair was settled since f was planned, so that the
// two do not know of each other.
func (p *pair) isStale(f *foundReader) (bool, error) {
	last, err := p.state()
	if errors.Is(err, errDamaged) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer last.close()
	return !last.Saved.Equal(f.Base), nil
}

// secure waits until what was done in local folders is on their disks.
func (o *outcome) secure(dirs []string) error {
	if !slices.ContainsFunc(o.ended, func(bits uint64) bool { return bits != 0 }) {
		return nil
	}
	for _, dir := range dirs {
		if err := flushDisk(dir); err != nil {
			return err
		}
	}
	return nil
}

// writeState writes the state that follows from findings.
func writeState(p *pair, f *foundReader, done *outcome) error {
	as := *p
	as.swap = f.Swap
	w, err := as.newState()
	if err != nil {
		return err
	}
	defer w.list.discard()
	var next finding
	var held *record // what a step has made may have the name of what was there
	for {
		ok, err := f.next(&next)
		if err != nil {
			return err
		}
		var r *record
		if ok {
			if r = done.settled(&next); r == nil {
				continue
			}
		}
		if held != nil && (!ok || held.Key != r.Key) {
			if err := w.add(*held); err != nil {
				return err
			}
		}
		if !ok {
			return w.finish(f.Began)
		}
		kept := *r
		held = &kept
	}
}

// outcome is what a journal says of the steps that findings refer to. Versions lie in one
// piece of memory: there may be a million.
type outcome struct {
	steps    []int64 // by slot
	ended    []uint64
	versions []byte
	at       []uint32 // by step: where the version begins in versions, 0 for none
}

// readOutcome reads what became of steps. What only the memory of an earlier boot had for all
// that is known, has not happened.
func readOutcome(journal string, bySlot []int64, boot string) (*outcome, error) {
	o := &outcome{steps: bySlot, versions: []byte{0}}
	last := int64(0)
	for _, n := range bySlot {
		last = max(last, n)
	}
	o.ended, o.at = make([]uint64, last/64+1), make([]uint32, last+1)
	if last <= 0 {
		return o, nil
	}
	history, err := steps.ReadHistory(journal, last, boot)
	if err != nil {
		return nil, err
	}
	defer history.Close()
	return o, steps.ReadJournal(journal, func(r steps.Record) error {
		if r.N <= 0 || r.N > last || r.State != steps.Done && r.State != steps.Skipped && r.State != steps.Failed {
			return nil
		}
		bit := uint64(1) << (r.N % 64)
		if r.State == steps.Failed || history.Doubted(r.N) {
			o.ended[r.N/64] &^= bit
			return nil
		}
		o.ended[r.N/64] |= bit
		o.keep(&r)
		return nil
	})
}

// done tells whether what the slot stands for has happened.
func (o *outcome) done(s slot) bool {
	if s <= 0 || int(s) >= len(o.steps) {
		return false
	}
	n := o.steps[s]
	return n == always || n > 0 && o.ended[n/64]&(1<<(n%64)) != 0
}

// keep remembers what a step has made: its sum, or none, and its version.
func (o *outcome) keep(r *steps.Record) {
	n := len(r.Version)
	if n == 0 || n >= 1<<16 || len(o.versions)+n >= math.MaxUint32-64 {
		return
	}
	o.at[r.N] = uint32(len(o.versions))
	sum, err := identity.ParseSum(r.Sum)
	if err == nil {
		o.versions = append(append(o.versions, 1), sum[:]...)
	} else {
		o.versions = append(o.versions, 0)
	}
	o.versions = append(o.versions, byte(n), byte(n>>8))
	o.versions = append(o.versions, r.Version...)
}

// made sets in r what the slot's step has made on one side, as far as that is known.
func (o *outcome) made(s slot, r *record, side int) {
	r.Marks[side] = mark{}
	n := o.steps[s]
	if n <= 0 || o.at[n] == 0 {
		return
	}
	b := o.versions[o.at[n]:]
	if b[0] == 1 {
		r.HasSum = true
		b = b[1+copy(r.Sum[:], b[1:]):]
	} else {
		b = b[1:]
	}
	size := int(b[0]) | int(b[1])<<8
	r.Marks[side].Version = string(b[2 : 2+size])
}

// settled is what the next state says of a name; nil: nothing.
func (o *outcome) settled(f *finding) *record {
	switch {
	case f.Keep:
		return &f.record
	case o.done(f.Gone):
		return nil
	case o.done(f.Make):
		for i, s := range f.From {
			if s != 0 && f.Kind != backends.Dir {
				o.made(s, &f.record, i)
			}
		}
		return &f.record
	}
	return f.Old
}

// Settle brings what ended jobs have done into the states of their pairs. It is called when a
// sync has ended, so that the state is kept soon; Make calls it anyway. Jobs that have not ended
// are left alone.
func Settle(ctx context.Context, env Env, spec *steps.Spec) error {
	var sides [2]side
	for i, s := range []steps.Source{spec.Sources[0], spec.Target} {
		if err := sides[i].open(ctx, env.Set, s.URI); err != nil {
			return err
		}
	}
	p := pairOf(env.Library.Dir(), sides[0].key(), sides[1].key())
	err := settle(ctx, env.complete(), &p, locals(sides))
	if errors.As(err, new(*UnfinishedError)) {
		return nil
	}
	return err
}
