package rclone

import (
	"context"
	"errors"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"
)

// meta runs ask as one operation that moves few bytes. The error is in our words, but not yet a
// PathError.
func meta[T any](ctx context.Context, s *store, op string, ask func(context.Context, *conn) (T, error)) (T, error) {
	return run(ctx, s, op, rest.Meta, 0, ask)
}

// work is meta for what the service does by itself, and may take grace longer for.
func work[T any](ctx context.Context, s *store, op string, grace time.Duration, ask func(context.Context, *conn) (T, error)) (T, error) {
	return run(ctx, s, op, rest.Work, grace, ask)
}

// run runs ask as one operation, again with another login if the service has ended this one.
func run[T any](ctx context.Context, s *store, op string, lane rest.Lane, grace time.Duration, ask func(context.Context, *conn) (T, error)) (T, error) {
	v, c, err := once(ctx, s, op, lane, grace, ask)
	var known *loginError
	if err != nil && expired(err) && !errors.As(err, &known) {
		s.ended(c, err)
		v, c, err = once(ctx, s, op, lane, grace, ask)
		if err != nil && c != nil && expired(err) {
			s.ended(c, err)
		}
	}
	if err == nil {
		s.welcomed(c)
	}
	return v, s.explain(err)
}

func once[T any](ctx context.Context, s *store, op string, lane rest.Lane, grace time.Duration, ask func(context.Context, *conn) (T, error)) (v T, c *conn, err error) {
	if err := ctx.Err(); err != nil {
		return v, nil, err
	}
	call, err := s.rest.Begin(ctx, op, lane, grace)
	if err != nil {
		return v, nil, err
	}
	c, err = s.connect(call.Context())
	if err == nil {
		v, err = carry(call.Context(), func(ctx context.Context) (T, error) { return ask(c.with(ctx), c) })
	}
	return v, c, call.End(err)
}

// patiently asks again while no answer comes, until patience has passed since the time given:
// what is asked about is a change whose answer was lost, and the next request may well get one.
func patiently[T any](ctx context.Context, s *store, since time.Time, ask func() (T, error)) (T, error) {
	patience := s.cfg.Patience
	if patience == 0 {
		patience = 4500 * time.Millisecond
	}
	for {
		v, err := ask()
		if !errors.Is(err, backends.ErrOffline) || time.Since(since) > patience || !rest.Pause(ctx, 20*time.Millisecond) {
			return v, err
		}
	}
}
