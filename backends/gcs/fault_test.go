package gcs

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// bound is far above every deadline of the tests and far below "it hangs".
const bound = time.Minute

// TestFaults breaks replies in every way and asks for the right sentinel, within the
// deadline; then for recovery without any help.
func TestFaults(t *testing.T) {
	t.Parallel()
	server := testserver.FakeGCS(t, bucket)
	body := content(100_000)
	server.MustPut(t, bucket, "dir/file", body)

	ask := map[string]func(context.Context, *lab) error{
		"stat": func(ctx context.Context, l *lab) error { _, err := l.Stat(ctx, "dir/file"); return err },
		"list": func(ctx context.Context, l *lab) error {
			return l.List(ctx, "dir", func([]backends.Entry) error { return nil })
		},
		"get": func(ctx context.Context, l *lab) error {
			got, _, err := read(ctx, l, "dir/file", "", 10, 90_000)
			if err == nil && got != body[10:90_010] {
				err = errors.New("wrong bytes")
			}
			return err
		},
	}
	status := func(status int, code string) netproxy.Fault {
		return netproxy.Fault{Kind: netproxy.Status, Status: status, Code: code}
	}
	all := func(f netproxy.Fault) []netproxy.Rule { return []netproxy.Rule{{Fault: f}} }
	first := func(op string, n int, f netproxy.Fault) []netproxy.Rule {
		return []netproxy.Rule{{Op: op, Times: n, Fault: f}}
	}
	errAny := errors.New("any error that is no sentinel")
	for _, tt := range []struct {
		name  string
		op    string
		rules []netproxy.Rule
		want  error
		text  string
	}{
		{"stall before headers", "stat", all(netproxy.Fault{Kind: netproxy.StallHead}), backends.ErrOffline, "does not answer"},
		{"stall before headers", "list", all(netproxy.Fault{Kind: netproxy.StallHead}), backends.ErrOffline, "does not answer"},
		{"stall before headers", "get", all(netproxy.Fault{Kind: netproxy.StallHead}), backends.ErrOffline, "does not answer"},
		{"one stall before headers", "get", first("GET", 1, netproxy.Fault{Kind: netproxy.StallHead}), nil, ""},
		{"one stall before headers", "list", first("LIST", 1, netproxy.Fault{Kind: netproxy.StallHead}), nil, ""},
		{"one stall in the body", "get", first("GET", 1, netproxy.Fault{Kind: netproxy.StallBody, After: 40_000}), nil, ""},
		{"one stall in the body", "list", first("LIST", 1, netproxy.Fault{Kind: netproxy.StallBody, After: 40}), nil, ""},
		{"stalls in the body", "get", all(netproxy.Fault{Kind: netproxy.StallBody}), backends.ErrOffline, "does not answer"},
		{"stalls in the body", "list", all(netproxy.Fault{Kind: netproxy.StallBody, After: 40}), backends.ErrOffline, "does not answer"},
		{"one cut body", "get", first("GET", 1, netproxy.Fault{Kind: netproxy.CutBody, After: 40_000}), nil, ""},
		{"one cut body", "list", first("LIST", 1, netproxy.Fault{Kind: netproxy.CutBody, After: 40}), nil, ""},
		{"cut bodies", "get", all(netproxy.Fault{Kind: netproxy.CutBody, After: 1000}), io.ErrUnexpectedEOF, ""},
		{"cut bodies", "list", all(netproxy.Fault{Kind: netproxy.CutBody, After: 40}), io.ErrUnexpectedEOF, ""},
		{"wrong length", "get", all(netproxy.Fault{Kind: netproxy.WrongLength, After: 1000}), errAny, "broke the protocol"},
		{"wrong length", "list", all(netproxy.Fault{Kind: netproxy.WrongLength, After: 40}), errAny, ""},
		{"a reset", "get", first("", 2, netproxy.Fault{Kind: netproxy.Reset}), nil, ""},
		{"resets", "get", all(netproxy.Fault{Kind: netproxy.Reset}), backends.ErrOffline, ""},
		{"403", "get", all(status(403, "forbidden")), iofs.ErrPermission, "403 forbidden"},
		{"403", "stat", all(status(403, "forbidden")), iofs.ErrPermission, "ask the bucket's owner"},
		{"403", "list", all(status(403, "insufficientPermissions")), iofs.ErrPermission, "request FAULT0000000001"},
		{"401", "get", all(status(401, "authError")), iofs.ErrPermission, "log in again"},
		{"401", "stat", all(status(401, "required")), iofs.ErrPermission, "log in again"},
		{"billing", "list", all(status(403, "accountDisabled")), iofs.ErrPermission, "billing"},
		{"readers pay", "get", all(status(400, "userProjectMissing")), iofs.ErrPermission, "readers pay"},
		{"404", "get", all(status(404, "notFound")), iofs.ErrNotExist, ""},
		{"404", "stat", all(status(404, "notFound")), iofs.ErrNotExist, ""},
		{"412", "get", all(status(412, "conditionNotMet")), backends.ErrChanged, "conditionNotMet"},
		{"three 500", "get", first("GET", 3, status(500, "backendError")), nil, ""},
		{"three 503", "get", first("GET", 3, status(503, "")), nil, ""},
		{"three 429", "list", first("LIST", 3, status(429, "rateLimitExceeded")), nil, ""},
		{"a 408", "get", first("GET", 1, status(408, "")), nil, ""},
		{"three of a rate", "get", first("GET", 3, status(403, "userRateLimitExceeded")), nil, ""},
		{"a rate", "get", all(status(403, "rateLimitExceeded")), backends.ErrOffline, "too many requests"},
		{"quota", "get", all(status(403, "quotaExceeded")), backends.ErrQuota, ""},
		{"500", "get", all(status(500, "backendError")), errAny, "500 backendError"},
		{"503", "get", all(status(503, "")), backends.ErrOffline, ""},
		{"503", "list", all(status(503, "backendError")), backends.ErrOffline, ""},
		{"429", "stat", all(status(429, "")), backends.ErrOffline, ""},
		{"501", "get", all(status(501, "")), errors.ErrUnsupported, ""},
		{"400", "get", all(status(400, "invalid")), errAny, "refused the request"},
	} {
		t.Run(tt.name+" "+tt.op, func(t *testing.T) {
			t.Parallel()
			l := labOn(t, server, hasty)
			l.faults.Script(tt.rules...)
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			err := ask[tt.op](ctx, l)
			if ctx.Err() != nil {
				t.Fatalf("no answer within %v", bound)
			}
			switch {
			case tt.want == errAny:
				if sentinel := wraps(err); err == nil || sentinel != nil {
					t.Errorf("got %v (%v), want another error", err, sentinel)
				}
			case !errors.Is(err, tt.want):
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %q, want it to say %q", err, tt.text)
			}
			checkError(t, err)

			l.faults.Script()
			await(t, l.Backend, true)
			if err := ask[tt.op](ctx, l); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestStats counts what went wrong and was mended.
func TestStats(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *Config) { c.Stall = 3 * time.Second })
	l.server.MustPut(t, bucket, "file", "0123456789")
	faults := []netproxy.Fault{
		{Kind: netproxy.Status, Status: 503}, {Kind: netproxy.StallHead}, {Kind: netproxy.CutBody, After: 4}, {},
	}
	l.faults.ScriptFunc(func(netproxy.Request) (f netproxy.Fault) {
		f, faults = faults[0], append(faults[1:], netproxy.Fault{})
		return f
	})
	if got, _, err := read(t.Context(), l, "file", "", 0, -1); err != nil || got != "0123456789" {
		t.Fatalf("got %q, %v", got, err)
	}
	s := l.Stats()
	if s.Requests["GET"] != 4 || s.Retries != 3 || s.Errors != 3 || s.Stalls != 1 || s.BytesIn < 10 {
		t.Errorf("got %+v", s)
	}
}

func wraps(err error) error {
	for _, sentinel := range []error{
		backends.ErrOffline, backends.ErrChanged, backends.ErrNotEmpty, backends.ErrIsDir, backends.ErrNotDir,
		backends.ErrNoSpace, backends.ErrTooLarge, backends.ErrNameTooLong, backends.ErrNoUpload, iofs.ErrNotExist, iofs.ErrExist, iofs.ErrPermission,
		errors.ErrUnsupported, io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, sentinel) {
			return sentinel
		}
	}
	return nil
}

// checkError checks what every error must be.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if pe := (*iofs.PathError)(nil); !errors.As(err, &pe) {
		t.Errorf("got %T, want a PathError", err)
	}
	for _, secret := range []string{secretToken, "Authorization"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells a secret: %q", err)
		}
	}
}

