package compare_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sd/actions/compare"
	"sd/actions/stores"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// bucket is a store of keys, in which a file may lie beside a folder of its name.
type bucket struct {
	stores.Store
	keys   map[string]bool // a folder's with a slash behind
	probes int
}

func (b *bucket) add(key string) {
	b.keys[key] = true
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '/' {
			b.keys[key[:i+1]] = true
		}
	}
}

func (b *bucket) Join(dir, rel string) string { return (*stores.Volume)(nil).Join(dir, rel) }
func (b *bucket) Rel(dir, name string) string { return (*stores.Volume)(nil).Rel(dir, name) }

func (b *bucket) Walk(_ context.Context, dir string, _ stores.WalkOptions, fn func(*stores.Entry) error) error {
	prefix, skip := "", ""
	if dir != "" {
		prefix = dir + "/"
	}
	var list []string
	for key := range b.keys {
		if strings.HasPrefix(key, prefix) && key != prefix {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	for _, key := range list {
		if skip != "" && strings.HasPrefix(key, skip) {
			continue
		}
		e := stores.Entry{Name: strings.TrimSuffix(key, "/")}
		if e.Name != key {
			e.Kind = stores.Dir
		}
		err := fn(&e)
		if err == fs.SkipDir {
			skip = key
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (b *bucket) Children(_ context.Context, dir string, fn func(*stores.Entry) error) error {
	b.probes++
	for key := range b.keys {
		if strings.HasPrefix(key, dir+"/") && key != dir+"/" {
			err := fn(&stores.Entry{Name: key})
			if errors.Is(err, fs.SkipAll) {
				return nil
			}
			return err
		}
	}
	return nil
}

// localStore returns the store of this device.
func localStore(t testing.TB) stores.Store {
	t.Helper()
	lib, err := library.Open(context.Background(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	r, err := resolver.New(lib, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	set := stores.New(lib, r, stores.Hooks{})
	t.Cleanup(func() { set.Close() })
	st, _, err := set.Of(context.Background(), sdpath.NewPhysical("local", "/"))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// seen is one call of Merge, as text: the name with a slash behind a folder, and who has it.
func seen(rel string, x, y *stores.Entry) string {
	e, who := x, "a"
	switch {
	case x == nil:
		e, who = y, "b"
	case y != nil:
		who = "ab"
	}
	if e.Kind == stores.Dir {
		rel += "/"
	}
	return rel + " " + who
}

// shownAs is what Merge should call a key of a volume beside a local folder.
func shownAs(b *bucket, prefix, key string) string {
	rel := strings.TrimPrefix(key, prefix)
	name := strings.TrimSuffix(rel, "/")
	segments := sdpath.SplitKey(name)
	for i, seg := range segments {
		if shown := sdpath.Escape(seg); seg == "" || seg == "." || seg == ".." || len(seg) > 255 || strings.ContainsAny(seg, "/\x00") {
			segments[i] = shown
		}
	}
	if last := len(segments) - 1; name == rel && b.keys[key+"/"] {
		segments[last] = sdpath.EscapeTwin(sdpath.SplitKey(name)[last])
	}
	return strings.Join(segments, "/") + rel[len(name):]
}

func randomKey(r *rand.Rand) string {
	words := []string{"a", "a", "b", "a-b", "a!", "ab", "c", "%%x", ".", "..", "", "é", "a.b", strings.Repeat("l", 300)}
	n := 1 + r.IntN(4)
	segments := make([]string, n)
	for i := range segments {
		segments[i] = words[r.IntN(len(words))]
	}
	if segments[0] == "" {
		segments[0] = "z"
	}
	if segments[n-1] == "" {
		segments[n-1] = "y"
	}
	return strings.Join(segments, "/")
}

// TestMergeFindsWhatBothHave compares with sets, for volumes and local folders.
func TestMergeFindsWhatBothHave(t *testing.T) {
	st := localStore(t)
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, b := &bucket{keys: map[string]bool{}}, &bucket{keys: map[string]bool{}}
		prefix := []string{"", "top/"}[r.IntN(2)]
		for range r.IntN(30) {
			key := prefix + randomKey(r)
			if r.IntN(3) > 0 {
				a.add(key)
			}
			if r.IntN(3) > 0 {
				b.add(key)
			}
		}
		dir := strings.TrimSuffix(prefix, "/")
		want := map[string]string{}
		note := func(name, who string) { want[name] += who }

		left, right := compare.Side{Store: a, Dir: dir}, compare.Side{Store: b, Dir: dir}
		local := r.IntN(2) == 0
		if local {
			right = compare.Side{Store: st, Dir: t.TempDir()}
			for key := range b.keys {
				if !strings.HasPrefix(key, prefix) || key == prefix {
					continue
				}
				shown := shownAs(b, prefix, key)
				path := filepath.Join(right.Dir, shown)
				if strings.HasSuffix(shown, "/") {
					path += "/x"
				}
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, nil, 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
					if info, is := os.Stat(path); is != nil || !info.IsDir() {
						t.Fatal(err)
					}
				}
			}
			err := filepath.WalkDir(right.Dir, func(path string, d fs.DirEntry, err error) error {
				if rel, _ := filepath.Rel(right.Dir, path); rel != "." {
					if d.IsDir() {
						rel += "/"
					}
					note(rel, "b")
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for key := range a.keys {
			if !strings.HasPrefix(key, prefix) || key == prefix {
				continue
			}
			name := strings.TrimPrefix(key, prefix)
			if local {
				name = shownAs(a, prefix, key)
			}
			want[name] = "a" + want[name]
		}
		if !local {
			for key := range b.keys {
				if strings.HasPrefix(key, prefix) && key != prefix {
					note(strings.TrimPrefix(key, prefix), "b")
				}
			}
		}

		got := map[string]string{}
		last, lastDir, first := "", false, true
		err := compare.Merge(context.Background(), left, right, func(rel string, x, y *stores.Entry) error {
			name, who, _ := strings.Cut(seen(rel, x, y), " ")
			if _, twice := got[name]; twice {
				t.Errorf("seed %d: %q came twice", seed, name)
			}
			got[name] = who
			e := x
			if e == nil {
				e = y
			}
			folder := e.Kind == stores.Dir
			if !first && !compare.Before(last, lastDir, rel, folder) {
				t.Errorf("seed %d: %q came after %q", seed, rel, last)
			}
			last, lastDir, first = rel, folder, false
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d, local %v:\ngot  %v\nwant %v", seed, local, got, want)
		}
	}
}

// TestMergeAsksAboutFilesThatManyFollow has a file with so many names that begin with its own that
// the folder is asked for.
func TestMergeAsksAboutFilesThatManyFollow(t *testing.T) {
	a := &bucket{keys: map[string]bool{}}
	a.add("a")
	a.add("a/b")
	for i := range 12_000 {
		a.keys[fmt.Sprintf("a-%05d", i)] = true
	}
	twin := sdpath.EscapeTwin("a")
	found := ""
	n := 0
	err := compare.Merge(context.Background(), compare.Side{Store: a}, compare.Side{Store: localStore(t), Missing: true}, func(rel string, x, _ *stores.Entry) error {
		if n++; rel == twin {
			found = x.Name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found != "a" || n != 12_003 || a.probes == 0 {
		t.Errorf("got %q beside its folder, of %d entries, with %d questions; want a, 12003, at least 1", found, n, a.probes)
	}
}

func TestMergeEndsEarly(t *testing.T) {
	a := &bucket{keys: map[string]bool{}}
	for i := range 5000 {
		a.keys[fmt.Sprint(i)] = true
	}
	stop := errors.New("enough")
	for _, want := range []error{stop, fs.SkipAll} {
		n := 0
		err := compare.Merge(context.Background(), compare.Side{Store: a}, compare.Side{Store: a}, func(string, *stores.Entry, *stores.Entry) error {
			n++
			return want
		})
		if n != 1 || want == stop && err != stop || want == fs.SkipAll && err != nil {
			t.Errorf("got %d calls and %v after %v", n, err, want)
		}
	}
}

func TestMergeLeavesOutWhatIsOurs(t *testing.T) {
	a := &bucket{keys: map[string]bool{}}
	for _, key := range []string{"a", ".sd-trash/7/b", "d/.sd-trash/c"} {
		a.add(key)
	}
	list := func(dir string) (names []string) {
		err := compare.Merge(context.Background(), compare.Side{Store: a, Dir: dir}, compare.Side{Store: a, Missing: true}, func(rel string, x, _ *stores.Entry) error {
			if x.Kind == stores.File {
				names = append(names, x.Name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if got, want := list(""), []string{"a", "d/.sd-trash/c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := list(".sd-trash/7"), []string{".sd-trash/7/b"}; !slices.Equal(got, want) {
		t.Errorf("in the trash itself: got %q, want %q", got, want)
	}
}
