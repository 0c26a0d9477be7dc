package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
)

// bound is far above every deadline of the tests and far below "it hangs".
const bound = time.Minute

// serve starts a server and a client for it. Handlers that wait end with the test.
func serve(t *testing.T, cfg Config, handle http.HandlerFunc) (*Client, string) {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	c := New(NewTransport(nil), cfg)
	t.Cleanup(c.Close)
	return c, s.URL
}

// ask makes one operation of one request and reads the answer.
func ask(ctx context.Context, c *Client, lane Lane, url string) (string, error) {
	call, err := c.Begin(ctx, "GET", lane, 0)
	if err != nil {
		return "", err
	}
	text, err := fetch(call.Context(), c, url)
	return text, call.End(err)
}

func fetch(ctx context.Context, c *Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(text), err
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(bound)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestLanes fills the lane of downloads, that of work, or both, and still lists.
func TestLanes(t *testing.T) {
	for _, full := range [][]Lane{{Data}, {Work}, {Data, Work}} {
		var slow atomic.Int64
		release := make(chan struct{})
		c, url := serve(t, Config{DataRequests: 2, WorkRequests: 2}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				slow.Add(1)
				<-release
			}
		})
		var group sync.WaitGroup
		for _, lane := range full {
			for range 6 {
				group.Go(func() {
					if _, err := ask(t.Context(), c, lane, url+"/slow"); err != nil {
						t.Error(err)
					}
				})
			}
		}
		atOnce := int64(2 * len(full))
		until(t, "the lane is full", func() bool { return slow.Load() == atOnce })
		for _, lane := range []Lane{Data, Meta, Work} {
			if slices.Contains(full, lane) {
				continue
			}
			if _, err := ask(t.Context(), c, lane, url+"/quick"); err != nil {
				t.Error(err)
			}
		}
		if n := slow.Load(); n != atOnce {
			t.Errorf("got %d requests at once, want %d", n, atOnce)
		}
		close(release)
		group.Wait()
		if n := slow.Load(); n != 3*atOnce {
			t.Errorf("got %d requests, want %d", n, 3*atOnce)
		}
	}
}

// TestWaitingCostsNoPatience has requests queue for longer than their patience.
func TestWaitingCostsNoPatience(t *testing.T) {
	t.Parallel()
	const patience = 2 * time.Second
	c, url := serve(t, Config{DataRequests: 1, Patience: patience, Stall: patience}, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(patience / 4):
		case <-r.Context().Done():
		}
	})
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if _, err := ask(t.Context(), c, Data, url); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// TestIdleReader takes its time between reads; that is no stall.
func TestIdleReader(t *testing.T) {
	t.Parallel()
	const patience = 2 * time.Second
	text := strings.Repeat("x", 4<<20)
	c, url := serve(t, Config{Patience: patience, Stall: patience}, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, text)
	})
	call, err := c.Begin(t.Context(), "GET", Data, 0)
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(call.Context(), http.MethodGet, url, nil)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * patience)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || len(rest) != len(text)-1000 {
		t.Errorf("got %d bytes, %v", len(rest), err)
	}
	if err := errors.Join(resp.Body.Close(), call.End(nil)); err != nil {
		t.Error(err)
	}
	if got := c.Stats(); got.Stalls != 0 || got.BytesIn != int64(len(text)) || got.Requests["GET"] != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestQueueIsSentHome opens the circuit under a full queue.
func TestQueueIsSentHome(t *testing.T) {
	c, url := serve(t, Config{DataRequests: 1, Patience: 200 * time.Millisecond, Stall: 200 * time.Millisecond, ProbeEvery: time.Hour},
		func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	failures := make(chan error, 20)
	for range cap(failures) {
		go func() {
			_, err := ask(t.Context(), c, Data, url)
			failures <- err
		}()
	}
	for range cap(failures) {
		select {
		case err := <-failures:
			if !errors.Is(err, backends.ErrOffline) {
				t.Errorf("got %v, want %v", err, backends.ErrOffline)
			}
		case <-time.After(bound):
			t.Fatal("somebody still waits")
		}
	}
	// The first one stalls, frees its place for another, and tells that the server is
	// gone; then that other one is cut off and all who wait are sent home.
	if n := c.Stats().Requests["GET"]; n > 2 {
		t.Errorf("sent %d requests to a dead server, want 2 at most", n)
	}
	if n := c.Stats().Stalls; n != 1 {
		t.Errorf("%d requests had to stall, want 1", n)
	}
}

// TestAnswersAreNoOutage: a refusal shows that the server is there.
func TestAnswersAreNoOutage(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 412, 416, 500, 501} {
		c, url := serve(t, Config{ProbeEvery: time.Hour}, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
		for range 2 * strikesOut {
			if _, err := ask(t.Context(), c, Meta, url); err == nil || errors.Is(err, backends.ErrOffline) {
				t.Errorf("%d: got %v", status, err)
			}
		}
		if h := c.Health(); !h.Online || h.Since.IsZero() {
			t.Errorf("%d: got %+v, want online", status, h)
		}
	}
}

// TestStorm opens the circuit when operation after operation ends in "not now".
func TestStorm(t *testing.T) {
	for _, status := range []int{429, 502, 503, 504} {
		c, url := serve(t, Config{ProbeEvery: time.Hour}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/fine" {
				w.WriteHeader(status)
			}
		})
		for range strikesOut - 1 {
			ask(t.Context(), c, Meta, url)
		}
		if _, err := ask(t.Context(), c, Meta, url+"/fine"); err != nil {
			t.Errorf("%d: %v", status, err)
		}
		for range strikesOut {
			if h := c.Health(); !h.Online {
				t.Errorf("%d: offline too early: %+v", status, h)
			}
			ask(t.Context(), c, Meta, url)
		}
		if _, err := ask(t.Context(), c, Meta, url); !errors.Is(err, backends.ErrOffline) {
			t.Errorf("%d: got %v, want %v", status, err, backends.ErrOffline)
		}
	}
}

