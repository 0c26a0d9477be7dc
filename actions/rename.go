package actions

import (
	"context"
	"encoding/json"
	"errors"
	iofs "io/fs"

	"sd/actions/steps"
	"sd/actions/stores"
)

// rename gives From, a file or a folder as a whole, the name of To. A file with which that cannot
// be done, as between two mounts of one file system, is copied, and goes when the copy is safe.
func (r *run) rename(ctx context.Context, s *steps.Step, from, to stores.Store, again bool) (steps.Record, error) {
	task := r.task(s)
	task.Save = func(state json.RawMessage) error { return r.save(s.N, state) }
	var before brought
	if len(task.Saved) > 0 && json.Unmarshal(task.Saved, &before) == nil && before.Brought {
		return r.leave(ctx, s, from, to, before)
	}
	result, err := r.transfers.Rename(ctx, task)
	if err == nil {
		return steps.Record{State: steps.Done, Method: steps.Rename, Version: result.Entry.Version}, nil
	}
	if !errors.Is(err, errors.ErrUnsupported) || s.Kind == stores.Dir {
		return steps.Record{}, err
	}
	rec, err := r.copy(ctx, s, to, again)
	if err != nil {
		return steps.Record{}, err
	}
	if err := r.makeSafe(ctx); err != nil {
		return steps.Record{}, err
	}
	before = brought{true, rec.Version, uint8(rec.Method)}
	text, err := json.Marshal(before)
	if err == nil {
		err = r.save(s.N, text)
	}
	if err != nil {
		return steps.Record{}, err
	}
	return r.leave(ctx, s, from, to, before)
}

// brought is what is saved of a rename by copy whose copy is there, and safe.
type brought struct {
	Brought bool
	Version string // of To
	Method  uint8  // steps.Method
}

// leave removes the file that was copied, if its copy is there still.
func (r *run) leave(ctx context.Context, s *steps.Step, from, to stores.Store, b brought) (steps.Record, error) {
	removal := *s
	removal.Op, removal.After, removal.Near, removal.NearVersion = steps.OpRemove, s.N, &s.To, b.Version
	if err := r.leaves(ctx, &removal); err != nil {
		return steps.Record{}, err
	}
	if err := from.Remove(ctx, s.From.Name, s.Version); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return steps.Record{}, err
	}
	return steps.Record{State: steps.Done, Method: steps.Method(b.Method), Version: b.Version}, nil
}
