package rest

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"reflect"
	"time"
)

// Verdict is what the outcome of a Run tells about the server.
type Verdict int

// The verdicts.
const (
	Answered   Verdict = iota // it answered, whatever it said
	Busy                      // it answered: not now
	Unanswered                // no answer came
	Unasked                   // nothing was asked of it, or what was to be sent could not be read
)

const (
	// linger is how long a run that was cut off may take to return by itself.
	linger = 50 * time.Millisecond
	// mostLost is how many runs may go on after they were given up, before no more are begun.
	mostLost = 64
	// mostAnswers is how many answers in a row may set back the clock: a server that says
	// "not now" again and again does not use up more time than that.
	mostAnswers = 2
)

var errLost = errors.New("too many requests do not return")

// Run has do carry out the operation that ctx belongs to by requests of its own, which do not
// pass through Client.Do. It waits in the lane, and gives up when patience has run out without
// a sign of life: the beginning of an answer to what do sends over HTTP with the context that
// it is given, and what Reader, Source and Progress see. verdict judges the error of do. A do
// that does not return soon after its context has ended is left behind; what it yields then is
// closed, if that can be done.
func Run[T any](ctx context.Context, verdict func(error) Verdict, do func(context.Context) (T, error)) (T, error) {
	var none T
	k, ok := ctx.Value(callKey{}).(*Call)
	if !ok {
		return none, errors.New("rest: run outside an operation")
	}
	a, runCtx, err := k.begin(ctx)
	if err != nil {
		return none, err
	}
	type outcome struct {
		v   T
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := do(httptrace.WithClientTrace(runCtx, a.trace()))
		done <- outcome{v, err}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-runCtx.Done():
		timer := time.NewTimer(linger)
		select {
		case o = <-done:
		case <-timer.C:
			o.err = context.Cause(runCtx)
			k.client.lost.Add(1)
			go func() {
				late := <-done
				k.client.lost.Add(-1)
				drop(late.v)
			}()
		}
		timer.Stop()
	}
	if err := a.judge(runCtx, o.err, verdict); err != nil {
		drop(o.v)
		return none, err
	}
	return o.v, nil
}

func drop(v any) {
	if c, ok := v.(io.Closer); ok && !reflect.ValueOf(v).IsZero() {
		_ = c.Close()
	}
}

// begin enters the lane. The attempt that it returns ends by judge.
func (k *Call) begin(ctx context.Context) (*attempt, context.Context, error) {
	c := k.client
	refuse := func(err error) (*attempt, context.Context, error) {
		k.set(refused, err)
		return nil, nil, err
	}
	if !k.probe {
		if err := c.breaker.refusal(); err != nil {
			return refuse(err)
		}
		if c.lost.Load() >= mostLost {
			return refuse(&offlineError{reason: errLost})
		}
	}
	if err := k.enter(ctx); err != nil {
		if isRefusal(err) {
			k.set(refused, err)
		}
		return nil, nil, err
	}
	if !k.wait() {
		<-k.lane
		k.cancel(errStall)
		return nil, nil, errStall
	}
	runCtx, cancel := context.WithCancelCause(ctx)
	a := &attempt{call: k, cancel: cancel, timer: time.AfterFunc(time.Hour, func() {})}
	c.mu.Lock()
	if !k.probe && c.breaker.isUp.Load() {
		c.waiting[a] = struct{}{}
	}
	c.mu.Unlock()
	return a, runCtx, nil
}

// trace sees the requests that a library sends over HTTP.
func (a *attempt) trace() *httptrace.ClientTrace {
	k := a.call
	return &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { k.client.count(k) },
		GotFirstResponseByte: func() {
			k.client.breaker.heard()
			k.mu.Lock()
			k.last, k.fault = alive, nil
			k.answers++
			within := k.answers <= mostAnswers
			k.mu.Unlock()
			if within {
				k.patience.progress()
			}
		},
		ConnectDone: func(_, _ string, err error) {
			if err != nil {
				k.mu.Lock()
				k.fault = classify(err)
				k.mu.Unlock()
			}
		},
	}
}

