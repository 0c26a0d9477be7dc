package actions

import (
	"context"
	"encoding/json"
	"errors"
	iofs "io/fs"
	"strconv"
	"strings"
	"sync/atomic"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/actions/trash"
	"sd/identity"
)

// errNotOurs says that the target is neither absent nor what an earlier attempt made.
var errNotOurs = errors.New("something else is there by now: nothing was overwritten")

// task is what package transfer is asked for s.
func (r *run) task(s *steps.Step) transfer.Task {
	t := transfer.Task{
		From: r.stores[s.From.Store], Source: source(s), To: r.stores[s.To.Store], Name: s.To.Name, Root: r.root,
		Absent: s.Absent, Over: s.Over, Unique: r.unique + strconv.FormatInt(s.N, 10), Saved: r.saved(s.N),
		Verify: r.header.Spec.Options.Verify,
	}
	if s.Near != nil {
		near := t.Source
		near.Name, near.Version = s.Near.Name, s.NearVersion
		t.Near = &near
	}
	return t
}

// copy makes the copy of a file or symlink.
func (r *run) copy(ctx context.Context, s *steps.Step, to stores.Store, again bool) (steps.Record, error) {
	task := r.task(s)
	if again {
		if rec, done, err := r.arrived(ctx, s, &task); done || err != nil {
			return rec, err
		}
	}
	var moved atomic.Int64
	task.Progress = func(n int64) {
		moved.Add(n)
		r.counts.moving.Add(n)
	}
	task.Save = func(state json.RawMessage) error { return r.save(s.N, state) }
	result, err := r.transfers.Copy(ctx, task)
	r.counts.moving.Add(-moved.Load())
	_, remote := to.(*stores.Volume)
	if changed := new(transfer.ChangedError); remote && errors.As(err, &changed) && changed.Side == transfer.Target {
		// A request of an attempt that was given up, or killed, may have come to its end just now.
		late := r.task(s)
		if rec, done, _ := r.arrived(ctx, s, &late); done {
			return rec, nil
		}
	}
	if err != nil {
		return steps.Record{}, err
	}
	if _, ok := to.(*stores.Local); ok {
		if err := r.made(ctx, to, s.To.Name); err != nil {
			return steps.Record{}, err
		}
	}
	if result.Method == steps.Skip && !again {
		return steps.Record{State: steps.Skipped, Err: "it was there already", Version: result.Entry.Version}, nil
	}
	rec := steps.Record{State: steps.Done, Method: result.Method, Version: result.Entry.Version, Bytes: result.Through, Err: strings.Join(result.Lost, ",")}
	if result.Known {
		rec.Sum = result.Sum.String()
	}
	return rec, nil
}

// arrived tells whether an attempt whose end is not known has made the target. Where the
// target is neither that nor what was planned to be there, it is an error.
func (r *run) arrived(ctx context.Context, s *steps.Step, task *transfer.Task) (steps.Record, bool, error) {
	if !s.Absent && s.Over == "" {
		return steps.Record{}, false, nil // whatever is there may be replaced, also by the same
	}
	there, err := task.To.Stat(ctx, s.To.Name)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return steps.Record{}, false, nil // where a version should be, the copy finds out
	case err != nil:
		return steps.Record{}, false, err
	case !s.Absent && stores.SameVersion(s.Over, there.Version):
		return steps.Record{}, false, nil
	}
	same, err := r.same(ctx, task, &there)
	if err != nil {
		return steps.Record{}, false, err
	}
	if !same && r.history.Doubted(s.N) && there.Kind == task.Source.Kind && there.ModTime.Equal(task.Source.ModTime) {
		// It is ours, and a loss of power took its bytes.
		task.Absent, task.Over = false, there.Version
		return steps.Record{}, false, nil
	}
	if !same {
		return steps.Record{}, false, &transfer.ChangedError{Side: transfer.Target, Name: s.To.Name, Was: s.Over, Is: there.Version, Err: errNotOurs}
	}
	if err := r.transfers.Clean(ctx, *task); err != nil {
		return steps.Record{}, false, err
	}
	r.e.set.Learned(task.To, &there)
	if _, ok := task.To.(*stores.Local); ok {
		if err := r.made(ctx, task.To, s.To.Name); err != nil {
			return steps.Record{}, false, err
		}
	}
	rec := steps.Record{State: steps.Done, Method: s.Method, Version: there.Version}
	if there.Proven {
		rec.Sum = there.Sum.String()
	}
	return rec, true, nil
}

// same tells whether there, in the store of the target, holds what the source does. Where no
// proof is at hand, both are read; what is to be verified is read in any case.
func (r *run) same(ctx context.Context, task *transfer.Task, there *stores.Entry) (bool, error) {
	src := &task.Source
	if there.Kind != src.Kind || there.Size != src.Size && src.Kind == stores.File {
		return false, nil
	}
	switch src.Kind {
	case stores.Symlink:
		return there.Link == src.Link, nil
	case stores.File:
	default:
		return false, nil
	}
	if src.Size == 0 {
		return true, nil
	}
	sums := make([]identity.Sum, 2)
	for i, side := range []struct {
		in stores.Store
		e  *stores.Entry
	}{{task.From, src}, {task.To, there}} {
		if side.e.Proven && !(task.Verify && side.e == there) {
			sums[i] = side.e.Sum
			continue
		}
		sum, err := r.transfers.Sum(ctx, side.in, *side.e)
		if err != nil {
			return false, err
		}
		side.e.Sum, side.e.Proven = sum, true
		sums[i] = sum
	}
	return sums[0] == sums[1], nil
}

// cleanStep removes what an unfinished step has left.
func (r *run) cleanStep(ctx context.Context, s *steps.Step) {
	from, _, err := r.ends(s)
	if err == nil {
		switch s.Op {
		case steps.OpCopy, steps.OpRename:
			err = r.transfers.Clean(ctx, r.task(s))
		case steps.OpTrash:
			err = trash.Clean(ctx, from, source(s), r.unique+strconv.FormatInt(s.N, 10))
		}
	}
	if err != nil {
		r.e.log.Warn("something unfinished is left behind", "job", r.job, "step", s.N, "err", err)
	}
}

// link makes To a further name of From, which the step before has made; where the file system
// has no such thing, a copy of it.
func (r *run) link(ctx context.Context, s *steps.Step, from, to stores.Store, again bool) (steps.Record, error) {
	first, err := from.Stat(ctx, s.From.Name)
	if err != nil {
		return steps.Record{}, err
	}
	alone := *s
	alone.Op, alone.Kind, alone.Size, alone.Version, alone.Sum = steps.OpCopy, first.Kind, first.Size, first.Version, ""
	task := r.task(&alone)
	task.Source = first
	result, err := r.transfers.Link(ctx, task)
	if errors.Is(err, errors.ErrUnsupported) {
		rec, err := r.copy(ctx, &alone, to, again)
		if err == nil {
			rec.Err = strings.Trim(rec.Err+","+lostLink, ",")
		}
		return rec, err
	}
	if err != nil {
		return steps.Record{}, err
	}
	if err := r.made(ctx, to, s.To.Name); err != nil {
		return steps.Record{}, err
	}
	return steps.Record{State: steps.Done, Method: result.Method, Version: result.Entry.Version}, nil
}

// lostLink is the code of a hard link that became a file of its own.
const lostLink = "hard-link"
