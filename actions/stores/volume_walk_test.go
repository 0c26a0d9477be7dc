//go:build unix

package stores_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"sd/actions/stores"
	"sd/backends"
	"sd/backends/mem"
	"sd/backends/s3"
	"sd/internal/netproxy"
	"sd/internal/testserver"
	"sd/sdpath"
)

// keyList is a store of keys, as odd as they may be; those that end in "/" are markers.
type keyList struct {
	backends.Backend
	keys     []string
	requests atomic.Int64
}

func (k *keyList) Walk(_ context.Context, dir, after string, yield func([]backends.Entry) error) error {
	base := dir + "/"
	if dir == "" {
		base = ""
	}
	var all []backends.Entry
	for _, key := range k.keys {
		if strings.HasPrefix(key, base) && key > after && key != base {
			e := backends.Entry{Name: key, Size: int64(len(key)), Version: "v"}
			if strings.HasSuffix(key, "/") {
				e = backends.Entry{Name: key[:len(key)-1], Kind: backends.Dir}
			}
			all = append(all, e)
		}
	}
	k.requests.Add(1)
	for page := range slices.Chunk(all, max(7, min(1000, len(all)/20))) {
		if err := yield(page); err != nil {
			return err
		}
		k.requests.Add(1)
	}
	return nil
}

