package search

import (
	"testing"
	"unicode/utf8"
)

func TestFoldMakesEqual(t *testing.T) {
	for _, list := range [][]string{
		{"readme.MD", "README.md", "ReadMe.Md"},
		{"caf\u00e9", "cafe\u0301", "CAFE\u0301", "CAF\u00c9"},
		{"\u212b", "\u00e5", "A\u030a", "a\u030a"}, // the Angstrom sign
		{"\u212a1", "k1", "K1"},                    // the Kelvin sign
		{"\u017f", "s", "S"},                       // the long s
		{"ΣΊΣΥΦΟΣ", "σίσυφος", "σίσυφοσ"},
		{"ДОМ", "дом"},
		{"\uac00", "\u1100\u1161"}, // Hangul
		{"a\xffB", "A\xffb"},
		{"x\x00y", "X\x01Y"},
	} {
		for _, s := range list[1:] {
			if got, want := folded(s), folded(list[0]); got != want {
				t.Errorf("fold(%q) = %q, fold(%q) = %q, want the same", s, got, list[0], want)
			}
		}
	}
}

func TestFoldKeepsApart(t *testing.T) {
	for _, pair := range [][2]string{{"a", "b"}, {"é", "e"}, {"ß", "ss"}, {"\xe9", "é"}, {"1", "١"}} {
		if folded(pair[0]) == folded(pair[1]) {
			t.Errorf("fold makes %q and %q equal", pair[0], pair[1])
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add("Cafe\u0301.JPG")
	f.Add("a\xff\u0301")
	f.Fuzz(func(t *testing.T, s string) {
		got := folded(s)
		for i := range len(got) {
			if got[i] == separator {
				t.Fatalf("fold(%q) = %q has a separator", s, got)
			}
		}
		if again := string(fold([]byte("x"), s)); utf8.ValidString(s) && again[1:] != got && s != "" && s[0] < utf8.RuneSelf {
			t.Fatalf("fold(%q) behind an x is %q, want %q", s, again[1:], got)
		}
		b := appendCase(nil, s, []byte(got))
		r := reader{b: b}
		if back := string(applyCase(nil, &r, []byte(got))); back != s || !r.done() {
			t.Fatalf("%q comes back as %q", s, back)
		}
		r = reader{b: b}
		if skipCase(&r); !r.done() {
			t.Fatalf("skipCase does not end with the case of %q", s)
		}
	})
}
