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
	patience time.Duration
	stall    time.Duration
	probe    bool

	parent   context.Context // the caller's, to tell its ending from our cutting
	ctx      context.Context
	cancel   context.CancelCauseFunc
	begun    time.Time
	life     atomic.Int64 // when the server last showed life, since begun
	attempts atomic.Int64
	timer    *time.Timer // runs while the server owes an answer

	mu    sync.Mutex
	fault error // of the last request, if no answer came
	last  state
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
		patience: c.patience + grace,
		stall:    c.stall + grace,
		parent:   parent,
		begun:    time.Now(),
	}
	ctx, cancel := context.WithCancelCause(parent)
	call.ctx, call.cancel = context.WithValue(ctx, callKey{}, call), cancel
	call.timer = time.AfterFunc(call.patience, call.expire)
	return call
}

// Context returns the context for the operation's requests. It ends with the
// caller's, with End, or when patience has run out.
func (k *Call) Context() context.Context { return k.ctx }

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
	last, fault := k.last, k.fault
	k.mu.Unlock()
	switch {
	case last == refused:
		return fault
	case last == down:
		offline := &offlineError{reason: fault}
		k.client.breaker.trip(offline.Error(), isStall(fault))
		return offline
	case last == busy:
		k.client.breaker.strike("the server is overloaded")
		if cut {
			return &offlineError{reason: errBusy}
		}
	case cut && k.attempts.Load() == 0:
		return &offlineError{reason: errNotSent}
	}
	return err
}

func (k *Call) state() state {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

func (k *Call) set(s state, fault error) {
	k.mu.Lock()
	k.last, k.fault = s, fault
	k.mu.Unlock()
}

// breathe notes that the server is alive.
func (k *Call) breathe() { k.life.Store(int64(time.Since(k.begun))) }

// left is how much patience remains.
func (k *Call) left() time.Duration {
	return k.patience - (time.Since(k.begun) - time.Duration(k.life.Load()))
}

// expire runs when the timer fires; it ends the call unless there was life since.
func (k *Call) expire() {
	if left := k.left(); left > 0 {
		k.timer.Reset(left)
		return
	}
	k.cancel(errStall)
}

// enter waits for a place in the lane. The wait is not the server's fault and costs
// no patience.
func (k *Call) enter(ctx context.Context) error {
	select {
	case k.lane <- struct{}{}:
		return nil
	default:
	}
	k.timer.Stop()
	start := time.Now()
	defer func() {
		k.life.Add(int64(time.Since(start)))
		k.timer.Reset(max(k.left(), time.Millisecond))
	}()
	select {
	case k.lane <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-k.client.breaker.opened():
		return k.client.breaker.refusal()
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
	k.timer.Reset(max(k.left(), time.Millisecond))
	if k.attempts.Add(1) > 1 {
		c.retries.Add(1)
	}
	c.count(k.op)

	ctx, cancel := context.WithCancelCause(req.Context())
	a := &attempt{call: k, cancel: cancel}
	a.timer = time.AfterFunc(k.stall, func() { cancel(errStall) })
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &sentBody{ReadCloser: req.Body, attempt: a}
	}
	resp, err := (*c.transport.Load()).RoundTrip(req)
	if err != nil {
		defer a.finish()
		return nil, a.fail(ctx, err)
	}
	return a.answer(ctx, resp), nil
}

// answer judges a response and arms its body.
func (a *attempt) answer(ctx context.Context, resp *http.Response) *http.Response {
	k, c := a.call, a.call.client
	a.timer.Stop()
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		k.set(busy, nil)
		c.errors.Add(1)
	default:
		if resp.StatusCode >= 500 {
			c.errors.Add(1)
		}
		k.set(alive, nil)
		k.timer.Stop()
		k.breathe()
		c.breaker.answered()
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		a.finish()
		return resp
	}
	resp.Body = &gotBody{body: resp.Body, attempt: a, ctx: ctx, lively: k.state() == alive}
	return resp
}
