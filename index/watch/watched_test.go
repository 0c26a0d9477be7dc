package watch

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestWatchedFolders compares with a plain set.
func TestWatchedFolders(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	name := func() string {
		path := ""
		for range r.IntN(5) {
			path += "/" + string(rune('a'+r.IntN(3)))
		}
		if path == "" {
			return "/"
		}
		return path
	}
	var w watched
	plain := map[string]bool{}
	for range 20_000 {
		path := name()
		switch r.IntN(3) {
		case 0:
			w.add(path)
			plain[path] = true
		case 1:
			w.remove(path)
			delete(plain, path)
		case 2:
			got := w.from(path)
			slices.Sort(got)
			var want []string
			for other := range plain {
				if path == "/" || other == path || strings.HasPrefix(other, path+"/") {
					want = append(want, other)
				}
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("below %s are %q, want %q", path, got, want)
			}
		}
		if w.has(path) != plain[path] || w.len() != len(plain) {
			t.Fatalf("%s: has %t of %d, want %t of %d", path, w.has(path), w.len(), plain[path], len(plain))
		}
	}
	for path := range plain {
		w.remove(path)
	}
	if len(w.around) != 0 {
		t.Errorf("%d folders are left of an empty set", len(w.around))
	}
}
