package compare_test

import (
	"strings"
	"testing"

	"sd/actions/compare"
)

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		include, exclude string
		takes, leaves    string // names; a slash behind it is a folder
	}{
		{"", "*.tmp", "a a.txt d/ d/tmp", "a.tmp d/b.tmp d/.tmp"},
		{"", "node_modules", "d/node_modules2 node_module", "node_modules/ node_modules/a/b d/node_modules/x node_modules"},
		{"", "cache/", "cache d/cache", "cache/ cache/x d/cache/ d/cache/x/y"},
		{"", "/top", "d/top top2", "top top/ top/x"},
		{"", "d/x", "x e/d/x d/xy", "d/x d/x/y"},
		{"", "d/*", "d/ e", "d/x d/x/y"},
		{"", "**/x", "xy d/xy", "x d/x d/e/x d/x/y"},
		{"", "d/**/x", "x e/x", "d/x d/e/x d/e/f/x"},
		{"", "[a-c]?.{jpg,png}", "d1.jpg a1.gif a.jpg", "a1.jpg x/c2.png"},
		{"", `a\*b`, "aab", "a*b"},
		{"*.jpg", "", "a.jpg d/e/b.jpg", "a.png d/ d/jpg"},
		{"photos/", "", "photos/ photos/a photos/2024/b x/photos/a", "a photos2/a photos"},
		{"/photos", "raw", "photos/a", "photos/raw/a x/photos/a photos/raw/"},
		{"*.jpg", "d/*", "a.jpg e/a.jpg", "d/a.jpg d/e/a.jpg"},
	} {
		f, err := compare.NewFilter(strings.Fields(c.include), strings.Fields(c.exclude))
		if err != nil {
			t.Fatal(err)
		}
		for want, names := range map[bool]string{true: c.takes, false: c.leaves} {
			for _, name := range strings.Fields(names) {
				rel := strings.TrimSuffix(name, "/")
				if got := f.Takes(rel, rel != name); got != want {
					t.Errorf("include %q, exclude %q: takes %q: got %v, want %v", c.include, c.exclude, name, got, want)
				}
			}
		}
	}
}

func TestFilterRefusesWhatIsNoPattern(t *testing.T) {
	for _, text := range []string{"", "/", "[a", "{a,b"} {
		if _, err := compare.NewFilter(nil, []string{text}); err == nil || !strings.Contains(err.Error(), "--exclude") {
			t.Errorf("pattern %q: got %v, want an error about --exclude", text, err)
		}
	}
	if f, err := compare.NewFilter(nil, nil); f != nil || err != nil || !f.Takes("a", false) || f.Chooses() {
		t.Errorf("no patterns: got %v, %v, want a filter that takes all", f, err)
	}
}
