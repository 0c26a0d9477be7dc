package fold

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestName(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"Readme.TXT", "readme.txt", true},
		{"a/B/c", "A/b/C", true},
		{"caf\u00e9", "CAFE\u0301", true},
		{"ΣΑΣ", "σας", true},
		{"\u212a", "k", true}, // the sign of Kelvin
		{"Straße", "strasse", false},
		{"a b", "ab", false},
		{"İ", "i", false},
		{"ж", "Ж", true},
	} {
		if got := Name(tt.a) == Name(tt.b); got != tt.same {
			t.Errorf("%q and %q: one name is %v, want %v", tt.a, tt.b, got, tt.same)
		}
	}
}

func FuzzName(f *testing.F) {
	for _, name := range []string{"", "Readme", "cafe\u0301", "ΣΑΣ", "ß/İ", "\xff\xfe", "ſK"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded := Name(name)
		if again := Name(folded); again != folded {
			t.Errorf("%q folds to %q, and that to %q", name, folded, again)
		}
		if !utf8.ValidString(name) {
			return
		}
		if got, want := strings.Count(folded, "/"), strings.Count(name, "/"); got != want {
			t.Errorf("%q folds to %q", name, folded)
		}
	})
}
