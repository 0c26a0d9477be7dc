package actions

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// leaves makes sure, for a removal that counts on a copy that stays, that this is there still,
// in the version that was planned.
func (r *run) leaves(ctx context.Context, s *steps.Step) error {
	if s.Near == nil || s.Op != steps.OpRemove && s.Op != steps.OpTrash {
		return nil
	}
	if s.Near.Store < 0 || s.Near.Store >= len(r.stores) {
		return errNoStore
	}
	e, err := r.stores[s.Near.Store].Stat(ctx, s.Near.Name)
	gone := errors.Is(err, iofs.ErrNotExist)
	if err != nil && !gone {
		return err
	}
	if gone || e.Kind != s.Kind || !stores.SameVersion(s.NearVersion, e.Version) {
		kept := r.e.uri(ctx, r.header.Stores, *s.Near)
		return fmt.Errorf("%s, the copy that was to stay, is not what it was, so this one stays too: %w", kept, backends.ErrChanged)
	}
	return nil
}
