package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sd/backends"
)

// Errors as libraries have them, and what they tell.
var (
	errSaid = errors.New("not found")
	errSlow = errors.New("slow down")
	errGone = errors.New("connection refused")
	errDisk = errors.New("disk on fire")
)

func judged(err error) Verdict {
	switch {
	case errors.Is(err, errSlow):
		return Busy
	case errors.Is(err, errGone):
		return Unanswered
	case errors.Is(err, errDisk), errors.Is(err, context.Canceled):
		return Unasked
	}
	return Answered
}

// runOf makes one operation of one Run.
func runOf[T any](ctx context.Context, c *Client, lane Lane, do func(context.Context) (T, error)) (T, error) {
	call, err := c.Begin(ctx, "OP", lane, 0)
	if err != nil {
		var none T
		return none, err
	}
	v, err := Run(call.Context(), judged, do)
	return v, call.End(err)
}

// ends is what a library does that heeds its context.
func ends(ctx context.Context) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func says(err error) func(context.Context) (any, error) {
	return func(context.Context) (any, error) { return nil, err }
}

// bubble runs a test with a client of its own and a clock that runs by itself.
func bubble(t *testing.T, cfg Config, test func(t *testing.T, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := New(NewTransport(nil), cfg)
		defer c.Close()
		test(t, c)
	})
}

func wantOffline(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, backends.ErrOffline) {
		t.Errorf("%s: got %v, want %v", what, err, backends.ErrOffline)
	}
}

// took checks how much time has passed since start, on the clock of a bubble.
func took(t *testing.T, what string, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want {
		t.Errorf("%s after %v, want %v", what, got, want)
	}
}

// TestRunVerdicts: what a library says of a server is believed.
func TestRunVerdicts(t *testing.T) {
	for _, tt := range []struct {
		err    error
		counts int64
		after  int  // operations until the circuit is open, 0 is never
		same   bool // the error comes out as it is
	}{
		{nil, 1, 0, true},
		{errSaid, 1, 0, true},
		{errSlow, 1, strikesOut, true},
		{errGone, 1, 1, false},
		{errDisk, 0, 0, true},
	} {
		bubble(t, Config{ProbeEvery: time.Hour}, func(t *testing.T, c *Client) {
			for i := 1; i <= strikesOut+1; i++ {
				_, err := runOf(t.Context(), c, Data, says(tt.err))
				switch open := tt.after > 0 && i > tt.after; {
				case open || !tt.same:
					wantOffline(t, "circuit open", err)
				case err != tt.err:
					t.Errorf("got %v, want %v", err, tt.err)
				}
				if up := tt.after == 0 || i < tt.after; c.Health().Online != up {
					t.Fatalf("%v: after %d operations: %+v", tt.err, i, c.Health())
				}
			}
			ran := int64(strikesOut + 1)
			if tt.after > 0 {
				ran = int64(tt.after)
			}
			if got := c.Stats().Requests["OP"]; got != ran*tt.counts {
				t.Errorf("%v: counted %d requests, want %d", tt.err, got, ran*tt.counts)
			}
		})
	}
}

// TestRunStall: who gets no answer is cut off when patience is at an end, those who come later
// at once, and all goes on when the server answers again.
func TestRunStall(t *testing.T) {
	bubble(t, Config{Patience: 4 * time.Second, ProbeEvery: time.Minute}, func(t *testing.T, c *Client) {
		start := time.Now()
		_, err := runOf(t.Context(), c, Meta, ends)
		wantOffline(t, "stalled", err)
		took(t, "cut off", start, 4*time.Second)
		start = time.Now()
		_, err = runOf(t.Context(), c, Data, ends)
		wantOffline(t, "refused", err)
		took(t, "refused", start, 0)
		if s := c.Stats(); s.Stalls != 1 || s.Errors != 1 {
			t.Errorf("got %+v", s)
		}
		time.Sleep(time.Minute) // then it is tried again, without a Probe
		if _, err = runOf(t.Context(), c, Meta, says(nil)); err != nil {
			t.Error(err)
		}
	})
}

