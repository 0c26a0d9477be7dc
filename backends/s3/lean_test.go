package s3

import (
	"errors"
	iofs "io/fs"
	"strings"
	"testing"

	"sd/backends"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// TestFirstAttempts are made once, whatever the answer is, and further ones when they may help.
func TestFirstAttempts(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, func(c *Config) { c.Capabilities = &heedful })
	put := func(c backends.Cond) error {
		_, err := l.Put(t.Context(), "d/a b+ö", strings.NewReader("content"), 7, backends.Meta{Mode: 0o100600, ContentType: "text/odd"}, c)
		return err
	}
	get := func(version string) error {
		text, e, err := read(t.Context(), l, "d/a b+ö", version, 0, -1)
		if err == nil && (text != "content" || e.Meta.Mode != 0o100600 || e.Meta.ContentType != "text/odd" || e.ModTime.IsZero()) {
			t.Errorf("got %q and %+v carrying %+v", text, e, e.Meta)
		}
		return err
	}
	busy := func(op string) netproxy.Rule {
		return netproxy.Rule{Op: op, Nth: 1, Fault: netproxy.Fault{Kind: netproxy.Status, Status: 503}}
	}
	for _, tt := range []struct {
		name string
		do   func() error
		rule netproxy.Rule
		want error
		op   string
		n    int
	}{
		{"put", func() error { return put(backends.Cond{Absent: true}) }, netproxy.Rule{}, nil, "PUT", 1},
		{"put over something", func() error { return put(backends.Cond{Absent: true}) }, netproxy.Rule{}, iofs.ErrExist, "PUT", 1},
		{"put when busy", func() error { return put(backends.Cond{}) }, busy("PUT"), nil, "PUT", 2},
		{"put without an answer", func() error { return put(backends.Cond{}) }, netproxy.Rule{Op: "PUT", Nth: 1, Fault: netproxy.Fault{Kind: netproxy.Reset}}, nil, "PUT", 2},
		{"get", func() error { return get("") }, netproxy.Rule{}, nil, "GET", 1},
		{"get another version", func() error { return get("stale") }, netproxy.Rule{}, backends.ErrChanged, "GET", 1},
		{"get when busy", func() error { return get("") }, busy("GET"), nil, "GET", 2},
		{"get without the right", func() error { return get("") }, netproxy.Rule{Op: "GET", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403}}, iofs.ErrPermission, "GET", 1},
	} {
		l.faults.Forget()
		l.faults.Script(tt.rule)
		if tt.rule == (netproxy.Rule{}) {
			l.faults.Script()
		}
		if err := tt.do(); !errors.Is(err, tt.want) {
			t.Errorf("%s: got error %v, want %v", tt.name, err, tt.want)
		}
		if n := l.faults.Counts()[tt.op]; n != tt.n {
			t.Errorf("%s: %d requests, want %d", tt.name, n, tt.n)
		}
	}
}
