package rename

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sd/backends"
	"sd/backends/mem"
)

func TestDir(t *testing.T) {
	for _, to := range []string{"e", "d2", "other/er", "d.", "new\n\x00\xff"} {
		t.Run(fmt.Sprintf("%q", to), func(t *testing.T) {
			r := newRig(t)
			files := small()
			if to == "d." {
				delete(files, "d.")
			}
			r.fill(files)
			var steps []int
			total := 0
			if err := r.Dir(t.Context(), volume, r.store, "d", to, func(done, all int) {
				steps, total = append(steps, done), all
			}); err != nil {
				t.Fatal(err)
			}
			r.want(moved(files, "d", to))
			r.wantNothingPending()
			if !slices.IsSorted(steps) || len(steps) != total || total != 2*(len(moved(files, "d", to))-len(beside(files))) {
				t.Errorf("progress told %d steps of %d", len(steps), total)
			}
		})
	}
}

// beside are the files that are not below d.
func beside(files map[string]string) map[string]string {
	files = maps.Clone(files)
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasPrefix(name, "d/") })
	return files
}

func TestDirOverEmpty(t *testing.T) {
	r := newRig(t)
	files := map[string]string{"d/x": "1", "d/y/z": "2"}
	r.fill(files)
	r.fill(map[string]string{"e/": ""})
	if err := r.Dir(t.Context(), volume, r.store, "d", "e", nil); err != nil {
		t.Fatal(err)
	}
	r.want(map[string]string{"e/": "", "e/x": "1", "e/y/z": "2"})
}

func TestEmptyDir(t *testing.T) {
	r := newRig(t)
	r.fill(map[string]string{"d/": ""})
	if err := r.Dir(t.Context(), volume, r.store, "d", "e", nil); err != nil {
		t.Fatal(err)
	}
	r.want(map[string]string{"e/": ""})
	r.wantNothingPending()
}

func TestDirRefusals(t *testing.T) {
	r := newRig(t)
	r.fill(map[string]string{"d/x": "1"})
	for _, tt := range []struct {
		from, to string
		want     error
	}{
		{"", "e", iofs.ErrInvalid}, {"d", "", iofs.ErrInvalid}, {"d", "d/sub", iofs.ErrInvalid}, {"none", "e", iofs.ErrNotExist}, {"d", "d", nil},
	} {
		if err := r.Dir(t.Context(), volume, r.store, tt.from, tt.to, nil); !errors.Is(err, tt.want) {
			t.Errorf("Dir(%q, %q): got %v, want %v", tt.from, tt.to, err, tt.want)
		}
	}
	var bare struct{ backends.Backend }
	bare.Backend = r.store
	if err := r.Dir(t.Context(), volume, bare, "d", "e", nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v, want %v", err, errors.ErrUnsupported)
	}
	r.want(map[string]string{"d/x": "1"})
	r.wantNothingPending()
}

// A store that can rename is asked to.
func TestRenamer(t *testing.T) {
	r := newRig(t)
	files := map[string]string{"d/": "", "d/x": "1", "file": "2"}
	r.fill(files)
	if err := r.Dir(t.Context(), volume, r.store.Store, "d", "e", nil); err != nil {
		t.Fatal(err)
	}
	e, err := r.File(t.Context(), volume, r.store.Store, backends.Entry{Name: "file"}, "e/file", Options{Meta: &backends.Meta{Mode: 0o600}})
	if err != nil || e.Name != "e/file" {
		t.Fatalf("got %+v, %v", e, err)
	}
	if m, _ := r.store.Meta("e/file"); m.Mode != 0o600 {
		t.Errorf("got mode %o, want 600", m.Mode)
	}
	r.want(map[string]string{"e/": "", "e/x": "1", "e/file": "2"})
	if got := r.store.Stats().Requests["RENAME"]; got != 2 {
		t.Errorf("got %d RENAME, want 2", got)
	}
}

// TestRequests renames 10,000 objects: one copy and one removal each, at least 32 at a
// time, and ten pages of one listing.
func TestRequests(t *testing.T) {
	const n = 10_000
	r := newRig(t)
	for i := range n {
		r.put(fmt.Sprintf("d/%d/%04d", i%7, i), "x")
	}
	before := r.store.Stats().Requests
	var meet sync.Mutex
	waiting := map[string]int{}
	met := map[string]chan struct{}{"COPY": make(chan struct{}), "DELETE": make(chan struct{})}
	r.before = func(ctx context.Context, op, name string) error {
		all, ok := met[op]
		if !ok {
			return nil
		}
		meet.Lock()
		if waiting[op]++; waiting[op] == 32 {
			close(all)
		}
		meet.Unlock()
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := r.Dir(t.Context(), volume, r.store, "d", "e", nil); err != nil {
		t.Fatal(err)
	}
	got := r.store.Stats().Requests
	for op := range before {
		got[op] -= before[op]
	}
	maps.DeleteFunc(got, func(_ string, n int64) bool { return n == 0 })
	if want := map[string]int64{"LIST": 10, "COPY": n, "DELETE": n}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.wantNothingPending()
}

// endless is a store that makes its entries up, so that only ours take memory.
type endless struct {
	objects
	n     int
	copy  func()
	count atomic.Int64
}

func (s *endless) Walk(ctx context.Context, prefix, after string, yield func([]backends.Entry) error) error {
	page := make([]backends.Entry, 0, 1000)
	for i := range s.n {
		name := fmt.Sprintf("d/some folder of a usual name/and another one/file %08d.jpeg", i)
		page = append(page, backends.Entry{Name: name, Size: 1, Version: "9e107d9d372bb6826bd81d3542a419d6"})
		if len(page) == cap(page) || i == s.n-1 {
			if err := yield(page); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	return nil
}

func (s *endless) Copy(_ context.Context, dst, _ string, o backends.CopyOptions) (backends.Entry, error) {
	if s.count.Add(1) == int64(s.n) {
		s.copy()
	}
	return backends.Entry{Name: dst, Size: o.Size, Version: o.Source}, nil
}

func (s *endless) Remove(context.Context, string, backends.Cond) error { return nil }

func TestMemory(t *testing.T) {
	const n = 50_000
	r := newRig(t)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, during := heap(), int64(0)
	s := &endless{objects: objects{Store: mem.New(mem.Config{})}, n: n, copy: func() { during = heap() }}
	if err := r.Dir(t.Context(), volume, s, "d", "e", nil); err != nil {
		t.Fatal(err)
	}
	if grown := during - before; grown > 60*n {
		t.Errorf("%d bytes of memory for %d objects, want at most 60 each", grown, n)
	}
}