// TestOutage takes the server away: the first operation says so, later ones are
// not even sent, another volume notices nothing, and the return is noticed.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		down func(*netproxy.Faults)
	}{
		{"refused", func(f *netproxy.Faults) { f.Refuse() }},
		{"dead", func(f *netproxy.Faults) { f.Die() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, func(c *Config) { hasty(c); c.ProbeEvery = time.Hour })
			other := open(t, l.server.URL, nil)
			l.server.MustPut(t, bucket, "file", "text")
			if _, _, err := read(t.Context(), l, "file", "", 0, -1); err != nil {
				t.Fatal(err)
			}
			tt.down(l.faults)
			if _, err := l.Stat(t.Context(), "file"); !errors.Is(err, backends.ErrOffline) {
				t.Fatalf("got %v, want %v", err, backends.ErrOffline)
			}
			await(t, l.Backend, false)
			if h := l.Health(); h.Err == "" || h.Since.IsZero() {
				t.Errorf("got %+v, want a reason and a time", h)
			}
			before := l.Stats()
			for range 100 {
				_, _, err := l.Get(t.Context(), "file", "", 0, -1)
				if !errors.Is(err, backends.ErrOffline) {
					t.Fatalf("got %v, want %v", err, backends.ErrOffline)
				}
				checkError(t, err)
			}
			if after := l.Stats(); after.Requests["GET"] != before.Requests["GET"] {
				t.Errorf("sent %d requests while offline", after.Requests["GET"]-before.Requests["GET"])
			}
			if _, err := other.Stat(t.Context(), "file"); err != nil {
				t.Errorf("the other volume: %v", err)
			}
		})
		t.Run(tt.name+" and back", func(t *testing.T) {
			t.Parallel()
			l := newLab(t, hasty)
			l.server.MustPut(t, bucket, "file", "text")
			tt.down(l.faults)
			if _, err := l.Stat(t.Context(), "file"); !errors.Is(err, backends.ErrOffline) {
				t.Fatalf("got %v, want %v", err, backends.ErrOffline)
			}
			await(t, l.Backend, false)
			if err := l.faults.Serve(); err != nil {
				t.Fatal(err)
			}
			await(t, l.Backend, true)
			if got, _, err := read(t.Context(), l, "file", "", 0, -1); err != nil || got != "text" {
				t.Errorf("got %q, %v", got, err)
			}
			if h := l.Health(); h.Err != "" {
				t.Errorf("got %+v, want no reason", h)
			}
		})
	}
}

