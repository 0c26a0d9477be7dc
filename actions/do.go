package actions

import (
	"context"
	"errors"
	iofs "io/fs"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/backends"
	"sd/identity"
)

// do does s once. again tells that it may have been done, in part or whole, by an attempt
// that nobody knows the end of.
func (r *run) do(ctx context.Context, s *steps.Step, again bool) (steps.Record, error) {
	from, to, err := r.ends(s)
	if err != nil {
		return steps.Record{}, err
	}
	if err := r.leaves(ctx, s); err != nil {
		if _, missing := from.Stat(ctx, s.From.Name); again && errors.Is(missing, iofs.ErrNotExist) {
			return gone(nil, again) // it went before that changed
		}
		return steps.Record{}, err
	}
	switch s.Op {
	case steps.OpMkdir:
		return r.mkdir(ctx, s, to, again)
	case steps.OpCopy:
		return r.copy(ctx, s, to, again)
	case steps.OpLink:
		return r.link(ctx, s, from, to, again)
	case steps.OpRename:
		return r.rename(ctx, s, from, to, again)
	case steps.OpRemove:
		rec, err := gone(from.Remove(ctx, s.From.Name, s.Version), again)
		return r.purged(ctx, s, from, rec, err)
	case steps.OpRmdir:
		err := from.Rmdir(ctx, s.From.Name)
		if errors.Is(err, backends.ErrNotEmpty) {
			return steps.Record{State: steps.Skipped, Err: "it is not empty"}, nil
		}
		rec, err := gone(err, again)
		return r.purged(ctx, s, from, rec, err)
	case steps.OpTrash:
		return r.trash(ctx, s, from)
	case steps.OpRestore:
		return r.restore(ctx, s, to, again)
	case steps.OpMeta:
		return r.meta(ctx, s, from, to)
	case steps.OpForget:
		return steps.Record{State: steps.Done}, nil
	}
	return steps.Record{}, errors.New("the plan has a step that this sd does not know: update sd")
}

// ends are the stores of s; nil for a Ref that s does not use.
func (r *run) ends(s *steps.Step) (from, to stores.Store, err error) {
	find := func(ref steps.Ref) stores.Store {
		if ref.Store < 0 || ref.Store >= len(r.stores) {
			err = errNoStore
			return nil
		}
		return r.stores[ref.Store]
	}
	return find(s.From), find(s.To), err
}

// gone is the record of a removal that ended with err. What was not there any more was
// removed by an attempt before, or by somebody else.
func gone(err error, again bool) (steps.Record, error) {
	switch {
	case err == nil, again && errors.Is(err, iofs.ErrNotExist):
		return steps.Record{State: steps.Done}, nil
	case errors.Is(err, iofs.ErrNotExist):
		return steps.Record{State: steps.Skipped, Err: "it was gone already"}, nil
	}
	return steps.Record{}, err
}

// source describes From as it was planned.
func source(s *steps.Step) stores.Entry {
	e := stores.Entry{Name: s.From.Name, Kind: s.Kind, Size: s.Size, Version: s.Version, Mode: s.Mode, HasMode: s.Mode != 0, Link: s.Link}
	if s.ModTime != 0 {
		e.ModTime, e.TimeKnown = time.Unix(0, s.ModTime), true
	}
	if s.Sum != "" {
		sum, err := identity.ParseSum(s.Sum)
		e.Sum, e.Proven = sum, err == nil
	}
	return e
}

// mkdir makes a folder. One that is there is as good, unless the plan counts on its absence.
func (r *run) mkdir(ctx context.Context, s *steps.Step, to stores.Store, again bool) (steps.Record, error) {
	var like *stores.Entry
	if s.From != (steps.Ref{}) || s.Mode != 0 {
		e := source(s)
		e.Kind = stores.Dir
		like = &e
	}
	err := to.Mkdir(ctx, s.To.Name, like)
	if err == nil {
		return steps.Record{State: steps.Done}, nil
	}
	if !errors.Is(err, iofs.ErrExist) {
		return steps.Record{}, err
	}
	there, e := to.Stat(ctx, s.To.Name)
	switch {
	case e != nil:
		return steps.Record{}, e
	case there.Kind != stores.Dir:
		return steps.Record{}, &iofs.PathError{Op: "mkdir", Path: s.To.Name, Err: backends.ErrNotDir}
	case again && s.Absent:
		return steps.Record{State: steps.Done}, nil
	}
	return steps.Record{State: steps.Skipped, Err: "it was there already"}, nil
}

// meta gives a folder the attributes of another. What cannot be set is told, and no failure.
func (r *run) meta(ctx context.Context, s *steps.Step, from, to stores.Store) (steps.Record, error) {
	like := source(s)
	like.Kind = stores.Dir
	if _, ok := from.(*stores.Local); ok && s.From.Name != "" {
		now, err := from.Stat(ctx, s.From.Name)
		if err == nil {
			like = now
		} else if !errors.Is(err, iofs.ErrNotExist) {
			return steps.Record{}, err
		}
	}
	err := to.SetMeta(ctx, s.To.Name, &like)
	switch {
	case err == nil:
		return steps.Record{State: steps.Done}, nil
	case errors.Is(err, iofs.ErrNotExist), isOffline(err):
		return steps.Record{}, err
	}
	return steps.Record{State: steps.Done, Err: transfer.LostMode}, nil
}
