package backendtest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"sd/backends"
)

// A Lab is one empty store on a server that can be made to fail. Its methods are tests of
// what comes of that; each wants a Lab of its own, and a store with Putter, Counter and
// HealthReporter.
type Lab struct {
	// Server is the URL of the server.
	Server string
	// Open opens the store at url, which is Server, that of a Proxy, or of no server at all.
	// It registers with t.Cleanup what ends the store.
	Open func(t *testing.T, url string, p Pace) backends.Backend
	// Proxy puts a proxy before Server that ends with the test.
	Proxy func(t *testing.T) Proxy
	// Patience is that of a store which is not answered; 0 is 8 s.
	Patience time.Duration
	// Secrets are what no error may tell.
	Secrets []string
}

// Pace is how long a store waits: for an answer with retries, for the next byte, and before
// it looks whether a server that was gone is back.
type Pace struct{ Patience, Stall, Probe time.Duration }

const (
	soon = 20 * time.Millisecond
	// bound is far above every deadline of the tests and far below "it hangs".
	bound = time.Minute
)

// patient is for a machine that may be busy.
func patient() Pace { return Pace{time.Minute, time.Minute, soon} }

// hasty is for what happens when no answer comes in time.
func (l Lab) hasty() Pace { return Pace{cmp.Or(l.Patience, 8*time.Second), 2 * time.Second, soon} }

// A Proxy breaks replies of a server on demand. It is what the tests need of Faults in
// internal/netproxy, which this package does not import.
type Proxy interface {
	URL() string
	// Break replaces what befell requests; of several faults the first that fits is taken.
	// Without any, all requests pass.
	Break(faults ...Fault)
	Refuse() error // connections, until Serve
	Die()          // answers nothing until Serve
	Serve() error
	Count(op string) int // of requests, since Forget
	Forget()
}

// A Fault befalls the first Times requests of Method; 0 and "" are all.
type Fault struct {
	Kind   FaultKind
	Method string
	Times  int
	After  int64 // the bytes of the body that arrive before
	// Status and Code are the answer of a Refusal. With an empty Code it is the usual one.
	Status int
	Code   string
}

// FaultKind tells how a reply is broken.
type FaultKind uint8

// The kinds of Fault.
const (
	Refusal FaultKind = iota
	StallHead
	StallBody
	CutBody
	WrongLength // the reply ends too early, and says that it is whole
	Reset
)

// An Answer is a refusal by the server, and what the store must make of it.
type Answer struct {
	Name   string
	Ask    string // what is asked for then: "stat", "list" or "get"
	Times  int    // how often the answer is this one; 0 is always
	Status int
	Code   string
	Want   error  // nil if the store mends it
	Text   string // that the error must hold
}

// ErrOther is what an Answer wants that stands for an error without a sentinel.
var ErrOther = errors.New("another error")

// faultCase is one way in which a reply is broken, and what the store must make of it.
type faultCase struct {
	name, ask string
	fault     Fault
	want      error
	text      string
}

var faultCases = []faultCase{
	{"stall before headers", "stat", Fault{Kind: StallHead}, backends.ErrOffline, "does not answer"},
	{"stall before headers", "list", Fault{Kind: StallHead}, backends.ErrOffline, "does not answer"},
	{"stall before headers", "get", Fault{Kind: StallHead}, backends.ErrOffline, "does not answer"},
	{"one stall before headers", "get", Fault{Kind: StallHead, Times: 1}, nil, ""},
	{"one stall before headers", "list", Fault{Kind: StallHead, Times: 1}, nil, ""},
	{"one stall in the body", "get", Fault{Kind: StallBody, Times: 1, After: 40_000}, nil, ""},
	{"one stall in the body", "list", Fault{Kind: StallBody, Times: 1, After: 40}, nil, ""},
	{"stalls in the body", "get", Fault{Kind: StallBody}, backends.ErrOffline, "does not answer"},
	{"stalls in the body", "list", Fault{Kind: StallBody, After: 40}, backends.ErrOffline, "does not answer"},
	{"one cut body", "get", Fault{Kind: CutBody, Times: 1, After: 40_000}, nil, ""},
	{"one cut body", "list", Fault{Kind: CutBody, Times: 1, After: 40}, nil, ""},
	{"cut bodies", "get", Fault{Kind: CutBody, After: 1000}, io.ErrUnexpectedEOF, ""},
	{"cut bodies", "list", Fault{Kind: CutBody, After: 40}, io.ErrUnexpectedEOF, ""},
	{"wrong length", "get", Fault{Kind: WrongLength, After: 1000}, ErrOther, "broke the protocol"},
	{"wrong length", "list", Fault{Kind: WrongLength, After: 40}, ErrOther, ""},
	{"a reset", "get", Fault{Kind: Reset, Times: 2}, nil, ""},
	{"resets", "get", Fault{Kind: Reset}, backends.ErrOffline, ""},
	{"429", "stat", Fault{Status: 429}, backends.ErrOffline, ""},
	{"501", "get", Fault{Status: 501}, errors.ErrUnsupported, ""},
}

