package rest

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff returns the pause before the attempt after the given number of failed
// ones: exponential with full jitter, from at most 100 ms to at most 1 s.
func Backoff(failed int) time.Duration {
	return Jitter(min(100*time.Millisecond<<min(max(failed-1, 0), 10), time.Second))
}

// Jitter returns a random part of d, below d.
func Jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

// Pause waits for d and tells whether ctx lasted that long.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