// TestOfflineFromTheStart opens volumes whose servers never were there.
func TestOfflineFromTheStart(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"http://127.0.0.1:1", "http://does-not-exist.invalid"} {
		b := open(t, endpoint, hasty)
		_, err := b.Stat(t.Context(), "")
		if !errors.Is(err, backends.ErrOffline) {
			t.Errorf("%s: got %v, want %v", endpoint, err, backends.ErrOffline)
		}
		checkError(t, err)
	}
}

// TestDrip reads from a server that gives a few bytes and falls silent, each time.
func TestDrip(t *testing.T) {
	t.Parallel()
	l := newLab(t, hasty)
	l.server.MustPut(t, bucket, "file", content(100_000))
	l.faults.Script(netproxy.Rule{Op: "GET", Fault: netproxy.Fault{Kind: netproxy.StallBody, After: 100}})
	_, _, err := read(t.Context(), l, "file", "", 0, -1)
	if n := l.faults.Count("GET"); !errors.Is(err, backends.ErrOffline) || n > 10 { // of the thousand that it would take to the end
		t.Errorf("got %v after %d requests, want %v after a few", err, n, backends.ErrOffline)
	}
}

// TestCancel ends waiting when the caller's context ends, and blames nobody.
func TestCancel(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *Config) { c.Patience, c.Stall = time.Hour, time.Hour })
	l.server.MustPut(t, bucket, "file", content(100_000))
	for _, kind := range []netproxy.Kind{netproxy.StallHead, netproxy.StallBody} {
		l.faults.Script(netproxy.Rule{Fault: netproxy.Fault{Kind: kind}})
		l.faults.Forget()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, _, err := read(ctx, l, "file", "", 0, -1)
			done <- err
		}()
		until(t, "the request arrives", func() bool { return l.faults.Count("GET") > 0 })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if !l.Health().Online {
			t.Errorf("a cancelled request took the volume offline: %+v", l.Health())
		}
	}
}

// TestChangeInMidRead replaces an object while it is read.
func TestChangeInMidRead(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	old := content(200_000)
	l.server.MustPut(t, bucket, "file", old)
	l.faults.Script(netproxy.Rule{Op: "GET", Times: 1, Fault: netproxy.Fault{Kind: netproxy.CutBody, After: 50_000}})
	r, e, err := l.Get(t.Context(), "file", "", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l.server.MustPut(t, bucket, "file", strings.ToUpper(old))
	got, err := io.ReadAll(r)
	if !errors.Is(err, backends.ErrChanged) || !strings.HasPrefix(old, string(got)) {
		t.Errorf("got %d bytes, %v; want some of the old ones and %v", len(got), err, backends.ErrChanged)
	}
	checkError(t, err)
	for _, n := range []int64{0, 10, -1} {
		if _, _, err := l.Get(t.Context(), "file", e.Version, 0, n); !errors.Is(err, backends.ErrChanged) {
			t.Errorf("get %d of the old version: got %v, want %v", n, err, backends.ErrChanged)
		}
	}
}
