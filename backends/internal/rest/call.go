package rest

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Call is one operation: the requests that it takes, one after the other, share
// its patience.
type Call struct {
	client   *Client
	op       string
	lane     chan struct{}
	data     bool // bytes received are kept, so they are progress
	patience patience
	stall    time.Duration
	probe    bool

	parent   context.Context // the caller's, to tell its ending from our cutting
	ctx      context.Context
	cancel   context.CancelCauseFunc
	attempts atomic.Int64
	reading  atomic.Bool  // what is to be sent; the server has to wait for that
	owed     atomic.Int64 // bytes that make up for a stall
	timer    *time.Timer  // runs while the server owes an answer

	mu    sync.Mutex
	last  state
	fault error // of the last request, if no answer came
	noted error // of the attempt before
	// Of a Run:
	answers int // since it last got on
}

// state is what the last request of a call showed.
type state int

const (
	unasked state = iota
	alive         // an answer
	busy          // an answer that says: not now
	down          // no answer
	refused       // not sent: the circuit is open
)

type callKey struct{}

// Begin opens an operation. The error, if any, is backends.ErrOffline and comes at
// once: the server was unreachable a moment ago. grace is added to the patience for
// operations that the server itself needs long for. The caller calls End once.
func (c *Client) Begin(ctx context.Context, op string, lane Lane, grace time.Duration) (*Call, error) {
	if err := c.breaker.refusal(); err != nil {
		return nil, err
	}
	return c.newCall(ctx, op, lane, grace), nil
}

func (c *Client) newCall(parent context.Context, op string, lane Lane, grace time.Duration) *Call {
	call := &Call{
		client:   c,
		op:       op,
		lane:     c.lanes[lane],
		data:     lane == Data,
		patience: newPatience(c.patience + grace),
		stall:    c.stall + grace,
		parent:   parent,
	}
	ctx, cancel := context.WithCancelCause(parent)
	call.ctx, call.cancel = context.WithValue(ctx, callKey{}, call), cancel
	call.timer = time.AfterFunc(call.patience.whole, call.expire)
	return call
}

// Context returns the context for the operation's requests. It ends with the
// caller's, with End, or when patience has run out.
func (k *Call) Context() context.Context { return k.ctx }

// Attempts returns how many requests were sent so far. After more than one, the server
// may have done what an earlier one asked for, and its answer was lost.
func (k *Call) Attempts() int { return int(k.attempts.Load()) }

// End closes the operation with its outcome and returns it, as an error that wraps
// backends.ErrOffline if it failed because no answer came. Failures for want of an
// answer open the circuit; so does a third operation in a row that ended in "not now".
func (k *Call) End(err error) error {
	k.timer.Stop()
	cut := k.ctx.Err() != nil
	k.cancel(context.Canceled)
	if err == nil {
		return nil
	}
	if perr := k.parent.Err(); perr != nil {
		return perr
	}
	k.mu.Lock()
	last, fault, noted := k.last, k.fault, k.noted
	k.mu.Unlock()
	switch last {
	case refused:
		return fault
	case down:
		offline := &offlineError{reason: fault}
		k.client.breaker.trip(offline.Error(), isStall(fault))
		return offline
	case busy:
		k.client.breaker.strike("the server is overloaded")
	}
	switch {
	case cut && noted != nil:
		return noted
	case cut && k.attempts.Load() == 0:
		return &offlineError{reason: errNotSent}
	case cut && (errors.Is(err, context.Canceled) || isStall(err)):
		return &offlineError{reason: errStall}
	}
	return err
}

// Note keeps err, the outcome of an attempt, as that of the operation ctx belongs to
// in case its patience runs out before another attempt ends.
func Note(ctx context.Context, err error) {
	if k, ok := ctx.Value(callKey{}).(*Call); ok {
		k.mu.Lock()
		k.noted = err
		k.mu.Unlock()
	}
}

func (k *Call) set(s state, fault error) {
	k.mu.Lock()
	k.last, k.fault = s, fault
	if s == alive {
		k.noted = nil
	}
	k.mu.Unlock()
}

// expire runs when the timer fires. It ends the call if its patience is at an end.
func (k *Call) expire() {
	switch left, running := k.patience.left(); {
	case k.reading.Load():
		k.timer.Reset(k.patience.whole)
	case !running:
	case left > 0:
		k.timer.Reset(left)
	default:
		k.cancel(errStall)
	}
}

// wait has the server owe an answer from now on. It tells whether there is any
// patience left to wait with.
func (k *Call) wait() bool {
	k.patience.start(time.Now())
	left, _ := k.patience.left()
	k.timer.Reset(max(left, time.Millisecond))
	return left > 0
}

// enter waits for a place in the lane. The wait is not the server's fault and costs
// no patience.
func (k *Call) enter(ctx context.Context) error {
	select {
	case k.lane <- struct{}{}:
		return nil
	default:
	}
	k.patience.stop()
	defer k.wait()
	for {
		select {
		case k.lane <- struct{}{}:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-k.client.breaker.opened():
			if err := k.client.breaker.refusal(); err != nil {
				return err
			}
		}
	}
}

// Do sends one request. The context must be, or derive from, that of a Call. The
// response's body must be closed; it holds a place in its lane until then or its end.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	k, ok := req.Context().Value(callKey{}).(*Call)
	if !ok {
		return nil, errors.New("rest: request outside an operation")
	}
	if !k.probe {
		if err := c.breaker.refusal(); err != nil {
			k.set(refused, err)
			return nil, err
		}
	}
	if err := k.enter(req.Context()); err != nil {
		if isRefusal(err) {
			k.set(refused, err)
		}
		return nil, err
	}
	if !k.wait() {
		<-k.lane
		k.cancel(errStall)
		return nil, errStall
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	a := &attempt{call: k, cancel: cancel}
	a.timer = time.AfterFunc(k.stall, func() {
		if !k.reading.Load() { // when that ends the clock starts anew
			cancel(errStall)
		}
	})
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &sentBody{ReadCloser: req.Body, attempt: a}
	}
	resp, err := a.roundTrip(req)
	if err != nil {
		defer a.finish()
		return nil, a.fail(ctx, err)
	}
	return a.answer(ctx, resp), nil
}

// answer judges a response and arms its body. An answer stops the clock; a server
// error shows life, but is not what was waited for.
func (a *attempt) answer(ctx context.Context, resp *http.Response) *http.Response {
	k, c := a.call, a.call.client
	a.timer.Stop()
	lively := resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		k.set(busy, nil)
		c.errors.Add(1)
	default:
		k.set(alive, nil)
		c.breaker.answered()
		if lively {
			k.timer.Stop()
			k.patience.stop()
		} else {
			c.errors.Add(1)
		}
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		a.finish()
		return resp
	}
	resp.Body = &gotBody{body: resp.Body, attempt: a, ctx: ctx, lively: lively}
	return resp
}
