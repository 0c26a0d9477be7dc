//go:build linux

package main

import (
	"context"
	"sync/atomic"
	"syscall"
	"time"
)

// limit is how long one piece of work at a distance may take, unless it says
// otherwise: some peers would need minutes, and a rate shows after seconds.
func (b *bench) limit() time.Duration {
	if b.quick {
		return 3 * time.Second
	}
	return 10 * time.Second
}

// outcome is how far a piece of work came.
type outcome struct {
	n    int64 // of what it counts
	took time.Duration
	cut  bool // the time was over first
}

// rate is how many a second.
func (o outcome) rate() float64 { return float64(o.n) / o.took.Seconds() }

// mercy is how long a piece of work may go on after its time, to come to an end by
// itself.
const mercy = 2 * time.Second

// within lets work go on for at most the given time; it counts what it has done, for
// what is measured when the time is over first. If it does not end then, it waits in
// the kernel for a process that does not answer, which is killed: m is dead after that.
func within(ctx context.Context, m *mounted, limit time.Duration, work func(ctx context.Context, done *atomic.Int64) error) (outcome, error) {
	var done atomic.Int64
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ended := make(chan error, 1)
	start := time.Now()
	go func() { ended <- work(limited, &done) }()
	select {
	case err := <-ended:
		o := outcome{done.Load(), time.Since(start), limited.Err() != nil}
		if o.cut && ctx.Err() == nil {
			err = nil // it noticed the end of its time before we did
		}
		return o, err
	case <-limited.Done():
	}
	o := outcome{done.Load(), time.Since(start), true}
	select {
	case <-ended:
	case <-time.After(mercy):
		m.kill()
		<-ended
	}
	return o, context.Cause(ctx)
}

// kill ends the process behind the mount; whoever waits for it gets an error.
func (m *mounted) kill() {
	m.dead = true
	if m.pid != 0 {
		_ = syscall.Kill(m.pid, syscall.SIGKILL)
	}
}
