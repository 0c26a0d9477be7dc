package rename

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/mem"
)

const volume = "a-fingerprint"

// objects is a store in memory that cannot rename.
type objects struct {
	*mem.Store
	Rename struct{} // in place of the method
}

var _ tree = tree{verbs{objects{}, objects{}, objects{}}, objects{}, objects{}}

// rig is a Journal over a store in memory, whose hooks a test may set before it starts.
type rig struct {
	*testing.T
	dir           string
	before, after func(ctx context.Context, op, name string) error
	store         objects
	*Journal
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t, dir: t.TempDir()}
	hook := func(which *func(context.Context, string, string) error) func(context.Context, string, string) error {
		return func(ctx context.Context, op, name string) error {
			if *which == nil {
				return nil
			}
			return (*which)(ctx, op, name)
		}
	}
	r.store.Store = mem.New(mem.Config{Before: hook(&r.before), After: hook(&r.after)})
	r.Journal = r.open()
	return r
}

// open opens a Journal as another process would.
func (r *rig) open() *Journal {
	r.Helper()
	j, err := Open(r.config())
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { j.Close() })
	return j
}

func (r *rig) config() Config {
	return Config{
		Dir: r.dir, Settle: time.Millisecond, Linger: time.Second, RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
		Log: slog.New(slog.DiscardHandler),
		Backend: func(_ context.Context, v string) (backends.Backend, error) {
			if v != volume {
				return nil, fmt.Errorf("no volume %q", v)
			}
			return r.store, nil
		},
	}
}

// fill puts files by name and content, and makes the folders whose name ends in a slash.
func (r *rig) fill(files map[string]string) {
	r.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			if err := r.store.Mkdir(r.Context(), dir); err != nil {
				r.Fatal(err)
			}
			continue
		}
		r.put(name, files[name])
	}
}

func (r *rig) put(name, content string) backends.Entry {
	r.Helper()
	e, err := r.store.Put(r.Context(), name, strings.NewReader(content), int64(len(content)), backends.Meta{}, backends.Cond{})
	if err != nil {
		r.Fatal(err)
	}
	return e
}

// all is everything in the store, in the form of fill.
func (r *rig) all() map[string]string {
	r.Helper()
	return everything(r.T, r.store)
}

func everything(t *testing.T, b interface {
	backends.Backend
	backends.Walker
}) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := b.Walk(t.Context(), "", "", func(page []backends.Entry) error {
		for _, e := range page {
			if e.Kind == backends.Dir {
				found[e.Name+"/"] = ""
				continue
			}
			r, _, err := b.Get(t.Context(), e.Name, e.Version, 0, -1)
			if err != nil {
				return err
			}
			content, err := io.ReadAll(r)
			r.Close()
			if err != nil {
				return err
			}
			found[e.Name] = string(content)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// moved is files with one folder renamed.
func moved(files map[string]string, from, to string) map[string]string {
	out := map[string]string{}
	for name, content := range files {
		if rel, ok := strings.CutPrefix(name, from+"/"); ok {
			name = to + "/" + rel
		}
		out[name] = content
	}
	return out
}

func (r *rig) want(files map[string]string) {
	r.Helper()
	compare(r.T, r.all(), files)
}

// compare tells where two trees differ.
func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, content := range want {
		if is, ok := got[name]; !ok || is != content {
			t.Errorf("%q is %q (there: %v), want %q", name, is, ok, content)
		}
	}
	for name, content := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%q is %q, want nothing there", name, content)
		}
	}
}

// wantNothingPending holds at the end of every rename: no task, and no journal on disk.
func (r *rig) wantNothingPending() {
	r.Helper()
	if p := r.Pending(); len(p) > 0 {
		r.Errorf("still pending: %+v", p)
	}
	left, _ := filepath.Glob(filepath.Join(r.dir, "*", "*"+journalExt))
	if len(left) > 0 {
		r.Errorf("journals are left: %v", left)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// small is a tree with what is odd in it.
func small() map[string]string {
	files := map[string]string{
		"d/": "", "d/made/": "", "d/made/deep/": "", "d/made/deep/empty/": "", "d/z/": "",
		"d/a": "1", "d/b.txt": strings.Repeat("x", 1000), "d/made/in": "2", "d/made/deep/in": "3", "d/new\nline": "4", "d/nul\x00": "5",
		"d/bad\xffutf8": "6", "d/\xf4\x8f\xbf\xbf": "7", "d/.": "8", "d/é": "9", "d/e\u0301": "10", "d/empty": "", "d/%%": "11",
		"d.": "beside", "d.x": "beside", "d0": "beside", "dd/x": "beside", "d-/": "", "d!/x": "beside", "other/x": "beside",
	}
	for i := range 60 {
		files[fmt.Sprintf("d/many/%03d", i)] = fmt.Sprint("content ", i)
	}
	return files
}

func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) != "" {
		victim()
		return
	}
	os.Exit(m.Run())
}
