package azblob

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode/utf8"

	"sd/backends"
)

// walked returns the keys that Walk yields, in its order.
func walked(t *testing.T, b backends.Walker, dir, after string) []string {
	t.Helper()
	keys := []string{}
	err := b.Walk(t.Context(), dir, after, func(page []backends.Entry) error {
		for i := range page {
			keys = append(keys, keyOf(&page[i]))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk %q after %q: %v", dir, after, err)
	}
	return keys
}

// TestWalkOrder walks trees of awkward names, by one listing or one for each directory, from
// anywhere on: the keys are those of the blobs, in order.
func TestWalkOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(6, 6))
	for round, letters := range [][]string{{"a", "b", "-", ".x", "!"}, {"a", "-", "\U0001F642", "\uFEFF", "\uE000", "é"}} {
		l := newLab(t, func(c *Config) { c.PageSize = 7 })
		want, dirs := []string{}, map[string]bool{}
		taken := map[string]bool{}
		var all sync.WaitGroup
		for range 40 {
			var segments []string
			for range 1 + random.IntN(3) {
				segments = append(segments, letters[random.IntN(len(letters))]+letters[random.IntN(len(letters))])
			}
			name := strings.Join(segments, "/")
			if taken[name] {
				continue
			}
			taken[name] = true
			folders, content := map[string]string(nil), "x"
			if key := name; random.IntN(4) == 0 {
				dirs[name], folders, content = true, folder, ""
				want = append(want, key+"/")
			} else {
				want = append(want, key)
			}
			all.Go(func() { l.seedWith(t, name, content, folders) })
		}
		all.Wait()
		slices.Sort(want)
		inTree := func(keys []string) []string { // without the directories that have no marker
			return slices.DeleteFunc(keys, func(key string) bool {
				return strings.HasSuffix(key, "/") && !dirs[strings.TrimSuffix(key, "/")]
			})
		}
		for _, hierarchical := range []bool{false, true} {
			l.mu.Lock()
			l.tree = tree{known: true, hierarchical: hierarchical}
			l.mu.Unlock()
			for _, after := range []string{"", "a/", want[len(want)/2]} {
				from, found := slices.BinarySearch(want, after)
				if found {
					from++
				}
				got := walked(t, l, "", after)
				if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
					t.Errorf("round %d, tree %v, after %q: no order in %q", round, hierarchical, after, got)
				}
				if got := inTree(got); !slices.Equal(got, want[from:]) {
					t.Errorf("round %d, tree %v, after %q:\n got %q\nwant %q", round, hierarchical, after, got, want[from:])
				}
			}
		}
	}
}

// TestWalkOfMarkers meets markers whose keys come in another order than their names.
func TestWalkOfMarkers(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *Config) { c.PageSize = 2 })
	for _, dir := range []string{"a", "a!", "a!!", "b", "b/", "b/c/", "d"} {
		l.seedWith(t, dir, "", folder)
	}
	l.seed(t, "a!!x", "1", "a.x", "1", "a/x", "1", "b/x", "1", "full", "")
	for after, want := range map[string][]string{
		"":     {"a!!/", "a!!x", "a!/", "a.x", "a/", "a/x", "b/", "b/c/", "b/x", "d/", "full"},
		"a!!x": {"a!/", "a.x", "a/", "a/x", "b/", "b/c/", "b/x", "d/", "full"},
		"a/":   {"a/x", "b/", "b/c/", "b/x", "d/", "full"},
		"b/c/": {"b/x", "d/", "full"},
	} {
		if got := walked(t, l, "", after); !slices.Equal(got, want) {
			t.Errorf("after %q:\n got %q\nwant %q", after, got, want)
		}
	}
	if got, want := walked(t, l, "b", ""), []string{"b/c/", "b/x"}; !slices.Equal(got, want) {
		t.Errorf("below b: got %q, want %q", got, want)
	}
}

