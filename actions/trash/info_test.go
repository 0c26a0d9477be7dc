package trash

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestInfo(t *testing.T) {
	when := time.Date(2024, 2, 29, 7, 8, 9, 0, time.Local)
	i := info{path: "a b/ü%\n.txt", when: when, unique: "lib-1-2"}
	want := "[Trash Info]\nPath=a%20b/%C3%BC%25%0A.txt\nDeletionDate=2024-02-29T07:08:09\nX-SD-Step=lib-1-2\n"
	if got := i.text(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !isOf([]byte(want), "lib-1-2") || isOf([]byte(want), "lib-1-") || isOf([]byte(want), "lib-1-22") || isOf(nil, "") {
		t.Error("whose removal it is was not told right")
	}
}

// Any name can be escaped and read back, and is given names that a file can have.
func TestNames(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	letters := []string{"a", ".", "é", "漢", "\xff", " ", "%", "\n", "-", "~", "🙂"}
	for range 3000 {
		var b strings.Builder
		for n := 1 + r.IntN(120); n > 0 && b.Len() < 250; n-- {
			b.WriteString(letters[r.IntN(len(letters))])
		}
		name := b.String()
		if name == "." || name == ".." {
			continue
		}
		if back, err := url.PathUnescape(escape(name)); err != nil || back != name {
			t.Fatalf("%q: got %q, %v back", name, back, err)
		}
		for i, in := range namesIn(name, "0a1b2c3d-123456-1234567") {
			if in == "" || len(in)+len(infoEnd) > maxName || strings.Contains(in, "/") || in == "." || in == ".." {
				t.Fatalf("%q: got %q, which no file can have", name, in)
			}
			if utf8.ValidString(name) && !utf8.ValidString(in) {
				t.Fatalf("%q: got %q, with half a letter", name, in)
			}
			if i > 0 && !strings.Contains(in, ".0a1b2c3d-123456-1234567") {
				t.Fatalf("%q: got %q, which others may have", name, in)
			}
		}
	}
}
