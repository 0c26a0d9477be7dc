package cache

import (
	"slices"
	"strings"
	"testing"
)

// A tree that was invalidated is forgotten, and nothing else.
func TestInvalidateTree(t *testing.T) {
	m, _ := newNames(t, 0)
	dirs := []string{"", "a", "a/b", "a/b/c", "ab", "a b", "b"}
	for _, dir := range dirs {
		fill(m, DirKey{"fp", dir}, "x")
		fill(m, DirKey{"other", dir}, "x")
	}
	m.InvalidateTree("fp", "a")
	for _, dir := range dirs {
		want := Present
		if dir == "a" || strings.HasPrefix(dir, "a/") {
			want = Unknown
		}
		if _, got := m.Lookup(DirKey{"fp", dir}, "x"); got != want {
			t.Errorf("%q: got state %d, want %d", dir, got, want)
		}
		if _, got := m.Lookup(DirKey{"other", dir}, "x"); got != Present {
			t.Errorf("%q of another volume was forgotten", dir)
		}
	}
}

// Names that begin with a slash and empty segments lie where List shows them.
func TestSplitName(t *testing.T) {
	for _, tt := range []struct {
		whole, dir, name string
		way              []string // from the root
	}{
		{"a", "", "a", nil},
		{"a/b", "a", "b", []string{"a"}},
		{"a/b/c", "a/b", "c", []string{"a", "a/b"}},
		{"a//b", "a/", "b", []string{"a", "a/"}},
		{"a/", "a", "", []string{"a"}},
		{"/b", "", "/b", nil},
		{"/b/c", "/b", "c", []string{"/b"}},
		{"//x", "/", "x", []string{"/"}},
		{"/", "", "/", nil},
		{"///x", "//", "x", []string{"/", "//"}},
	} {
		dir, name, ok := splitName(tt.whole)
		var way []string
		for at, deeper := "", true; ; {
			if at, deeper = nextDir(at, tt.whole); !deeper {
				break
			}
			way = append(way, at)
		}
		if dir != tt.dir || name != tt.name || !ok || !slices.Equal(way, tt.way) {
			t.Errorf("%q: got %q, %q by %q; want %q, %q by %q", tt.whole, dir, name, way, tt.dir, tt.name, tt.way)
		}
	}
	if _, _, ok := splitName(""); ok {
		t.Error("the root has a directory")
	}
}
