package actions

import (
	"context"
	"errors"
	iofs "io/fs"
	"strconv"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/trash"
)

// trash puts From into the trash, and keeps where it is there.
func (r *run) trash(ctx context.Context, s *steps.Step, from stores.Store) (steps.Record, error) {
	where, err := trash.Put(ctx, from, source(s), r.unique+strconv.FormatInt(s.N, 10))
	if err != nil {
		return gone(err, false)
	}
	return steps.Record{State: steps.Done, Name: where}, nil
}

// restore brings To back from where the trash has it.
func (r *run) restore(ctx context.Context, s *steps.Step, to stores.Store, again bool) (steps.Record, error) {
	e, err := trash.Restore(ctx, to, s.From.Name, s.To.Name)
	if again && (errors.Is(err, iofs.ErrNotExist) || errors.Is(err, iofs.ErrExist)) {
		there, missing := to.Stat(ctx, s.To.Name)
		if missing == nil && there.Kind == s.Kind && (there.Kind == stores.Dir || there.Size == s.Size) {
			e, err = there, nil
		}
	}
	if err != nil {
		return steps.Record{}, err
	}
	r.e.set.Learned(to, &e)
	return steps.Record{State: steps.Done, Method: steps.Rename, Version: e.Version}, nil
}