// TestNames tells which names can be made, and asks the service for none that it takes for
// another.
func TestNames(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.seed(t, "a/b", "x")
	for name, want := range map[string]error{
		`a\b`: iofs.ErrInvalid, "a/.": iofs.ErrInvalid, "./a": iofs.ErrInvalid, "a/../b": iofs.ErrInvalid, "end.": iofs.ErrInvalid, "dots../x": iofs.ErrInvalid,
		"dir/": iofs.ErrInvalid, "bad\xff": iofs.ErrInvalid, "nul\x00": iofs.ErrInvalid, "": backends.ErrIsDir,
		strings.Repeat("n", 1025): syscall.ENAMETOOLONG, strings.Repeat("d/", 254) + "x": syscall.ENAMETOOLONG,
		strings.Repeat("é", 1024): nil, strings.Repeat("d/", 253) + "x": nil, ".hidden": nil, "a..b": nil, " ": nil,
	} {
		if err := makeable(name); !errors.Is(err, want) {
			t.Errorf("%.20q: got %v, want %v", name, err, want)
		}
		if want == nil {
			continue
		}
		before := total(l)
		_, err := l.put(t, name, "x", backends.Meta{}, backends.Cond{})
		if !errors.Is(err, want) {
			t.Errorf("put %.20q: got %v, want %v", name, err, want)
		}
		checkError(t, err)
		if _, err := l.Copy(t.Context(), name, "a/b", backends.CopyOptions{}); !errors.Is(err, want) {
			t.Errorf("copy to %.20q: got %v, want %v", name, err, want)
		}
		if _, err := l.Upload(t.Context(), name, "", backends.Meta{}); !errors.Is(err, want) {
			t.Errorf("upload of %.20q: got %v, want %v", name, err, want)
		}
		if asked := total(l) - before; asked != 0 {
			t.Errorf("%.20q: %d requests", name, asked)
		}
	}
	for _, name := range []string{`a\b`, "a/../a/b", "./a", "bad\xff"} {
		before := total(l)
		for what, err := range map[string]error{
			"stat":   second(l.Stat(t.Context(), name)),
			"get":    second3(read(t.Context(), l, name, "", 0, -1)),
			"remove": l.Remove(t.Context(), name, backends.Cond{}),
			"rmdir":  l.Rmdir(t.Context(), name),
			"list":   l.List(t.Context(), name, func([]backends.Entry) error { return nil }),
		} {
			if !errors.Is(err, iofs.ErrNotExist) && !errors.Is(err, iofs.ErrInvalid) {
				t.Errorf("%s %q: got %v", what, name, err)
			}
		}
		if asked := total(l) - before; asked != 0 {
			t.Errorf("%q: %d requests", name, asked)
		}
	}
	if got, _, err := read(t.Context(), l, "a/b", "", 0, -1); got != "x" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func second[A any](_ A, err error) error          { return err }
func second3[A, B any](_ A, _ B, err error) error { return err }

// FuzzNames makes files of names that are said to be makeable: Azure never sees a segment
// that it takes for another, and the list of blocks of its uploads is sound.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"a", "a/b.", "..", `\`, "a//b", "\xff", "é"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if makeable(name) != nil {
			return
		}
		if askable(name) != nil {
			t.Errorf("%q can be made and not asked for", name)
		}
		if !utf8.ValidString(name) || strings.ContainsAny(name, "\\\x00") || strings.HasSuffix(name, "/") {
			t.Errorf("%q can be made", name)
		}
		for segment := range strings.SplitSeq(name, "/") {
			if strings.HasSuffix(segment, ".") {
				t.Errorf("%q can be made", name)
			}
		}
	})
}

// TestYieldError returns the caller's own error as it is and stops asking.
func TestYieldError(t *testing.T) {
	t.Parallel()
	w := watch(t, func(c *Config) { c.PageSize = 1 })
	for i := range 5 {
		w.seed(t, fmt.Sprint(i), "x")
	}
	stop := errors.New("enough")
	if err := w.List(t.Context(), "", func([]backends.Entry) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
	if n := w.counts()["LIST"]; n > 2 {
		t.Errorf("asked for %d pages, want at most the one in advance", n)
	}
	if err := w.Walk(t.Context(), "", "", func([]backends.Entry) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
}
