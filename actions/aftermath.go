package actions

import (
	"context"
	"errors"
	iofs "io/fs"

	"golang.org/x/sync/errgroup"

	"sd/actions/steps"
	"sd/actions/stores"
)

const lookAtOnce = 16

// findOut writes down what was done without a word, by a run that was killed or an attempt that
// was given up, so that the log tells the truth of a job that nobody goes on with. Nothing is
// changed but the journal. r.mu is not held, and nothing runs any more.
func (r *run) findOut(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lookAtOnce)
	err := r.eachBegun(func(s *steps.Step) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		g.Go(func() error {
			rec, done, err := r.foundDone(ctx, s)
			if err != nil || !done {
				return nil // nobody knows
			}
			rec.N, rec.State = s.N, steps.Done
			r.mu.Lock()
			r.state[s.N] = steps.Done
			r.count(s, &rec, false)
			r.mu.Unlock()
			return r.journal.Append(rec)
		})
		return nil
	})
	return errors.Join(err, g.Wait(), r.journal.Flush())
}

// eachBegun calls fn with the steps that may have been begun and did not end.
func (r *run) eachBegun(fn func(*steps.Step) error) error {
	err := r.plan.Each(1, func(s *steps.Step) error {
		if s.N > r.reached && !r.history.MayHaveBegun(s.N) {
			return errEnough
		}
		r.mu.Lock()
		ended := r.state[s.N].Ended()
		r.mu.Unlock()
		if ended {
			return nil
		}
		return fn(s)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

var errEnough = errors.New("enough")

// foundDone tells whether a step that may have been begun was done.
func (r *run) foundDone(ctx context.Context, s *steps.Step) (rec steps.Record, done bool, err error) {
	from, to, err := r.ends(s)
	if err != nil {
		return rec, false, err
	}
	there := func(st stores.Store, name string) (stores.Entry, bool) {
		e, missing := st.Stat(ctx, name)
		if missing != nil && !errors.Is(missing, iofs.ErrNotExist) {
			err = missing
		}
		return e, missing == nil
	}
	switch s.Op {
	case steps.OpCopy:
		task := r.task(s)
		return r.arrived(ctx, s, &task)
	case steps.OpMkdir:
		e, is := there(to, s.To.Name)
		return rec, is && s.Absent && e.Kind == stores.Dir, err
	case steps.OpRemove, steps.OpRmdir:
		_, is := there(from, s.From.Name)
		return rec, !is, err
	case steps.OpTrash:
		if _, is := there(from, s.From.Name); is || err != nil {
			return rec, false, err
		}
		rec, err = r.trash(ctx, s, from)
		return rec, err == nil && rec.State == steps.Done, err
	case steps.OpRename, steps.OpRestore, steps.OpLink:
		if s.Op == steps.OpRename {
			if _, is := there(from, s.From.Name); is || err != nil {
				return rec, false, err
			}
		}
		e, is := there(to, s.To.Name)
		return steps.Record{Version: e.Version, Method: s.Method}, is && s.Absent && e.Kind == s.Kind && (e.Kind == stores.Dir || e.Size == s.Size), err
	}
	return rec, false, nil
}
