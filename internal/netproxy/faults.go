package netproxy

import (
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A Faults is an HTTP proxy in front of one S3 server. Requests reach the server
// as they came, Host header included, so that their signatures stay valid. It is
// safe for concurrent use.
type Faults struct {
	target    *url.URL
	addr      string
	transport *http.Transport
	done      chan struct{} // closed by Close; ends every stall
	running   sync.WaitGroup

	mu       sync.Mutex
	server   *http.Server // nil while refusing
	stopped  chan struct{}
	dead     bool
	closed   bool
	revived  chan struct{} // closed when dead ends
	fault    func(Request) Fault
	counts   map[string]int
	requests []Request
}

// NewFaults listens on a free loopback port and passes requests on to the server
// at target ("http://host:port"). The caller closes it.
func NewFaults(target string) (*Faults, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("fault proxy: %w", err)
	}
	f := &Faults{
		target: u,
		transport: &http.Transport{
			DisableCompression:  true,
			MaxIdleConnsPerHost: 64,
		},
		done:    make(chan struct{}),
		revived: make(chan struct{}),
		fault:   script(nil),
		counts:  make(map[string]int),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("fault proxy: %w", err)
	}
	f.addr = listener.Addr().String()
	f.serve(listener)
	return f, nil
}

// Addr is where it listens, as "127.0.0.1:port".
func (f *Faults) Addr() string { return f.addr }

// URL is "http://" and Addr.
func (f *Faults) URL() string { return "http://" + f.addr }

// Close ends all connections and stalls. It returns when the port is free
// and nothing of it runs anymore.
func (f *Faults) Close() error {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.done)
	}
	f.mu.Unlock()
	err := f.Refuse()
	f.running.Wait()
	f.transport.CloseIdleConnections()
	return err
}

// Script replaces what was scripted by rules; the first that applies wins, and
// every count starts anew. With no rules all requests pass.
func (f *Faults) Script(rules ...Rule) { f.ScriptFunc(script(rules)) }

// ScriptFunc replaces what was scripted by decide, which is called for one request
// at a time and must not block or call f.
func (f *Faults) ScriptFunc(decide func(Request) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = decide
}

// Refuse cuts all connections and has new ones refused until Serve.
func (f *Faults) Refuse() error {
	f.mu.Lock()
	server, stopped := f.server, f.stopped
	f.server = nil
	f.mu.Unlock()
	if server == nil {
		return nil
	}
	err := server.Close()
	<-stopped
	return err
}

// Die makes it accept connections and requests but answer none until Serve.
func (f *Faults) Die() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

// Serve ends Refuse and Die. Requests that came while it was dead are answered now.
func (f *Faults) Serve() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return net.ErrClosed
	}
	if f.dead {
		f.dead = false
		close(f.revived)
		f.revived = make(chan struct{})
	}
	if f.server != nil {
		return nil
	}
	listener, err := net.Listen("tcp", f.addr)
	if err != nil {
		return fmt.Errorf("fault proxy: %w", err)
	}
	f.serve(listener)
	return nil
}

// Count is how many requests of one operation (see Request.Op) came; "" is all.
func (f *Faults) Count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op == "" {
		return len(f.requests)
	}
	return f.counts[op]
}

// Counts is a copy of the counts of all operations that came.
func (f *Faults) Counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

// Requests is a copy of all that came, in order of arrival.
func (f *Faults) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// Forget sets Count, Counts and Requests back to nothing; the script stays.
func (f *Faults) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.counts)
	f.requests = nil
}

// serve needs f.mu or an f that nobody knows yet.
func (f *Faults) serve(listener net.Listener) {
	server, stopped := &http.Server{Handler: f, ErrorLog: log.New(io.Discard, "", 0)}, make(chan struct{})
	f.server, f.stopped = server, stopped
	go func() {
		defer close(stopped)
		server.Serve(listener)
	}()
}

// ServeHTTP answers one request as scripted.
func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.running.Add(1)
	defer f.running.Done()
	q := newRequest(r)
	f.mu.Lock()
	f.counts[q.Op]++
	f.requests = append(f.requests, q)
	fault := f.fault(q)
	dead, revived := f.dead, f.revived
	f.mu.Unlock()

	if dead {
		hold(f, r, revived)
	}
	if fault.Delay > 0 {
		f.stall(r, fault.Delay)
	}
	switch fault.Kind {
	case Reset:
		panic(http.ErrAbortHandler)
	case Status:
		io.Copy(io.Discard, r.Body)
		writeError(w, q, fault)
		return
	case StallHead:
		f.stall(r, fault.For)
	}
	f.forward(w, r, fault)
}

// stall holds the request for d (0: until the client has gone).
func (f *Faults) stall(r *http.Request, d time.Duration) {
	if d == 0 {
		hold[struct{}](f, r, nil)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	hold(f, r, timer.C)
}

// hold waits for over and aborts the reply if the client or the proxy goes before.
func hold[T any](f *Faults, r *http.Request, over <-chan T) {
	select {
	case <-over:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	case <-f.done:
		panic(http.ErrAbortHandler)
	}
}

// hopByHop headers concern one connection only.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func (f *Faults) forward(w http.ResponseWriter, r *http.Request, fault Fault) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = f.target.Scheme, f.target.Host
	out.RequestURI = ""
	for _, name := range hopByHop {
		out.Header.Del(name)
	}
	if out.ContentLength == 0 {
		out.Body = http.NoBody
	}
	if _, sent := out.Header["User-Agent"]; !sent {
		out.Header.Set("User-Agent", "")
	}
	reply, err := f.transport.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer reply.Body.Close()
	for _, name := range hopByHop {
		reply.Header.Del(name)
	}
	maps.Copy(w.Header(), reply.Header)
	if fault.Kind == WrongLength && reply.ContentLength > fault.After {
		w.Header().Set("Content-Length", strconv.FormatInt(fault.After, 10))
	}
	w.WriteHeader(reply.StatusCode)
	f.body(w, r, reply, fault)
}

// body copies the reply's body, and breaks it.
func (f *Faults) body(w http.ResponseWriter, r *http.Request, reply *http.Response, fault Fault) {
	switch fault.Kind {
	case WrongLength:
		copyBytes(w, io.LimitReader(reply.Body, fault.After))
		return
	case CutBody, StallBody:
		copyBytes(w, io.LimitReader(reply.Body, fault.After))
		http.NewResponseController(w).Flush()
		if fault.Kind == CutBody {
			panic(http.ErrAbortHandler)
		}
		f.stall(r, fault.For)
	}
	copyBytes(w, reply.Body)
}

// copyBytes aborts the reply when either side fails.
func copyBytes(w io.Writer, r io.Reader) {
	if _, err := io.Copy(w, r); err != nil {
		panic(http.ErrAbortHandler)
	}
}
