package actions

import (
	"context"
	"errors"

	"sd/actions/steps"
	"sd/actions/stores"
)

// trash puts From into the trash, and keeps where it is there.
func (r *run) trash(ctx context.Context, s *steps.Step, from stores.Store) (steps.Record, error) {
	return steps.Record{}, errors.ErrUnsupported
}

// restore brings To back from where the trash has it.
func (r *run) restore(ctx context.Context, s *steps.Step, to stores.Store) (steps.Record, error) {
	return steps.Record{}, errors.ErrUnsupported
}