// TestSlowRequest: one request that stalls while others are answered is no outage.
func TestSlowRequest(t *testing.T) {
	t.Parallel()
	c, url := serve(t, Config{Patience: 3 * time.Second, Stall: 3 * time.Second, ProbeEvery: time.Hour}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
		}
	})
	done := make(chan error, 1)
	go func() {
		_, err := ask(t.Context(), c, Meta, url+"/slow")
		done <- err
	}()
	for tick := time.Tick(5 * time.Millisecond); ; {
		select {
		case err := <-done:
			if !errors.Is(err, backends.ErrOffline) {
				t.Errorf("got %v, want %v", err, backends.ErrOffline)
			}
			if h := c.Health(); !h.Online {
				t.Errorf("got %+v, want online", h)
			}
			return
		case <-tick:
			if _, err := ask(t.Context(), c, Meta, url); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestSharedPatience: the second request of a call has what the first one left.
func TestSharedPatience(t *testing.T) {
	t.Parallel()
	c, url := serve(t, Config{Patience: 1500 * time.Millisecond, Stall: time.Second, ProbeEvery: time.Hour},
		func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	call, err := c.Begin(t.Context(), "GET", Meta, 0)
	if err != nil {
		t.Fatal(err)
	}
	requests := 0
	for call.Context().Err() == nil {
		_, err = fetch(call.Context(), c, url)
		requests++
	}
	if err = call.End(err); !errors.Is(err, backends.ErrOffline) || requests != 2 {
		t.Errorf("got %v after %d requests, want %v after 2", err, requests, backends.ErrOffline)
	}
	if s := c.Stats(); s.Stalls != 2 || s.Retries != 1 || s.Errors != 2 {
		t.Errorf("got %+v", s)
	}
}

// TestSlowSource: a body that is late because its reader is slow is no silence either.
func TestSlowSource(t *testing.T) {
	t.Parallel()
	const stall = 500 * time.Millisecond
	c, url := serve(t, Config{Patience: stall, Stall: stall}, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	})
	call, err := c.Begin(t.Context(), "PUT", Data, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	go func() {
		w.Write([]byte("first"))
		<-time.After(3 * stall)
		w.Write([]byte(" and last"))
		w.Close()
	}()
	req, _ := http.NewRequestWithContext(call.Context(), http.MethodPut, url, r)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(call.End(err))
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err := call.End(err); err != nil || string(text) != "first and last" {
		t.Errorf("got %q, %v", text, err)
	}
	if got := c.Stats(); got.Stalls != 0 || got.Requests["PUT"] != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestSending: a body that goes out slowly is no silence.
func TestSending(t *testing.T) {
	t.Parallel()
	const stall = 2 * time.Second
	c, url := serve(t, Config{Patience: stall, Stall: stall}, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	})
	call, err := c.Begin(t.Context(), "PUT", Data, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	go func() {
		for range 6 {
			<-time.After(stall / 4)
			w.Write([]byte("part"))
		}
		w.Close()
	}()
	req, _ := http.NewRequestWithContext(call.Context(), http.MethodPut, url, r)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(call.End(err))
	}
	resp.Body.Close()
	if err := call.End(nil); err != nil || c.Stats().BytesOut != 24 {
		t.Errorf("got %v, %+v", err, c.Stats())
	}
}

// TestBrokenSource: what cannot be read cannot be sent, and the server is not to blame.
func TestBrokenSource(t *testing.T) {
	c, url := serve(t, Config{ProbeEvery: time.Hour}, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	call, err := c.Begin(t.Context(), "PUT", Data, 0)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("disk on fire")
	r, w := io.Pipe()
	w.CloseWithError(broken)
	req, _ := http.NewRequestWithContext(call.Context(), http.MethodPut, url, r)
	_, err = c.Do(req)
	if err = call.End(err); !errors.Is(err, broken) || errors.Is(err, backends.ErrOffline) || !c.Health().Online {
		t.Errorf("got %v, %+v", err, c.Health())
	}
}

// TestOutsideACall refuses requests that nobody would bound.
func TestOutsideACall(t *testing.T) {
	c, url := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {})
	if _, err := fetch(t.Context(), c, url); err == nil {
		t.Error("sent a request outside an operation")
	}
}

func TestBackoff(t *testing.T) {
	for failed, most := range map[int]time.Duration{
		0: 100 * time.Millisecond, 1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 4: 800 * time.Millisecond,
		5: time.Second, 1000: time.Second,
	} {
		for range 1000 {
			if d := Backoff(failed); d < 0 || d >= most {
				t.Fatalf("after %d failures: got %v, want below %v", failed, d, most)
			}
		}
	}
}
