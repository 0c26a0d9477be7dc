package s3

import (
	"context"
	"errors"
	iofs "io/fs"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sd/backends"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// deaf strips the conditions off all requests.
func deaf(r *http.Request) bool {
	for _, h := range []string{"If-Match", "If-None-Match", "X-Amz-Copy-Source-If-Match"} {
		r.Header.Del(h)
	}
	return false
}

// TestCapabilities asks servers of all kinds what they heed, and checks that nothing is
// left behind.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	versity, fake := testserver.Versitygw(t, bucket), testserver.Gofakes3(t, bucket)
	pass := func(*http.Request) bool { return false }
	for _, tt := range []struct {
		name   string
		server *testserver.Server
		change func(*http.Request) bool
		check  func(backends.Capabilities) bool
	}{
		{"one that heeds", versity, pass, func(c backends.Capabilities) bool {
			return c.PutAbsent && c.PutVersion && c.CopySource && c.CopyPart
		}},
		{"one that ignores some", fake, pass, func(c backends.Capabilities) bool { return !c.CopyPart && !c.CopySource }},
		{"one that ignores all", fake, deaf, func(c backends.Capabilities) bool {
			c.CopyPart, c.CommitGone = false, false
			return c == backends.Capabilities{}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, middle(t, tt.server.URL, tt.change), nil)
			var all sync.WaitGroup
			found := make([]backends.Capabilities, 8)
			for i := range found {
				all.Go(func() {
					c, err := b.Capabilities(t.Context())
					if err != nil {
						t.Error(err)
					}
					found[i] = c
				})
			}
			all.Wait()
			t.Logf("found %+v", found[0])
			if !tt.check(found[0]) {
				t.Errorf("got %+v", found[0])
			}
			asked := b.Stats().Requests["PROBE"]
			if c, err := b.Capabilities(t.Context()); err != nil || c != found[7] || b.Stats().Requests["PROBE"] != asked || asked > 16 {
				t.Errorf("got %+v, %v after %d requests, want one probe of few", c, err, b.Stats().Requests["PROBE"])
			}
			if left := names(t, open(t, tt.server.URL, nil), ""); len(left) != 0 {
				t.Errorf("the probe left %q", left)
			}
		})
	}
}

// TestConditionsOfADeafServer looks before it writes, so conditions hold but for what
// happens in between.
func TestConditionsOfADeafServer(t *testing.T) {
	t.Parallel()
	refuse := netproxy.Fault{Kind: netproxy.Status, Status: http.StatusNotImplemented}
	for _, tt := range []struct {
		name  string
		known bool
		fault func(netproxy.Request) netproxy.Fault
	}{
		{"before the probe", false, nil},
		{"after the probe", true, nil},
		{"501 before the probe", false, func(r netproxy.Request) netproxy.Fault {
			if r.Method != http.MethodHead && (r.IfMatch() != "" || r.Header.Get("If-None-Match") != "") {
				return refuse
			}
			return netproxy.Fault{}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, testserver.Gofakes3, nil)
			if tt.fault != nil {
				l.faults.ScriptFunc(tt.fault)
			}
			if tt.known {
				if _, err := l.Capabilities(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			put := func(content string, c backends.Cond) (backends.Entry, error) {
				return l.Put(t.Context(), "file", strings.NewReader(content), int64(len(content)), backends.Meta{}, c)
			}
			first, err := put("first", backends.Cond{Absent: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := put("again", backends.Cond{Absent: true}); !errors.Is(err, iofs.ErrExist) {
				t.Errorf("got %v, want %v", err, iofs.ErrExist)
			}
			if _, err := put("second", backends.Cond{Version: first.Version}); err != nil {
				t.Fatal(err)
			}
			_, err = put("third", backends.Cond{Version: first.Version})
			if !errors.Is(err, backends.ErrChanged) {
				t.Errorf("got %v, want %v", err, backends.ErrChanged)
			}
			_, err = l.Copy(t.Context(), "file", "file", backends.CopyOptions{Source: first.Version, Size: 5, Meta: &backends.Meta{Mode: 1}})
			if !errors.Is(err, backends.ErrChanged) {
				t.Errorf("got %v, want %v", err, backends.ErrChanged)
			}
			if err := l.Remove(t.Context(), "file", backends.Cond{Version: first.Version}); !errors.Is(err, backends.ErrChanged) {
				t.Errorf("got %v, want %v", err, backends.ErrChanged)
			}
			if got, _, err := read(t.Context(), l, "file", "", 0, -1); got != "second" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// TestNoProbe asks nothing of a server that is only read, or where writing is refused.
func TestNoProbe(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Gofakes3, nil)
	l.server.MustPut(t, bucket, "file", "text")
	if _, _, err := read(t.Context(), l, "file", "", 0, -1); err != nil {
		t.Fatal(err)
	}
	names(t, l, "")
	l.faults.Script(netproxy.Rule{Method: http.MethodPut, Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403}})
	_, err := l.Put(t.Context(), "new", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Absent: true})
	if !errors.Is(err, iofs.ErrPermission) {
		t.Errorf("got %v, want %v", err, iofs.ErrPermission)
	}
	l.Close()
	if n := l.Stats().Requests["PROBE"]; n != 0 {
		t.Errorf("the probe sent %d requests", n)
	}
	if _, err := l.Capabilities(t.Context()); !errors.Is(err, iofs.ErrPermission) {
		t.Errorf("got %v, want %v", err, iofs.ErrPermission)
	}
}

// TestProbeAfterTheFirstWrite learns in the background, and spares a request from then on.
func TestProbeAfterTheFirstWrite(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, nil)
	for i, want := range []map[string]int{{"HEAD": 1, "PUT": 1}, {"PUT": 1}} {
		l.faults.Forget()
		before := l.Stats().Requests
		_, err := l.Put(t.Context(), []string{"a", "b"}[i], strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Absent: true})
		if err != nil {
			t.Fatal(err)
		}
		after := l.Stats().Requests
		got := map[string]int{}
		for _, op := range []string{"HEAD", "PUT"} {
			if n := int(after[op] - before[op]); n > 0 {
				got[op] = n
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("write %d sent %v, want %v", i+1, got, want)
		}
		until(t, "the probe has ended", func() bool { return l.caps.known.Load() != nil })
	}
}

// TestProbeTidiesUp is left alone in its middle.
func TestProbeTidiesUp(t *testing.T) {
	t.Parallel()
	server := testserver.Gofakes3(t, bucket)
	ctx, cancel := context.WithCancel(t.Context())
	var puts atomic.Int32
	b := open(t, middle(t, server.URL, func(r *http.Request) bool {
		if r.Method == http.MethodPut && puts.Add(1) == 2 {
			cancel()
		}
		return false
	}), nil)
	if _, err := b.Capabilities(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	b.Close()
	if left := names(t, open(t, server.URL, nil), ""); len(left) != 0 {
		t.Errorf("the probe left %q", left)
	}
	if _, err := b.Capabilities(t.Context()); err != nil {
		t.Errorf("got %v, want what the probe found", err)
	}
}
