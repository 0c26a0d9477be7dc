package transfer

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"sd/actions/stores"
)

const (
	// partUnit is what moves in one request at most, and the size of the parts of larger files.
	partUnit = 8 << 20
	// partsAtOnce is how many parts of one file are under way.
	partsAtOnce = 8
)

// partOf is the size of the parts of a file: the unit, or as many times two of it as it takes to
// have no more than most of them.
func (t *Transfers) partOf(size, smallest, most int64) int64 {
	part := t.unit
	for part < smallest {
		part *= 2
	}
	if most > 0 {
		if least := (size + most - 1) / most; least > part {
			part = 1 << bits.Len64(uint64(least-1))
		}
	}
	return part
}

// sideBySide calls fn for the numbers of all parts, a few at once. After a failure no more are
// begun; those under way come to their own end, so that what they have moved counts.
func sideBySide(ctx context.Context, parts int64, fn func(i int64) error) error {
	var g errgroup.Group
	var failed atomic.Bool
	g.SetLimit(partsAtOnce)
	for i := range parts {
		g.Go(func() error {
			if failed.Load() || ctx.Err() != nil {
				return nil
			}
			err := fn(i)
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// copy chooses the way by the two ends.
func (t *Transfers) copy(ctx context.Context, task *Task) (Result, error) {
	switch task.Source.Kind {
	case stores.File, stores.Symlink:
	default:
		return Result{}, fmt.Errorf("%s is neither a file nor a link", task.Source.Name)
	}
	if r, ok, err := t.near(ctx, task); ok {
		return r, err
	}
	switch from := task.From.(type) {
	case *stores.Content:
		return t.fromContent(ctx, task, from)
	case *stores.Local:
		switch to := task.To.(type) {
		case *stores.Local:
			return t.copyLocal(ctx, task)
		case *stores.Volume:
			return t.upload(ctx, task, from, to)
		}
	case *stores.Volume:
		switch to := task.To.(type) {
		case *stores.Local:
			return t.download(ctx, task, from)
		case *stores.Volume:
			return t.between(ctx, task, from, to)
		}
	}
	return Result{}, fmt.Errorf("copy from %T to %T: %w", task.From, task.To, errors.ErrUnsupported)
}
