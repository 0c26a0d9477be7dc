package rest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
)

// TestProbe runs one probe at a time, until one succeeds, and then none.
func TestProbe(t *testing.T) {
	var running, most, probes atomic.Int64
	healed := make(chan struct{})
	b := newBreaker(0, time.Millisecond, func(context.Context) bool {
		defer running.Add(-1)
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		probes.Add(1)
		select {
		case <-healed:
			return true
		default:
			return false
		}
	})
	defer b.stop()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				b.trip("gone", false)
				if err := b.refusal(); !errors.Is(err, backends.ErrOffline) {
					t.Errorf("got %v, want %v", err, backends.ErrOffline)
				}
			}
		})
	}
	group.Wait()
	select {
	case <-b.opened():
	default:
		t.Error("the circuit is open and does not say so")
	}
	until(t, "some probes ran", func() bool { return probes.Load() > 2 })
	close(healed)
	until(t, "the circuit is closed", func() bool { return b.health().Online })
	if err := b.refusal(); err != nil || most.Load() != 1 {
		t.Errorf("got %v, %d probes at once", err, most.Load())
	}
	select {
	case <-b.opened():
		t.Error("the circuit is closed and says it is open")
	default:
	}
}

// TestNobodyAsks stops probing when nobody is interested, and resumes at the next question.
func TestNobodyAsks(t *testing.T) {
	var probes atomic.Int64
	b := newBreaker(0, time.Millisecond, func(context.Context) bool { probes.Add(1); return false })
	defer b.stop()
	b.interest = 0
	probing := func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.probing
	}
	b.trip("gone", false)
	until(t, "probing has paused", func() bool { return !probing() })
	if b.refusal() == nil {
		t.Error("the circuit closed by itself")
	}
	b.mu.Lock()
	b.interest = time.Hour
	b.mu.Unlock()
	before := probes.Load()
	if b.refusal() == nil {
		t.Error("the circuit closed by itself")
	}
	until(t, "a probe runs again", func() bool { return probes.Load() > before })
	b.stop()
	until(t, "probing has ended", func() bool { return !probing() })
}

// TestHealth tells state, time and reason.
func TestHealth(t *testing.T) {
	b := newBreaker(time.Hour, time.Hour, nil)
	defer b.stop()
	if h := b.health(); !h.Online || !h.Since.IsZero() || h.Err != "" {
		t.Errorf("never asked: got %+v", h)
	}
	b.answered()
	if h := b.health(); !h.Online || h.Since.IsZero() {
		t.Errorf("answered: got %+v", h)
	}
	b.trip("slow", true)
	if !b.health().Online {
		t.Error("a stall just after an answer counts as an outage")
	}
	b.trip("gone", false)
	if h := b.health(); h.Online || h.Err != "gone" || h.Since.IsZero() {
		t.Errorf("offline: got %+v", h)
	}
	b.answered()
	if h := b.health(); !h.Online || h.Err != "" {
		t.Errorf("back: got %+v", h)
	}
}

// TestPatience runs only while the server owes something.
func TestPatience(t *testing.T) {
	now := time.Now()
	p := patience{whole: time.Minute, since: now.Add(-50 * time.Second)}
	left := func() time.Duration {
		l, _ := p.left()
		return l.Round(time.Second)
	}
	check := func(when string, want time.Duration) {
		t.Helper()
		if got := left(); got != want {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	check("running", 10*time.Second)
	p.stop()
	p.since, p.still = p.since.Add(-time.Hour), p.still.Add(-time.Hour) // an hour goes by
	check("still", 10*time.Second)
	p.start(time.Now())
	check("running on", 10*time.Second)
	p.stop()
	p.since, p.still = p.since.Add(-time.Hour), p.still.Add(-time.Hour)
	p.start(time.Now().Add(-4 * time.Second)) // the server owed something for 4 s
	check("after a silent read", 6*time.Second)
	p.progress()
	check("after progress", time.Minute)
	p.since = p.since.Add(-2 * time.Minute)
	check("overdrawn", -time.Minute)
}
