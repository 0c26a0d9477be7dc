package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sd/library/catalog"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []term
	}{
		{"", nil},
		{"  \t", nil},
		{"Holiday 2024", []term{{"holiday", false}, {"2024", false}}},
		{`"two words" x`, []term{{"two words", false}, {"x", false}}},
		{`a" b "c`, []term{{"a b c", false}}},
		{`""`, nil},
		{"*.MP4", []term{{"*.mp4", true}}},
		{`"*.mp4"`, []term{{"*.mp4", false}}},
		{`\*.mp4`, []term{{"*.mp4", false}}},
		{`*\*`, []term{{`*\*`, true}}},
		{`*" ?"`, []term{{`* \?`, true}}},
		{`a\ b`, []term{{"a b", false}}},
		{`\"`, []term{{`"`, false}}},
		{`c:\`, []term{{`c:\`, false}}},
		{`[1]`, []term{{"[1]", true}}},
		{"2024/rome", []term{{"2024/rome", false}}},
		{"a]", []term{{"a]", false}}},
	} {
		got, err := split(tt.text)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("split(%q) = %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestQueryErrors(t *testing.T) {
	var many []string
	for i := range 80 {
		many = append(many, fmt.Sprint("w", i))
	}
	for _, q := range []Query{
		{Text: `"open`},
		{Text: strings.Join(many, " ")},
		{Text: strings.Repeat("a/", 70) + "b"},
		{Exts: []string{"."}},
		{Kinds: []catalog.Kind{200}},
	} {
		var bad *QueryError
		if _, err := compile(q); !errors.As(err, &bad) {
			t.Errorf("compile(%.40q) = %v, want a *QueryError", q.Text, err)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true},
		{"?", "", false},
		{"?", "é", true},
		{"??", "é", false},
		{"*.jpg", "a.jpg", true},
		{"*.jpg", "a.jpg.txt", false},
		{"a*b*c", "abc", true},
		{"a*b*c", "a--b--c", true},
		{"a*b*c", "acb", false},
		{"*ab", "aab", true},
		{"*?b", "b", false},
		{"*[!é]", "aé", false},
		{"*[!é]", "éa", true},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[^a]", "b", true},
		{"[]]", "]", true},
		{"[]a]", "a", true},
		{"[", "[", true},
		{"[a", "[a", true},
		{"a[", "a[", true},
		{"[a-]", "-", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`[\]]`, "]", true},
		{"*日*", "昨日x", true},
		{"**a", "ba", true},
		{"a?*", "ab", true},
		{"a?*", "a", false},
		{"*a?c*", "xxabxabcx", true},
	} {
		g := parseGlob(tt.pattern)
		if got := g.match([]byte(tt.name)); got != tt.want {
			t.Errorf("%q fits %q: %v, want %v", tt.pattern, tt.name, got, tt.want)
		}
		if lit := g.literal(); tt.want && !strings.Contains("\x00"+tt.name+"\x00", lit) {
			t.Errorf("%q fits %q, which does not have %q", tt.pattern, tt.name, lit)
		}
	}
}

// FuzzQuery reads any text as a query and asks it about any name: nothing panics, and what needle and
// plan rely on holds.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"a b", `"x y" *.jpg`, "a/b/c", "/**/x*/", "[a-z]?*", `\`, "//", "**", "a/**", "\xff*"} {
		f.Add(s, "Some Name.jpg")
	}
	var rarity [256]uint32
	f.Fuzz(func(t *testing.T, text, name string) {
		m, err := compile(Query{Text: text, Exts: []string{"jpg"}})
		if err != nil {
			return
		}
		low := fold(nil, name)
		for _, above := range []uint64{0, alive | m.start | m.inside, ^uint64(0)} {
			p := m.plan(above, &rarity)
			if !m.fits(above, low) {
				continue
			}
			if p.none && above&m.inside != 0 && above&alive != 0 {
				t.Fatalf("query %q finds %q, its plan says none", text, name)
			}
			if p.needle.lit != nil && m.ext(low) && !p.byPath && !strings.Contains("\x00"+string(low)+"\x00", string(p.needle.lit)) {
				t.Fatalf("query %q finds %q, which does not have the needle %q", text, name, p.needle.lit)
			}
		}
		m.rank(low)
		m.walk(^uint64(0), m.ofName(low), low)
	})
}
