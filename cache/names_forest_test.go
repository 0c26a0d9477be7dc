package cache

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sd/backends"
	"sd/backends/mem"
)

// free marks the context of a request that does not count.
type free struct{}

// forest is a volume of many folders behind a link, whose requests are counted.
type forest struct {
	t     testing.TB
	store *mem.Store
	names *Names
	rtt   time.Duration
	show  func(dir string, page []backends.Entry) []backends.Entry

	mu      sync.Mutex
	lists   map[string]int // by directory
	walks   int            // calls of Walk
	pages   int            // LIST requests of both
	flying  int
	most    int // requests in flight at a time
	failing error
}

func newForest(t testing.TB, cfg NamesConfig, rtt time.Duration, keys ...string) *forest {
	f := &forest{t: t, rtt: rtt, lists: map[string]int{}, names: NewNames(cfg)}
	f.store = mem.New(mem.Config{Before: f.request})
	for _, key := range keys {
		if _, err := f.store.Put(t.Context(), key, strings.NewReader(""), 0, backends.Meta{}, backends.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *forest) request(ctx context.Context, op, _ string) error {
	if op != "LIST" || ctx.Value(free{}) != nil {
		return nil
	}
	f.mu.Lock()
	f.pages++
	f.flying++
	f.most = max(f.most, f.flying)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.flying--
		f.mu.Unlock()
	}()
	select {
	case <-time.After(f.rtt):
	case <-ctx.Done():
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing
}

func (f *forest) open(dir string) *DirReader {
	return f.names.OpenFrom(DirKey{"fp", dir}, Source{
		List: func(ctx context.Context, yield func([]backends.Entry) error) error {
			f.mu.Lock()
			f.lists[dir]++
			f.mu.Unlock()
			return f.store.List(ctx, dir, yield)
		},
		Walk: func(ctx context.Context, prefix, after string, yield func([]backends.Entry) error) error {
			f.mu.Lock()
			f.walks++
			f.mu.Unlock()
			return f.store.Walk(ctx, prefix, after, yield)
		},
		Show: f.show,
	})
}

// readTree reads a folder and all below it, as find does.
func (f *forest) readTree(dir string) (folders int) {
	f.t.Helper()
	for _, name := range f.read(dir) {
		folders += f.readTree(prefixOf(dir) + name)
	}
	return folders + 1
}

// read reads a folder to its end, and checks that it is what the store says.
func (f *forest) read(dir string) (folders []string) {
	f.t.Helper()
	r := f.open(dir)
	defer r.Close()
	var got []string
	for i := 0; ; i++ {
		e, at, err := r.At(f.t.Context(), i)
		if err == io.EOF {
			break
		}
		if err != nil {
			f.t.Errorf("%q: %v", dir, err)
			return nil
		}
		i = at
		got = append(got, fmt.Sprint(e.Name, e.Kind, e.Version))
		if e.Kind == backends.Dir {
			folders = append(folders, e.Name)
		}
	}
	if want := f.children(dir); !slices.Equal(got, want) {
		f.t.Errorf("%q shows %d entries, want %d: %.200q, want %.200q", dir, len(got), len(want), got, want)
	}
	return folders
}

// children asks the store itself, at no cost.
func (f *forest) children(dir string) (names []string) {
	err := f.store.List(context.WithValue(f.t.Context(), free{}, true), dir, func(page []backends.Entry) error {
		for _, e := range page {
			names = append(names, fmt.Sprint(e.Name, e.Kind, e.Version))
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return names
}

func (f *forest) requests() (pages, lists int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.lists {
		lists += n
	}
	return f.pages, lists
}

func (f *forest) flatLists() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.walks
}

// quiet waits until no flat list runs any more.
func (f *forest) quiet() {
	time.Sleep(2 * idleFlat)
	synctest.Wait()
	f.names.mu.Lock()
	defer f.names.mu.Unlock()
	for key, w := range f.names.walks {
		if len(w.flats) > 0 {
			f.t.Errorf("%d flat lists of %q still run", len(w.flats), key.Dir)
		}
	}
}

func (f *forest) state(dir, name string) State {
	_, s := f.names.Lookup(DirKey{"fp", dir}, name)
	return s
}

func manyKeys(folders, files int) (keys []string) {
	for i := range folders {
		for j := range files {
			keys = append(keys, fmt.Sprintf("p/d%04d/f%03d", i, j))
		}
	}
	return keys
}