// oddKeys are sorted keys such as no file system has.
func oddKeys(rng *rand.Rand) []string {
	segments := []string{"a", "b", "a-", "a0", "", "", ".", "..", "é", "%%"}
	set := map[string]bool{}
	for range rng.IntN(120) {
		var key []string
		for range 1 + rng.IntN(4) {
			key = append(key, segments[rng.IntN(len(segments))])
		}
		if k := strings.Join(key, "/"); k != "" && k != "/" {
			set[k] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// shownKeys are what a Walk below dir should yield: the files and all folders that they are in.
func shownKeys(keys []string, dir string) []string {
	set := map[string]bool{}
	for _, key := range keys {
		marker := strings.HasSuffix(key, "/")
		segments := sdpath.SplitKey(strings.TrimSuffix(key, "/"))
		at := ""
		for i, seg := range segments {
			if at = sdpath.JoinKey(at, seg); i == 0 {
				at = seg
			}
			if i < len(segments)-1 || marker {
				set[at+"/"] = true
			}
		}
		if !marker {
			set[key] = true
		}
	}
	base := dir + "/"
	if dir == "" {
		base = ""
	}
	maps.DeleteFunc(set, func(key string, _ bool) bool { return !strings.HasPrefix(key, base) || key == base })
	return slices.Sorted(maps.Keys(set))
}

func TestVolumeWalkModel(t *testing.T) {
	store := &keyList{}
	w := newWorld(t, store, stores.Hooks{})
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		store.keys = oddKeys(rng)
		all := shownKeys(store.keys, "")
		dir := ""
		if len(all) > 0 && rng.IntN(3) == 0 {
			dir = strings.TrimSuffix(all[rng.IntN(len(all))], "/")
		}
		want := shownKeys(store.keys, dir)
		var hints []string
		for _, key := range want {
			if rng.IntN(4) == 0 {
				hints = append(hints, strings.TrimSuffix(key, "/"))
			}
		}
		for _, hints := range [][]string{nil, hints, {"0", "gone", "a"}} {
			var got []string
			w.must(w.cloud().Walk(t.Context(), dir, stores.WalkOptions{Hints: hints}, func(e *stores.Entry) error {
				got = append(got, e.Key())
				if rel := w.cloud().Rel(dir, e.Name); rel != "" && w.cloud().Join(dir, rel) != e.Name {
					t.Errorf("%q below %q is %q, and that joined %q", e.Name, dir, rel, w.cloud().Join(dir, rel))
				}
				if e.Kind == stores.Dir && e.Bare == slices.Contains(store.keys, e.Key()) {
					t.Errorf("folder %q: bare %v", e.Name, e.Bare)
				}
				return nil
			}))
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: below %q with hints %q a walk gives\n%q, want\n%q", seed, dir, hints, got, want)
			}
			// Without some folders.
			skip := func(key string) bool { return strings.HasSuffix(key, "/") && len(key)%2 == 0 }
			got = nil
			w.must(w.cloud().Walk(t.Context(), dir, stores.WalkOptions{Hints: hints}, func(e *stores.Entry) error {
				got = append(got, e.Key())
				if skip(e.Key()) {
					return fs.SkipDir
				}
				return nil
			}))
			var out string
			less := slices.DeleteFunc(slices.Clone(want), func(key string) bool {
				if out != "" && strings.HasPrefix(key, out) {
					return true
				}
				if out = ""; skip(key) {
					out = key
				}
				return false
			})
			if !slices.Equal(got, less) {
				t.Fatalf("seed %d: without some folders a walk gives\n%q, want\n%q", seed, got, less)
			}
		}
	}
}

// 10,000 objects are ten requests, with ranges side by side not many more, and nothing else
// is asked. A large folder that is left out is not listed.
func TestVolumeWalkRequests(t *testing.T) {
	server := testserver.Gofakes3(t, "bucket")
	w := newWorld(t, nil, stores.Hooks{})
	w.must(server.Fill(t.Context(), "bucket", 10_000, func(i int) (string, []byte) {
		return fmt.Sprintf("dir/album %d/photo %05d.jpg", i/2500, i), []byte("photo")
	}))
	proxy, err := netproxy.NewFaults(server.URL)
	w.must(err)
	defer proxy.Close()
	b, err := s3.New(s3.Config{
		Bucket: "bucket", Endpoint: proxy.URL(), Region: testserver.Region, AccessKeyID: testserver.AccessKey,
		Secret: func() (string, string, error) { return testserver.SecretKey, "", nil },
	})
	w.must(err)
	w = newWorld(t, b, stores.Hooks{})
	v := w.cloud()
	proxy.Forget()
	all := w.keys(v, "dir", stores.WalkOptions{})
	if got := proxy.Counts(); got["LIST"] != 10 || len(got) != 1 || len(all) != 10_004 {
		t.Errorf("a walk gives %d keys for %v, want 10,004 for 10 LIST", len(all), got)
	}
	var hints []string
	for i := 1250; i < 10_000; i += 1250 {
		hints = append(hints, fmt.Sprintf("dir/album %d/photo %05d.jpg", i/2500, i))
	}
	proxy.Forget()
	parts := w.keys(v, "dir", stores.WalkOptions{Hints: hints})
	if got := proxy.Counts(); got["LIST"] > 18 || len(got) != 1 || !slices.Equal(parts, all) {
		t.Errorf("a walk of 8 ranges gives %d keys for %v, want %d for at most 18 LIST", len(parts), got, len(all))
	}
	proxy.Forget()
	w.must(v.Walk(t.Context(), "", stores.WalkOptions{}, func(e *stores.Entry) error { return fs.SkipDir }))
	if got := proxy.Counts(); got["LIST"] > 4 {
		t.Errorf("a folder that is left out costs %v", got)
	}
}

// Stores that cannot list flat are listed folder by folder, in the same order.
func TestVolumeWalkFolders(t *testing.T) {
	store := mem.New(mem.Config{PageSize: 2})
	w := newWorld(t, store, stores.Hooks{})
	for _, name := range []string{"a/x", "a-b", "a/b/c", "b", "a0/1"} {
		_, err := store.Put(t.Context(), name, bytes.NewReader(nil), 0, backends.Meta{}, backends.Cond{})
		w.must(err)
	}
	want := w.keys(w.cloud(), "", stores.WalkOptions{})
	plain := newWorld(t, struct{ backends.Backend }{store}, stores.Hooks{})
	if got := plain.keys(plain.cloud(), "", stores.WalkOptions{}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := []string{"a-b", "a/", "a/b/", "a/b/c", "a/x", "a0/", "a0/1", "b"}; !slices.Equal(plain.keys(plain.cloud(), "", stores.WalkOptions{}), want) {
		t.Errorf("got %q, want %q", plain.keys(plain.cloud(), "", stores.WalkOptions{}), want)
	}
	var got []string
	w.must(plain.cloud().Children(t.Context(), "a", func(e *stores.Entry) error {
		got = append(got, e.Key())
		return nil
	}))
	if want := []string{"a/b/", "a/x"}; !slices.Equal(got, want) {
		t.Errorf("the children are %q, want %q", got, want)
	}
}

// A list that breaks off is a problem of the whole folder, and never looks like its end.
func TestVolumeWalkBreaksOff(t *testing.T) {
	var n atomic.Int64
	store := mem.New(mem.Config{PageSize: 10, Before: func(_ context.Context, op, _ string) error {
		if op == "LIST" && n.Add(1) > 3 {
			return backends.ErrOffline
		}
		return nil
	}})
	w := newWorld(t, store, stores.Hooks{})
	for i := range 100 {
		_, err := store.Put(t.Context(), fmt.Sprintf("dir/%03d", i), bytes.NewReader(nil), 0, backends.Meta{}, backends.Cond{})
		w.must(err)
	}
	w.is(w.cloud().Walk(t.Context(), "dir", stores.WalkOptions{}, func(*stores.Entry) error { return nil }), backends.ErrOffline)
	n.Store(0)
	var problems []string
	errFound := errors.New("found")
	err := w.cloud().Walk(t.Context(), "dir", stores.WalkOptions{Problem: func(name string, err error) error {
		w.is(err, backends.ErrOffline)
		problems = append(problems, name)
		return errFound
	}}, func(*stores.Entry) error { return nil })
	if err != errFound || !slices.Equal(problems, []string{"dir"}) {
		t.Errorf("got %v and problems with %q", err, problems)
	}
}
