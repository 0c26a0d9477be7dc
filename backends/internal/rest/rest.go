// Package rest carries the HTTP requests of one volume: with bounded patience, a
// bounded number at a time, counted, and not at all while the server is known to
// be unreachable. It knows nothing about any service's protocol; retries of
// answers belong to the service's SDK, which calls Client.Do once per attempt.
//
// An operation is bracketed by Begin and End:
//
//	call, err := client.Begin(ctx, "LIST", rest.Meta, 0)
//	if err != nil { return err }
//	out, err := sdk.List(call.Context(), …)   // any number of requests through client.Do
//	return call.End(err)
package rest

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sd/backends"
)

// Config says how patient a Client is. The zero value is what a volume should use;
// tests shorten the times.
type Config struct {
	// Patience is how long one operation may last without a sign of life from the
	// server, all its attempts and pauses together. 0 is 4.5 s.
	Patience time.Duration
	// Stall is how long one request may wait for the next byte, of the headers or of
	// the body, before it is cut off. 0 is 3 s.
	Stall time.Duration
	// DataRequests, MetaRequests and WorkRequests bound the requests in flight in each
	// lane. 0 is 96, 16 and 48.
	DataRequests, MetaRequests, WorkRequests int
	// Probe asks the server for a sign of life through Do, with the context it is
	// given. Any answer will do: the error is not looked at, only whether a response
	// came. It must not retry. nil closes the circuit again after ProbeEvery, unasked.
	Probe func(ctx context.Context)
	// ProbeEvery is the pause before the first probe; it doubles up to 20 times that.
	// 0 is 250 ms.
	ProbeEvery time.Duration
}

// Client sends the requests of one volume. It is safe for concurrent use and holds
// no resources but, while the server is unreachable, one goroutine that probes it.
type Client struct {
	patience, stall time.Duration
	lanes           [3]chan struct{}
	breaker         *breaker
	transport       atomic.Pointer[http.RoundTripper]

	errors, retries, stalls, in, out atomic.Int64
	lost                             atomic.Int64 // runs that were given up and go on

	mu       sync.Mutex
	requests map[string]int64
	waiting  map[*attempt]struct{} // sent, and no answer yet
}

// Lane tells which requests stand in one queue.
type Lane int

// The lanes: requests that move file content, those that somebody waits for who looks
// around, and work that the server does by itself, with what must be asked for its sake.
// They queue apart, so that listing a directory never waits behind downloads, or behind
// the many copies that renaming one takes.
const (
	Data Lane = iota
	Meta
	Work
)

// New returns a Client that sends through transport. It makes no request.
func New(transport http.RoundTripper, cfg Config) *Client {
	c := &Client{
		patience: or(cfg.Patience, 4500*time.Millisecond),
		stall:    or(cfg.Stall, 3*time.Second),
		requests: map[string]int64{},
		waiting:  map[*attempt]struct{}{},
	}
	c.lanes[Data] = make(chan struct{}, or(cfg.DataRequests, 96))
	c.lanes[Meta] = make(chan struct{}, or(cfg.MetaRequests, 16))
	c.lanes[Work] = make(chan struct{}, or(cfg.WorkRequests, 48))
	c.breaker = newBreaker(c.patience/4, or(cfg.ProbeEvery, 250*time.Millisecond), c.probe(cfg.Probe))
	c.breaker.onOpen = c.cutWaiting
	c.SetTransport(transport)
	return c
}

// SetTransport makes later requests use transport.
func (c *Client) SetTransport(transport http.RoundTripper) { c.transport.Store(&transport) }

// Close stops the probe, if one runs, and closes idle connections. Requests under
// way are not touched.
func (c *Client) Close() {
	c.breaker.stop()
	if t, ok := (*c.transport.Load()).(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Stats returns what was counted so far. BytesIn and BytesOut are those of bodies.
func (c *Client) Stats() backends.Stats {
	c.mu.Lock()
	requests := make(map[string]int64, len(c.requests))
	for op, n := range c.requests {
		requests[op] = n
	}
	c.mu.Unlock()
	return backends.Stats{
		Requests: requests,
		Errors:   c.errors.Load(),
		Retries:  c.retries.Load(),
		Stalls:   c.stalls.Load(),
		BytesIn:  c.in.Load(),
		BytesOut: c.out.Load(),
	}
}

// Health returns what the circuit breaker believes.
func (c *Client) Health() backends.Health { return c.breaker.health() }

// probe wraps ask as an operation that the open circuit lets through.
func (c *Client) probe(ask func(context.Context)) func(context.Context) bool {
	if ask == nil {
		return nil
	}
	return func(ctx context.Context) bool {
		call := c.newCall(ctx, "PROBE", Meta, 0)
		call.probe, call.lane = true, make(chan struct{}, 1)
		ask(call.ctx)
		call.timer.Stop()
		defer call.cancel(context.Canceled)
		// An operation that failed before it sent anything (no credentials, say) shows
		// nothing wrong with the server.
		call.mu.Lock()
		defer call.mu.Unlock()
		return call.last == alive || call.attempts.Load() == 0 && call.ctx.Err() == nil
	}
}

// send counts an attempt and notes that it waits for an answer, unless the circuit is
// open: that is the error.
func (c *Client) send(a *attempt) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !a.call.probe {
		if !c.breaker.isUp.Load() {
			return errOpen
		}
		c.waiting[a] = struct{}{}
	}
	c.requests[a.call.op]++
	if a.call.attempts.Add(1) > 1 {
		c.retries.Add(1)
	}
	return nil
}

func (c *Client) settled(a *attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, a)
}

// cutWaiting ends all requests without an answer, for the circuit is open.
func (c *Client) cutWaiting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for a := range c.waiting {
		a.cancel(errOpen)
	}
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