// TestRunWaiting: those who wait for answers do not wait on when the server is found to be gone.
func TestRunWaiting(t *testing.T) {
	bubble(t, Config{Patience: time.Hour, MetaRequests: 1, ProbeEvery: time.Hour}, func(t *testing.T, c *Client) {
		start := time.Now()
		var group sync.WaitGroup
		for _, lane := range []Lane{Data, Data, Meta, Meta, Meta} { // two of them wait for the lane
			group.Go(func() {
				_, err := runOf(t.Context(), c, lane, ends)
				wantOffline(t, "waiting", err)
			})
		}
		synctest.Wait()
		_, err := runOf(t.Context(), c, Work, says(errGone))
		wantOffline(t, "gone", err)
		group.Wait()
		took(t, "all of them", start, 0)
	})
}

// closer notes that it was closed.
type closer struct{ closed atomic.Int64 }

func (c *closer) Close() error { c.closed.Add(1); return nil }

// TestRunLost: runs that do not return are left behind, up to a number; what they yield in the
// end is closed.
func TestRunLost(t *testing.T) {
	bubble(t, Config{Patience: time.Second, MetaRequests: 2 * mostLost, ProbeEvery: time.Second}, func(t *testing.T, c *Client) {
		start, release := time.Now(), make(chan struct{})
		var yield closer
		var group sync.WaitGroup
		for range mostLost {
			group.Go(func() {
				got, err := runOf(t.Context(), c, Meta, func(context.Context) (*closer, error) { <-release; return &yield, nil })
				wantOffline(t, "lost", err)
				if got != nil {
					t.Error("got what came too late")
				}
			})
		}
		group.Wait()
		took(t, "left behind", start, time.Second+linger)
		time.Sleep(time.Minute)
		if !c.Health().Online {
			t.Fatalf("got %+v", c.Health())
		}
		start = time.Now()
		_, err := runOf(t.Context(), c, Meta, func(context.Context) (any, error) { t.Error("one more was begun"); return nil, nil })
		wantOffline(t, "one more", err)
		took(t, "refused", start, 0)
		close(release)
		synctest.Wait()
		if got := yield.closed.Load(); got != mostLost {
			t.Errorf("%d of %d were closed", got, mostLost)
		}
		got, err := runOf(t.Context(), c, Meta, func(context.Context) (*closer, error) { return &yield, nil })
		if err != nil || got != &yield || yield.closed.Load() != mostLost {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// TestRunClosesWhatItDrops: a value beside an error is nobody's.
func TestRunClosesWhatItDrops(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Client) {
		var yield closer
		if got, err := runOf(t.Context(), c, Data, func(context.Context) (*closer, error) { return &yield, errSaid }); got != nil || err != errSaid {
			t.Errorf("got %v, %v", got, err)
		}
		if yield.closed.Load() != 1 {
			t.Error("it was not closed")
		}
		if _, err := runOf(t.Context(), c, Data, func(context.Context) (*closer, error) { return nil, errSaid }); err != errSaid {
			t.Error(err)
		}
	})
}

// TestRunLanes: runs in a full lane wait, without using up patience, and no others do.
func TestRunLanes(t *testing.T) {
	bubble(t, Config{Patience: time.Second, DataRequests: 2}, func(t *testing.T, c *Client) {
		var running, most atomic.Int64
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				if _, err := runOf(t.Context(), c, Data, func(context.Context) (any, error) {
					most.Store(max(most.Load(), running.Add(1)))
					defer running.Add(-1)
					time.Sleep(900 * time.Millisecond)
					return nil, nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		if _, err := runOf(t.Context(), c, Meta, says(nil)); err != nil {
			t.Error(err)
		}
		took(t, "another lane", start, 0)
		group.Wait()
		if most.Load() != 2 {
			t.Errorf("%d at once, want 2", most.Load())
		}
	})
}

// TestRunCanceled: who gives up is told so, and the server is not to blame.
func TestRunCanceled(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, c *Client) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if _, err := runOf(ctx, c, Data, ends); !errors.Is(err, context.Canceled) || errors.Is(err, backends.ErrOffline) {
			t.Errorf("got %v", err)
		}
		took(t, "ended", start, time.Second)
		if !c.Health().Online {
			t.Errorf("got %+v", c.Health())
		}
		if _, err := Run(t.Context(), judged, says(nil)); err == nil {
			t.Error("ran outside of an operation")
		}
	})
}

// slowly gives one byte at a time, late.
type slowly struct {
	text  string
	pause time.Duration
}

func (s *slowly) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	if s.text == "" {
		return 0, io.EOF
	}
	p[0] = s.text[0]
	s.text = s.text[1:]
	return 1, nil
}