// Replies breaks replies in every way, and in those of the service, and asks for the right
// sentinel, within the deadline; then for recovery without any help.
func (l Lab) Replies(t *testing.T, ofService []Answer) {
	body := Pattern(100_000)
	cases := faultCases
	for _, a := range ofService {
		cases = append(cases, faultCase{a.Name, a.Ask, Fault{Times: a.Times, Status: a.Status, Code: a.Code}, a.Want, a.Text})
	}
	for i, tt := range cases {
		dir := strconv.Itoa(i)
		if tt.fault.Times > 0 {
			tt.fault.Method = "GET" // not what is asked by the way
		}
		t.Run(tt.name+" "+tt.ask, func(t *testing.T) {
			t.Parallel()
			beside := l.beside(t)
			beside.seed(dir+"/file", body)
			beside.wantFile(dir+"/file", body) // a busy server is waited for here
			b := l.behind(t, l.hasty())
			b.proxy.Break(tt.fault)
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			err := b.ask(ctx, tt.ask, dir, body)
			if ctx.Err() != nil {
				t.Fatalf("no answer within %v", bound)
			}
			switch {
			case tt.want == ErrOther:
				if sentinel := Sentinel(err); err == nil || sentinel != nil {
					t.Errorf("got %v (%v), want another error", err, sentinel)
				}
			case !errors.Is(err, tt.want):
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %q, want it to say %q", err, tt.text)
			}
			if n := b.proxy.Count(""); n <= tt.fault.Times {
				t.Errorf("made %d requests, want more than the fault befell", n)
			}
			CheckError(t, err, l.Secrets...)

			b.proxy.Break()
			b.await(true)
			if err := b.ask(ctx, tt.ask, dir, body); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// Outage takes the server away: the first operation says so, later ones are not even sent,
// another volume notices nothing, and the return is noticed.
func (l Lab) Outage(t *testing.T) {
	other := l.beside(t)
	other.seed("file", "text")
	for _, tt := range []struct {
		name string
		down func(Proxy)
	}{
		{"refused", func(p Proxy) { p.Refuse() }},
		{"dead", Proxy.Die},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := l.hasty()
			p.Probe = time.Hour
			b := l.behind(t, p)
			b.wantText("text")
			tt.down(b.proxy)
			b.wantOffline()
			if h := b.health(); h.Err == "" || h.Since.IsZero() {
				t.Errorf("got %+v, want a reason and a time", h)
			}
			before := b.stats()
			for range 100 {
				_, _, err := b.Get(t.Context(), "file", "", 0, -1)
				if !errors.Is(err, backends.ErrOffline) {
					t.Fatalf("got %v, want %v", err, backends.ErrOffline)
				}
				CheckError(t, err, l.Secrets...)
			}
			if after := b.stats(); after.Requests["GET"] != before.Requests["GET"] {
				t.Errorf("sent %d requests while offline", after.Requests["GET"]-before.Requests["GET"])
			}
			if _, err := other.Stat(t.Context(), "file"); err != nil {
				t.Errorf("the other volume: %v", err)
			}
		})
		t.Run(tt.name+" and back", func(t *testing.T) {
			t.Parallel()
			b := l.behind(t, l.hasty())
			tt.down(b.proxy)
			b.wantOffline()
			if err := b.proxy.Serve(); err != nil {
				t.Fatal(err)
			}
			b.await(true)
			b.wantText("text")
			if h := b.health(); h.Err != "" {
				t.Errorf("got %+v, want no reason", h)
			}
		})
	}
}

// NeverThere opens stores whose servers never were there.
func (l Lab) NeverThere(t *testing.T) {
	for _, url := range []string{"http://127.0.0.1:1", "http://does-not-exist.invalid"} {
		_, err := l.Open(t, url, l.hasty()).Stat(t.Context(), "")
		if !errors.Is(err, backends.ErrOffline) {
			t.Errorf("%s: got %v, want %v", url, err, backends.ErrOffline)
		}
		CheckError(t, err, l.Secrets...)
	}
}

// Drip reads from a server that gives a few bytes and falls silent, each time.
func (l Lab) Drip(t *testing.T) {
	l.beside(t).seed("file", Pattern(100_000))
	b := l.behind(t, l.hasty())
	b.proxy.Break(Fault{Kind: StallBody, Method: "GET", After: 100})
	_, _, err := Read(t.Context(), b, "file", "", 0, -1)
	if n := b.proxy.Count("GET"); !errors.Is(err, backends.ErrOffline) || n > 10 { // of the thousand that it would take to the end
		t.Errorf("got %v after %d requests, want %v after a few", err, n, backends.ErrOffline)
	}
}

// Cancel ends waiting when the caller's context ends, and blames nobody.
func (l Lab) Cancel(t *testing.T) {
	l.beside(t).seed("file", Pattern(100_000))
	b := l.behind(t, Pace{time.Hour, time.Hour, soon})
	for _, kind := range []FaultKind{StallHead, StallBody} {
		b.proxy.Break(Fault{Kind: kind})
		b.proxy.Forget()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, _, err := Read(ctx, b, "file", "", 0, -1)
			done <- err
		}()
		Until(t, "the request arrives", func() bool { return b.proxy.Count("GET") > 0 })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if h := b.health(); !h.Online {
			t.Errorf("a cancelled request took the volume offline: %+v", h)
		}
	}
}

// ChangeInMidRead replaces a file while it is read.
func (l Lab) ChangeInMidRead(t *testing.T) {
	old, beside := Pattern(200_000), l.beside(t)
	beside.seed("file", old)
	b := l.behind(t, patient())
	b.proxy.Break(Fault{Kind: CutBody, Method: "GET", Times: 1, After: 50_000})
	r, e, err := b.Get(t.Context(), "file", "", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	beside.seed("file", strings.ToUpper(old))
	got, err := io.ReadAll(r)
	if !errors.Is(err, backends.ErrChanged) || !strings.HasPrefix(old, string(got)) {
		t.Errorf("got %d bytes, %v; want some of the old ones and %v", len(got), err, backends.ErrChanged)
	}
	CheckError(t, err, l.Secrets...)
	for _, n := range []int64{0, 10, -1} {
		if _, _, err := b.Get(t.Context(), "file", e.Version, 0, n); !errors.Is(err, backends.ErrChanged) {
			t.Errorf("get %d of the old version: got %v, want %v", n, err, backends.ErrChanged)
		}
	}
}

// Stats counts what went wrong and was mended.
func (l Lab) Stats(t *testing.T) {
	l.beside(t).seed("file", "0123456789")
	b := l.behind(t, Pace{time.Minute, 3 * time.Second, soon})
	b.proxy.Break(Fault{Status: 503, Times: 1}, Fault{Kind: StallHead, Times: 1}, Fault{Kind: CutBody, After: 4, Times: 1})
	b.wantText("0123456789")
	s := b.stats()
	if s.Requests["GET"] != 4 || s.Retries != 3 || s.Errors != 3 || s.Stalls != 1 || s.BytesIn < 10 {
		t.Errorf("got %+v", s)
	}
}

// broken is a store behind a proxy of its own.
type broken struct {
	*store
	proxy Proxy
}

func (l Lab) behind(t *testing.T, p Pace) *broken {
	t.Helper()
	proxy := l.Proxy(t)
	return &broken{&store{T: t, Backend: l.Open(t, proxy.URL(), p)}, proxy}
}

// beside is the same store past all proxies.
func (l Lab) beside(t *testing.T) *store {
	t.Helper()
	return &store{T: t, Backend: l.Open(t, l.Server, patient())}
}

// ask reads the file in dir, which holds body, or about it.
func (b *broken) ask(ctx context.Context, what, dir, body string) error {
	switch what {
	case "stat":
		_, err := b.Stat(ctx, dir+"/file")
		return err
	case "list":
		return b.List(ctx, dir, func([]backends.Entry) error { return nil })
	}
	got, _, err := Read(ctx, b, dir+"/file", "", 10, 90_000)
	if err == nil && got != body[10:90_010] {
		err = errors.New("wrong bytes")
	}
	return err
}

func (b *broken) stats() backends.Stats   { return b.Backend.(backends.Counter).Stats() }
func (b *broken) health() backends.Health { return b.Backend.(backends.HealthReporter).Health() }

// await waits until the store is online or not.
func (b *broken) await(online bool) {
	b.Helper()
	Until(b, "the state changes", func() bool { return b.health().Online == online })
}

// wantText reads the file.
func (b *broken) wantText(want string) {
	b.Helper()
	if got, _, err := Read(b.ctx(), b, "file", "", 0, -1); err != nil || got != want {
		b.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

// wantOffline asks for the file and waits until the store believes the answer.
func (b *broken) wantOffline() {
	b.Helper()
	if _, err := b.Stat(b.ctx(), "file"); !errors.Is(err, backends.ErrOffline) {
		b.Fatalf("got %v, want %v", err, backends.ErrOffline)
	}
	b.await(false)
}
