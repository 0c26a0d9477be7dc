// Package front stands before the handlers of a service that only pretends: it
// notes what was asked and breaks answers as a test says. Only tests, benchmarks
// and the demonstration import it.
package front

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// A Request is one that came in. The maps are copies of its own.
type Request struct {
	Route  string // the service's name of the call, as in "files.list"
	Method string
	Host   string
	Path   string
	Query  url.Values
	Header http.Header
	At     time.Time
	Status int // of the answer; 0 when the client never got one
}

// A Front is one service's door. Its zero value lets all pass under the route "".
// It is safe for concurrent use; set Classify before the first request.
type Front struct {
	// Classify names the call that a request makes, from its line and headers alone.
	Classify func(*http.Request) string

	mu       sync.Mutex
	requests []Request
	fault    func(*http.Request) http.Handler
	harms    []*harm
	dead     bool
	hang     chan struct{} // closed when the service moves again; nil while it does
	closed   bool
	bell     chan struct{} // closed at the next request; nil while nobody waits for one
}

// Route is the name of the call that r makes.
func (f *Front) Route(r *http.Request) string {
	if f.Classify == nil {
		return ""
	}
	return f.Classify(r)
}

// Requests returns what was asked since the start or the last Forget, oldest first.
func (f *Front) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// Count is the number of requests of one route, or of all when route is "".
func (f *Front) Count(route string) int {
	n := 0
	for _, r := range f.Requests() {
		if route == "" || r.Route == route {
			n++
		}
	}
	return n
}

// Await returns when at least n requests of one route, or of all when route is "", have
// come in since the start or the last Forget. They need not be answered yet.
func (f *Front) Await(ctx context.Context, route string, n int) error {
	for {
		f.mu.Lock()
		if f.bell == nil {
			f.bell = make(chan struct{})
		}
		bell := f.bell
		f.mu.Unlock()
		if f.Count(route) >= n {
			return nil
		}
		select {
		case <-bell:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Counts is the number of requests by route.
func (f *Front) Counts() map[string]int {
	counts := make(map[string]int)
	for _, r := range f.Requests() {
		counts[r.Route]++
	}
	return counts
}

// Forget drops the requests noted so far.
func (f *Front) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = nil
}

// Serve lets next answer r, unless something is to go wrong.
func (f *Front) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	route := f.Route(r)
	n := f.note(route, r)
	f.mu.Lock()
	hang, dead, fault := f.hang, f.dead, f.fault
	f.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
		f.mu.Lock()
		dead = f.dead || f.closed
		f.mu.Unlock()
	}
	if dead {
		panic(http.ErrAbortHandler)
	}
	if fault != nil {
		if h := fault(r); h != nil {
			next = h
		}
	}
	if h := f.harmFor(route); h != nil {
		next = h.wrap(next)
	}
	sw := &statusWriter{ResponseWriter: w}
	next.ServeHTTP(sw, r)
	f.answered(n, r, sw.status)
}

// note returns the place of the request in the list, to be used with answered.
func (f *Front) note(route string, r *http.Request) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, Request{
		Route: route, Method: r.Method, Host: r.Host, Path: r.URL.EscapedPath(),
		Query: r.URL.Query(), Header: maps.Clone(r.Header), At: time.Now(),
	})
	if f.bell != nil {
		close(f.bell)
		f.bell = nil
	}
	return len(f.requests) - 1
}

func (f *Front) answered(n int, r *http.Request, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n < len(f.requests) && f.requests[n].Path == r.URL.EscapedPath() { // else forgotten meanwhile
		f.requests[n].Status = status
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