// count counts a request of k.
func (c *Client) count(k *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[k.op]++
	k.attempts.Add(1)
}

// judge notes what the outcome of a run tells about the server, and leaves the lane.
func (a *attempt) judge(ctx context.Context, err error, verdict func(error) Verdict) error {
	k, c := a.call, a.call.client
	c.settled(a)
	cause := context.Cause(ctx)
	defer a.finish()
	if k.attempts.Load() == 0 && (err == nil || verdict(err) != Unasked) {
		c.count(k) // not sent over HTTP
	}
	if err == nil {
		a.alive()
		return nil
	}
	switch {
	case errors.Is(cause, errOpen):
		err := c.breaker.refusal()
		if err == nil {
			err = &refusalError{errOpen.Error()}
		}
		k.set(refused, err)
		return err
	case errors.Is(cause, errStall):
		c.errors.Add(1)
		c.stalls.Add(1)
		k.mu.Lock()
		last, fault := k.last, k.fault
		k.mu.Unlock()
		switch {
		case last == alive: // it answers, but gets nothing done
			k.set(busy, nil)
		case fault != nil:
			k.set(down, fault)
		default:
			k.set(down, errStall)
		}
		return errStall
	case ctx.Err() != nil:
		return cause
	}
	switch verdict(err) {
	case Busy:
		c.errors.Add(1)
		c.breaker.heard()
		k.set(busy, nil)
	case Unanswered:
		c.errors.Add(1)
		k.set(down, classify(err))
	case Unasked:
		k.set(unasked, nil)
	default:
		a.alive()
	}
	return err
}

func (a *attempt) alive() {
	k := a.call
	k.set(alive, nil)
	k.client.breaker.answered()
	k.timer.Stop()
	k.patience.stop()
}

// Progress tells that the operation that ctx belongs to has got on: its patience is whole again.
func Progress(ctx context.Context) {
	if k, ok := ctx.Value(callKey{}).(*Call); ok {
		k.progressed()
	}
}

func (k *Call) progressed() {
	k.mu.Lock()
	k.answers = 0
	k.mu.Unlock()
	k.patience.progress()
}

// Source returns r, to be read by a library that sends what it reads in the operation that ctx
// belongs to. How long r takes is not the server's fault.
func Source(ctx context.Context, r io.Reader) io.Reader {
	k, ok := ctx.Value(callKey{}).(*Call)
	if !ok {
		return r
	}
	return &runSource{r, k}
}

type runSource struct {
	r    io.Reader
	call *Call
}

func (s *runSource) Read(p []byte) (int, error) {
	k := s.call
	k.reading.Store(true)
	n, err := s.r.Read(p)
	k.reading.Store(false)
	k.client.out.Add(int64(n))
	if n > 0 {
		k.progressed()
	}
	return n, err
}

// Reader returns r, whose bytes come from the server in the operation that ctx belongs to.
func Reader(ctx context.Context, r io.Reader) io.Reader {
	k, ok := ctx.Value(callKey{}).(*Call)
	if !ok {
		return r
	}
	return &runReader{r, k}
}

type runReader struct {
	r    io.Reader
	call *Call
}

func (r *runReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.call.client.in.Add(int64(n))
	if n > 0 {
		r.call.progressed()
	}
	return n, err
}

// Trace sees requests that a library sends over HTTP by itself, outside of any Run: they are
// counted as op, and answers to them show that not all is silent.
func (c *Client) Trace(op string) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.requests[op]++
		},
		GotFirstResponseByte: c.breaker.heard, // by whom is not known: it closes no circuit
	}
}

// Traced returns a context whose requests are seen as those of the operation that op belongs
// to, but which does not end with it.
func Traced(ctx, op context.Context) context.Context {
	if t := httptrace.ContextClientTrace(op); t != nil {
		return httptrace.WithClientTrace(ctx, t)
	}
	return ctx
}

// Received counts bytes of bodies that were read outside of any Run.
func (c *Client) Received(n int) { c.in.Add(int64(n)) }
