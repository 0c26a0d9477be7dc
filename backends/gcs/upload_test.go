package gcs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sd/backends"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// uploadFile makes a file of parts.
func uploadFile(t testing.TB, b *Backend, name string, c backends.Cond, texts ...string) backends.Entry {
	t.Helper()
	u, err := b.Upload(t.Context(), name, "", backends.Meta{Mode: 0o100640})
	if err != nil {
		t.Fatal(err)
	}
	e, err := u.Commit(t.Context(), send(t, u, texts...), c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func send(t testing.TB, u backends.Upload, texts ...string) []backends.Part {
	t.Helper()
	parts := make([]backends.Part, len(texts))
	for i, text := range texts {
		part, err := u.Part(t.Context(), i+1, strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = part
	}
	return parts
}

// left are the keys of unfinished uploads.
func left(t testing.TB, server *testserver.GCS) []string {
	t.Helper()
	keys, err := server.Keys(t.Context(), bucket, reserved)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestManyParts need more than one level of composing, and leave nothing behind.
func TestManyParts(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.sources = 3
	texts := make([]string, 3*3*3+2)
	for i := range texts {
		texts[i] = fmt.Sprintf("part %d;", i)
	}
	e := uploadFile(t, l.Backend, "dir/file", backends.Cond{Absent: true}, texts...)
	got, at, err := read(t.Context(), l, "dir/file", "", 0, -1)
	if err != nil || got != strings.Join(texts, "") || at.Version != e.Version {
		t.Errorf("got %d bytes of %+v, %v", len(got), at, err)
	}
	if n := l.faults.Count("COMPOSE"); n != 10+4+2+1 {
		t.Errorf("composed %d times, want 17", n)
	}
	if keys := left(t, l.server); len(keys) != 0 {
		t.Errorf("%d keys are left, such as %q", len(keys), keys[0])
	}
	if at, err := l.Stat(t.Context(), "dir/file"); err != nil || at.Meta.Mode != 0o100640 || len(at.Sums) == 0 {
		t.Errorf("got %+v, %v", at, err)
	}
}

// TestPartsAreHidden from all who look around, and out of everybody's reach.
func TestPartsAreHidden(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	put(t, l.Backend, "file", "x")
	u, err := l.Upload(t.Context(), "big", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	send(t, u, "one", "two")
	keys := left(t, l.server)
	if len(keys) != 3 {
		t.Fatalf("got keys %q, want 3", keys)
	}
	if got := names(t, l, ""); !slices.Equal(got, []string{"file"}) {
		t.Errorf("the root lists %q", got)
	}
	if err := l.Walk(t.Context(), "", "", func(page []backends.Entry) error {
		if len(page) != 1 || page[0].Name != "file" {
			t.Errorf("a walk yields %+v", page)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{".sd-uploads", keys[0]} {
		if _, err := l.Stat(t.Context(), name); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("stat %q: %v", name, err)
		}
		if _, _, err := l.Get(t.Context(), name, "", 0, -1); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("get %q: %v", name, err)
		}
		if err := l.Remove(t.Context(), name, backends.Cond{}); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("remove %q: %v", name, err)
		}
		if _, err := l.Copy(t.Context(), "copy", name, backends.CopyOptions{}); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("copy %q: %v", name, err)
		}
		if _, err := l.Put(t.Context(), name, strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{}); err == nil {
			t.Errorf("put %q succeeded", name)
		}
		if err := l.Mkdir(t.Context(), name); err == nil {
			t.Errorf("mkdir %q succeeded", name)
		}
	}
	if err := l.List(t.Context(), ".sd-uploads", func([]backends.Entry) error { return nil }); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("list: %v", err)
	}
	if err := u.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if keys := left(t, l.server); len(keys) != 0 {
		t.Errorf("%q is left", keys)
	}
}

// TestPartAfterTheEnd comes when another process has ended the upload, and does not stay.
func TestPartAfterTheEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	u, err := l.Upload(t.Context(), "big", "", backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := open(t, l.server.URL, nil).Upload(t.Context(), "big", u.ID(), backends.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Part(t.Context(), 1, strings.NewReader("x"), 1); !errors.Is(err, backends.ErrNoUpload) {
		t.Errorf("got %v, want %v", err, backends.ErrNoUpload)
	}
	if keys := left(t, l.server); len(keys) != 0 {
		t.Errorf("%q is left", keys)
	}
}

// TestCutShort ends the process of a commit at every place. Its repetition makes the file
// once, and leaves nothing.
func TestCutShort(t *testing.T) {
	t.Parallel()
	texts := make([]string, 6)
	for i := range texts {
		texts[i] = fmt.Sprintf("part %d;", i)
	}
	for _, at := range []struct {
		op  string
		nth int
	}{{"HEAD", 1}, {"COMPOSE", 1}, {"COMPOSE", 2}, {"COMPOSE", 3}, {"LIST", 1}, {"DELETE", 1}, {"DELETE", 4}, {"DELETE", 9}} {
		t.Run(fmt.Sprint(at.op, at.nth), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			l.sources = 4
			u, err := l.Upload(t.Context(), "big", "", backends.Meta{})
			if err != nil {
				t.Fatal(err)
			}
			parts := send(t, u, texts...)
			// From there on nothing gets through.
			seen, dead := 0, false
			l.faults.ScriptFunc(func(r netproxy.Request) netproxy.Fault {
				if r.Op == at.op {
					seen++
				}
				if dead = dead || seen >= at.nth; dead {
					return netproxy.Fault{Kind: netproxy.Status, Status: http.StatusBadRequest}
				}
				return netproxy.Fault{}
			})
			_, _ = u.Commit(t.Context(), parts, backends.Cond{Absent: true})
			next := open(t, l.server.URL, nil)
			next.sources = 4
			again, err := next.Upload(t.Context(), "big", u.ID(), backends.Meta{})
			if err != nil {
				t.Fatal(err)
			}
			e, err := again.Commit(t.Context(), parts, backends.Cond{Absent: true})
			if err != nil {
				t.Fatal(err)
			}
			got, is, err := read(t.Context(), next, "big", "", 0, -1)
			if err != nil || got != strings.Join(texts, "") || is.Version != e.Version {
				t.Errorf("got %d bytes of %+v, %v; want %+v", len(got), is, err, e)
			}
			if keys := left(t, l.server); len(keys) != 0 {
				t.Errorf("%d keys are left, such as %q", len(keys), keys[0])
			}
		})
	}
}

// TestLargePut goes in pieces of one resumable upload, also where some get lost.
func TestLargePut(t *testing.T) {
	t.Parallel()
	text := content(1<<20 + 1000)
	for name, rules := range map[string][]netproxy.Rule{
		"well":          nil,
		"refused piece": {{Op: "PART", Nth: 2, Fault: netproxy.Fault{Kind: netproxy.Status, Status: 503}}},
		"refused start": {{Op: "INITIATE", Nth: 1, Fault: netproxy.Fault{Kind: netproxy.Status, Status: 503}}},
		"cut":           {{Op: "PART", Nth: 3, Fault: netproxy.Fault{Kind: netproxy.Reset}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, func(c *Config) { c.PartSize = 1 })
			l.faults.Script(rules...)
			c := backends.Cond{Absent: true}
			e, err := l.Put(t.Context(), "file", strings.NewReader(text), int64(len(text)), backends.Meta{Mode: 0o100600}, c)
			if err != nil {
				t.Fatal(err)
			}
			if n := l.faults.Count("PART"); n < 5 {
				t.Errorf("sent %d pieces, want 5", n)
			}
			got, at, err := read(t.Context(), l, "file", e.Version, 0, -1)
			if err != nil || got != text || at.Meta.Mode != 0o100600 {
				t.Errorf("got %d bytes of %+v, %v", len(got), at, err)
			}
			_, err = l.Put(t.Context(), "file", strings.NewReader(text), int64(len(text)), backends.Meta{}, c)
			if !errors.Is(err, iofs.ErrExist) {
				t.Errorf("got %v, want %v", err, iofs.ErrExist)
			}
		})
	}
}

// TestBrokenLargePut tells the reader's own failure, and writes nothing.
func TestBrokenLargePut(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *Config) { c.PartSize = 1 })
	r := strings.NewReader(content(300 << 10))
	_, err := l.Put(t.Context(), "file", r, 600<<10, backends.Meta{}, backends.Cond{})
	if err == nil || !strings.Contains(err.Error(), "the source ended") {
		t.Errorf("got %v", err)
	}
	if n := l.faults.Count(""); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = l.Put(ctx, "file", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestMostParts of one level are as many as the service takes.
func TestMostParts(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	texts := slices.Repeat([]string{"x"}, maxSources+1)
	for n, want := range map[int]int{maxSources: 1, maxSources + 1: 3} {
		l.faults.Forget()
		if e := uploadFile(t, l.Backend, "file", backends.Cond{}, texts[:n]...); e.Size != int64(n) || l.faults.Count("COMPOSE") != want {
			t.Errorf("%d parts made %+v by %d requests, want %d", n, e, l.faults.Count("COMPOSE"), want)
		}
	}
}
