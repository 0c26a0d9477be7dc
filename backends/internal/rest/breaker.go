package rest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"sd/backends"
)

// strikesOut is how many operations in a row that ended in "not now" are an outage.
const strikesOut = 3

// breaker is a circuit breaker: closed while the server answers, open when it does
// not. While open, one goroutine at most probes the server, as long as somebody is
// interested, and closes the circuit at the first sign of life.
type breaker struct {
	quiet    time.Duration // silence on all requests that makes one stalled request an outage
	pause    time.Duration // before the first probe
	interest time.Duration // how long nobody need ask before probing pauses
	probe    func(context.Context) bool
	onOpen   func() // nil is nothing; must not ask the breaker

	life context.Context
	stop context.CancelFunc
	seen atomic.Int64 // Unix nanoseconds of the last answer
	isUp atomic.Bool

	mu      sync.Mutex
	tripped chan struct{} // closed while the circuit is open
	since   time.Time
	reason  string
	strikes int
	asked   time.Time
	probing bool
}

func newBreaker(quiet, pause time.Duration, probe func(context.Context) bool) *breaker {
	b := &breaker{quiet: quiet, pause: pause, interest: 2 * time.Minute, probe: probe, tripped: make(chan struct{})}
	b.life, b.stop = context.WithCancel(context.Background())
	b.isUp.Store(true)
	return b
}

// refusal returns nil while the circuit is closed.
func (b *breaker) refusal() error {
	if b.isUp.Load() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isUp.Load() {
		return nil
	}
	b.asked = time.Now()
	b.startProbe()
	return &refusalError{b.reason}
}

// opened returns a channel that is closed once the circuit is open.
func (b *breaker) opened() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tripped
}

// heard notes a sign of life that may yet turn out to say "not now".
func (b *breaker) heard() { b.seen.Store(time.Now().UnixNano()) }

// answered notes an answer. It closes the circuit if it was open.
func (b *breaker) answered() {
	b.heard()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.strikes = 0
	if b.since.IsZero() {
		b.since = time.Now()
	}
	if !b.isUp.Load() {
		b.tripped = make(chan struct{})
		b.since, b.reason = time.Now(), ""
		b.isUp.Store(true)
	}
}

// trip opens the circuit. A stalled operation does not do so while others are being
// answered: then the server is slow with one request, not gone.
func (b *breaker) trip(reason string, stalled bool) {
	if stalled && time.Since(time.Unix(0, b.seen.Load())) < b.quiet {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open(reason)
}

// strike notes an operation that ended in "not now".
func (b *breaker) strike(reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.strikes++; b.strikes >= strikesOut {
		b.open(backends.ErrOffline.Error() + ": " + reason)
	}
}

func (b *breaker) open(reason string) {
	b.reason = reason
	if !b.isUp.Load() {
		return
	}
	b.isUp.Store(false)
	b.since, b.asked = time.Now(), time.Now()
	close(b.tripped)
	if b.onOpen != nil {
		b.onOpen()
	}
	b.startProbe()
}

func (b *breaker) startProbe() {
	if !b.probing && b.life.Err() == nil {
		b.probing = true
		go b.probeLoop()
	}
}

func (b *breaker) probeLoop() {
	pause := b.pause
	for b.wanted() {
		select {
		case <-time.After(pause/2 + Jitter(pause/2)):
		case <-b.life.Done():
			continue
		}
		if b.probe == nil || b.probe(b.life) {
			b.answered()
		}
		pause = min(2*pause, 20*b.pause)
	}
}

// wanted tells whether to go on probing; if not, it has signed the goroutine off.
func (b *breaker) wanted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = !b.isUp.Load() && b.life.Err() == nil && time.Since(b.asked) < b.interest
	return b.probing
}

func (b *breaker) health() backends.Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	return backends.Health{Online: b.isUp.Load(), Since: b.since, Err: b.reason}
}
