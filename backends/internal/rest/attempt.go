package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// attempt is one request of a call, until its response's body is done with.
type attempt struct {
	call   *Call
	cancel context.CancelCauseFunc
	timer  *time.Timer // cuts the request off when nothing moves
	source atomic.Bool // the request's body could not be read
	once   sync.Once
}

// finish gives back the place in the lane. Later calls do nothing.
func (a *attempt) finish() {
	a.once.Do(func() {
		a.timer.Stop()
		a.cancel(context.Canceled)
		<-a.call.lane
	})
}

func (a *attempt) roundTrip(req *http.Request) (*http.Response, error) {
	c := a.call.client
	if err := c.send(a); err != nil {
		a.cancel(err)
		return nil, err
	}
	defer c.settled(a)
	return (*c.transport.Load()).RoundTrip(req)
}

// fail turns an error of the transport into what the caller should see, and notes
// what it tells about the server.
func (a *attempt) fail(ctx context.Context, err error) error {
	k, c := a.call, a.call.client
	stalled := errors.Is(context.Cause(ctx), errStall)
	if errors.Is(context.Cause(ctx), errOpen) {
		err := k.client.breaker.refusal()
		if err == nil {
			err = &refusalError{errOpen.Error()}
		}
		k.set(refused, err)
		return err
	}
	if !stalled && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if a.source.Load() {
		k.set(unasked, nil)
		return &faultError{err, false}
	}
	c.errors.Add(1)
	if stalled {
		c.stalls.Add(1)
		k.owed.Store(makesUp)
		err = errStall
	}
	err = classify(err)
	k.set(down, err)
	return err
}

// sentBody is a request's body. What goes out is a sign of life: the server takes it. How
// long it takes to read it, from a slow disk or under a limit, is not the server's fault.
type sentBody struct {
	io.ReadCloser
	attempt *attempt
}

func (b *sentBody) Read(p []byte) (int, error) {
	k := b.attempt.call
	k.reading.Store(true)
	n, err := b.ReadCloser.Read(p)
	k.reading.Store(false)
	k.client.out.Add(int64(n))
	k.patience.progress()
	b.attempt.timer.Reset(k.stall)
	if err != nil && err != io.EOF {
		b.attempt.source.Store(true)
	}
	return n, err
}

// makesUp is how many bytes must come after a stall before patience is whole again:
// a server that gives a few bytes each time it is asked shall not use up much time.
const makesUp = 1 << 20

// gotBody is a response's body. A Read may wait as long as one stall, or as the
// patience that is left; the time between Reads is the caller's own.
type gotBody struct {
	body    io.ReadCloser
	attempt *attempt
	ctx     context.Context
	lively  bool // not a server error
	err     error
}

func (b *gotBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	a, k := b.attempt, b.attempt.call
	left, _ := k.patience.left()
	start := time.Now()
	a.timer.Reset(max(min(k.stall, left), time.Millisecond))
	n, err := b.body.Read(p)
	a.timer.Stop()
	k.client.in.Add(int64(n))
	if n > 0 && k.data && b.lively && k.owed.Add(-int64(n)) < 0 {
		k.patience.progress()
	}
	if err != nil {
		b.err = err
		if err != io.EOF {
			k.patience.start(start)
			b.err = a.broken(b.ctx, err)
		}
		a.finish()
	}
	return n, b.err
}

// Close gives the connection back, for another request if the body was read to
// its end.
func (b *gotBody) Close() error {
	err := b.body.Close()
	b.attempt.finish()
	return err
}

// broken explains a body that did not come whole. A cut connection is no outage:
// the server has answered, and whether it still does the next request will show.
func (a *attempt) broken(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errStall) || ctx.Err() != nil {
		return a.fail(ctx, err)
	}
	a.call.client.errors.Add(1)
	return &cutError{err}
}
