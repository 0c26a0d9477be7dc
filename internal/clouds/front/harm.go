package front

import (
	"net/http"
	"slices"
)

// A harm breaks answers of one route, so many times.
type harm struct {
	route string
	left  int
	wrap  func(http.Handler) http.Handler
}

// Fault has each request shown to decide, whose handler then answers in the service's
// place; nil lets the request pass. A nil decide ends it.
func (f *Front) Fault(decide func(*http.Request) http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = decide
}

// LostAnswer has the next n requests of a route ("" is any) done in full, and the
// connection broken instead of the answer.
func (f *Front) LostAnswer(route string, n int) {
	f.add(route, n, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&deaf{header: make(http.Header)}, r)
			panic(http.ErrAbortHandler)
		})
	})
}

// TornBody breaks the connection of the next n answers of a route after so many bytes
// of their body.
func (f *Front) TornBody(route string, after, n int) {
	f.add(route, n, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&cutWriter{ResponseWriter: w, left: after, end: func() { panic(http.ErrAbortHandler) }}, r)
		})
	})
}

// StallBody stops the next n answers of a route after so many bytes of their body,
// until the client gives up.
func (f *Front) StallBody(route string, after, n int) {
	f.add(route, n, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&cutWriter{ResponseWriter: w, left: after, end: func() {
				<-r.Context().Done()
				panic(http.ErrAbortHandler)
			}}, r)
		})
	})
}

func (f *Front) add(route string, n int, wrap func(http.Handler) http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.harms = append(f.harms, &harm{route: route, left: n, wrap: wrap})
}

// harmFor takes one use of the first harm that means the route.
func (f *Front) harmFor(route string) *harm {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, h := range f.harms {
		if h.route != "" && h.route != route {
			continue
		}
		if h.left--; h.left <= 0 {
			f.harms = slices.Delete(f.harms, i, i+1)
		}
		return h
	}
	return nil
}

// Dead has every request end in a broken connection, until Dead(false).
func (f *Front) Dead(dead bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = dead
}

// Hang has every request wait, until Hang(false) lets it go on.
func (f *Front) Hang(hang bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case hang && f.hang == nil && !f.closed:
		f.hang = make(chan struct{})
	case !hang && f.hang != nil:
		close(f.hang)
		f.hang = nil
	}
}

// Heal ends all faults.
func (f *Front) Heal() {
	f.Hang(false)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.harms, f.dead = nil, nil, false
}

// Close lets the requests that hang end.
func (f *Front) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.Hang(false)
}

// deaf swallows an answer.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) WriteHeader(int)             {}
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }

// cutWriter calls end, which does not return, when left bytes went through.
type cutWriter struct {
	http.ResponseWriter
	left int
	end  func()
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if len(p) < w.left {
		n, err := w.ResponseWriter.Write(p)
		w.left -= n
		return n, err
	}
	if _, err := w.ResponseWriter.Write(p[:w.left]); err == nil {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
	}
	w.end()
	return 0, http.ErrAbortHandler
}

func (w *cutWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