// TestRunProgress: what comes, what goes out and what is told to be progress keep an operation
// alive; how long our own source takes is not the server's fault.
func TestRunProgress(t *testing.T) {
	const patience = time.Second
	for what, do := range map[string]func(context.Context) (any, error){
		"what comes": func(ctx context.Context) (any, error) {
			return io.ReadAll(Reader(ctx, &slowly{"0123456789", 900 * time.Millisecond}))
		},
		"what goes out, from a slow disk": func(ctx context.Context) (any, error) {
			return io.ReadAll(Source(ctx, &slowly{"0123456789", 5 * patience}))
		},
		"pages": func(ctx context.Context) (any, error) {
			for range 10 {
				time.Sleep(900 * time.Millisecond)
				Progress(ctx)
			}
			return nil, ctx.Err()
		},
	} {
		bubble(t, Config{Patience: patience}, func(t *testing.T, c *Client) {
			if _, err := runOf(t.Context(), c, Data, do); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if s := c.Stats(); s.Stalls != 0 || s.BytesIn+s.BytesOut > 10 {
				t.Errorf("%s: %+v", what, s)
			}
			start := time.Now()
			_, err := runOf(t.Context(), c, Data, func(ctx context.Context) (any, error) {
				if v, err := do(ctx); err != nil {
					return v, err
				}
				return ends(ctx)
			})
			wantOffline(t, what+" and silence", err)
			if got := time.Since(start); got > time.Minute+patience {
				t.Errorf("%s: hung for %v", what, got)
			}
		})
	}
}

// TestRunBusy: a server that answers all requests with "not now" keeps a library that asks on
// and on no longer than two patiences, and then is left alone like one that is gone.
func TestRunBusy(t *testing.T) {
	c, url := serve(t, Config{Patience: 200 * time.Millisecond, ProbeEvery: time.Hour}, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	transport := NewTransport(nil)
	t.Cleanup(transport.CloseIdleConnections)
	get := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	for i := range strikesOut {
		_, err := runOf(t.Context(), c, Meta, func(ctx context.Context) (any, error) {
			for {
				if err := get(ctx); err != nil {
					return nil, err
				}
				if !Pause(ctx, 10*time.Millisecond) {
					return nil, ctx.Err()
				}
			}
		})
		wantOffline(t, "busy", err)
		if up := i+1 < strikesOut; c.Health().Online != up {
			t.Fatalf("after %d operations: %+v", i+1, c.Health())
		}
	}
	if _, err := c.Begin(t.Context(), "OP", Meta, 0); err == nil {
		t.Error("it is asked on")
	}
	if s := c.Stats(); s.Requests["OP"] <= strikesOut || s.Stalls != strikesOut {
		t.Errorf("got %+v", s)
	}
	if _, err := runOf(t.Context(), c, Meta, says(nil)); err == nil || strings.Contains(err.Error(), "context") {
		t.Errorf("got %v", err)
	}
}

// TestTrace: answers to what is asked beside any operation, of a server for logins perhaps, are
// counted, and tell nothing of whether the service is back.
func TestTrace(t *testing.T) {
	c, url := serve(t, Config{ProbeEvery: time.Hour}, func(w http.ResponseWriter, r *http.Request) {})
	_, err := runOf(t.Context(), c, Meta, says(errGone))
	wantOffline(t, "gone", err)
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), c.Trace("LOGIN")), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (*c.transport.Load()).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if s := c.Stats(); s.Requests["LOGIN"] != 1 || c.Health().Online {
		t.Errorf("got %+v, %+v", s, c.Health())
	}
}
