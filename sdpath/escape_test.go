package sdpath

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var long = strings.Repeat("é", 150)

func TestEscape(t *testing.T) {
	for _, tt := range []struct{ seg, shown, twin string }{
		{"plain.txt", "plain.txt", "%%plain.txt%file"},
		{"a b\n\t\xff", "a b\n\t\xff", "%%a b\n\t\xff%file"},
		{"100%", "100%", "%%100%25%file"},
		{"a%%b", "a%%b", "%%a%25%25b%file"},
		{"...", "...", "%%...%file"},
		{"", "%%", "%%%file"},
		{".", "%%%2E", "%%%2E%file"},
		{"..", "%%%2E%2E", "%%%2E%2E%file"},
		{"/", "%%%2F", "%%%2F%file"},
		{"/lead", "%%%2Flead", "%%%2Flead%file"},
		{"nul\x00%", "%%nul%00%25", "%%nul%00%25%file"},
		{"%%", "%%%25%25", "%%%25%25%file"},
		{"%%file", "%%%25%25file", "%%%25%25file%file"},
		{"%file", "%file", "%%%25file%file"},
		{strings.Repeat("n", 255), strings.Repeat("n", 255), "%%" + strings.Repeat("n", 214) + "%#3bb555e4ed3e8c6e1818a52c8917ddaa%file"},
		{strings.Repeat("n", 256), "%%" + strings.Repeat("n", 219) + "%#342aaaf5a0fcb18cba413f00ff46ffc9", ""},
		{long, "%%" + strings.Repeat("é", 109) + "%#cb1fa3158102cb16edae890e78baadd9", ""},
	} {
		if got := Escape(tt.seg); got != tt.shown {
			t.Errorf("Escape(%q) = %q, want %q", tt.seg, got, tt.shown)
		}
		if got := EscapeTwin(tt.seg); got != tt.twin && tt.twin != "" {
			t.Errorf("EscapeTwin(%q) = %q, want %q", tt.seg, got, tt.twin)
		}
	}
}

// A shortened name ends neither within a code nor within a character.
func TestEscapeCutsWell(t *testing.T) {
	for n := range 40 {
		for _, s := range []string{"%", "é", "日", "🙂", "\xbf"} {
			shown := Escape("/" + strings.Repeat("x", n) + strings.Repeat(s, 260))
			head, _, _ := strings.Cut(strings.TrimPrefix(shown, mark), longTail)
			if _, ok := decode(head); !ok || len(shown) > MaxName || len(shown) < MaxName-3 {
				t.Errorf("got %q, %d bytes", shown, len(shown))
			}
			if s != "\xbf" && !utf8.ValidString(shown) {
				t.Errorf("got %q, which splits a character", shown)
			}
		}
	}
}

func TestUnescapeErrors(t *testing.T) {
	digest := strings.Repeat("a", 32)
	for in, want := range map[string]error{
		"": ErrEscape, ".": ErrEscape, "..": ErrEscape, "a/b": ErrEscape, "a\x00": ErrEscape,
		"%%x": ErrEscape, "%%%": ErrEscape, "%%%2": ErrEscape, "%%%2e": ErrEscape, "%%%41": ErrEscape, "%%%2F%file%file": ErrEscape,
		"%%%2E%2E%2E": ErrEscape, "%%x%2E%file": ErrEscape, "%%%2f": ErrEscape, "%%x/%2F": ErrEscape,
		"%%x%#": ErrEscape, "%%x%#" + digest: ErrLong, "%%x%#" + digest + "%file": ErrLong, "%%%#" + digest: ErrLong,
		"%%x%#" + strings.ToUpper(digest): ErrEscape, "%%%2%#" + digest: ErrEscape, "%%x%#" + digest + "a": ErrEscape,
		strings.Repeat("n", 256): ErrEscape, "%%" + strings.Repeat("n", 254): ErrEscape,
	} {
		if seg, _, err := Unescape(in); seg != "" || err != want {
			t.Errorf("Unescape(%q) = %q, %v, want %v", in, seg, err, want)
		}
	}
}

func TestKeySegments(t *testing.T) {
	for key, want := range map[string][]string{
		"": {}, "a": {"a"}, "a/b": {"a", "b"}, "a/": {"a", ""}, "a//": {"a", "", ""}, "a//b": {"a", "", "b"},
		"/": {"/"}, "//": {"/", ""}, "///": {"/", "", ""}, "/lead": {"/lead"}, "/a/b": {"/a", "b"}, "//two": {"/", "two"}, "///x": {"/", "", "x"},
	} {
		if got := SplitKey(key); !slices.Equal(got, want) {
			t.Errorf("SplitKey(%q) = %q, want %q", key, got, want)
		}
	}
}

// checkKey holds what is promised of one key, and returns where it is shown.
func checkKey(t *testing.T, key string) string {
	t.Helper()
	joined, shortened := "", false
	for i, seg := range SplitKey(key) {
		joined = JoinKey(joined, seg)
		for _, twin := range []bool{false, true} {
			shown := Escape(seg)
			if twin {
				shown = EscapeTwin(seg)
			}
			if shown == "" || shown == "." || shown == ".." || len(shown) > MaxName || strings.ContainsAny(shown, "/\x00") {
				t.Errorf("segment %q is shown as %q", seg, shown)
			}
			if utf8.ValidString(seg) && !utf8.ValidString(shown) {
				t.Errorf("segment %q is shown as %q, which is not UTF-8", seg, shown)
			}
			back, isTwin, err := Unescape(shown)
			if err == ErrLong {
				shortened = shortened || !twin
				if isTwin != twin || len(encode(seg)) <= MaxName-len(mark)-len(twinTail) {
					t.Errorf("Unescape(%q) = twin %v, %v, for %q", shown, isTwin, err, seg)
				}
			} else if back != seg || isTwin != twin || err != nil {
				t.Errorf("Unescape(%q) = %q, %v, %v, want %q, %v", shown, back, isTwin, err, seg, twin)
			}
		}
		if at := strings.LastIndexByte(seg, '/'); at > 0 || at == 0 && i > 0 {
			t.Errorf("segment %d of %q is %q", i, key, seg)
		}
	}
	if joined != key {
		t.Errorf("the segments of %q are joined to %q", key, joined)
	}
	path := EscapeKey(key)
	back, err := UnescapeKey(path)
	if shortened != (err != nil) || err == nil && back != key {
		t.Errorf("UnescapeKey(%q) = %q, %v, want %q", path, back, err, key)
	}
	return path
}

// TestOddKeys shows 10,000 keys of the oddest kind, each at a place of its own.
func TestOddKeys(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	atoms := []string{
		"", "", ".", "..", "/", "/", "/", "%", "%%", "%file", "%#", "%2F", "%00", "\x00", "\n", "\t", "a", "b", "x", " ", "é", "e\u0301", "日", "🙂",
		"\xff", "\xc3", "\x7f", "\\", "*", "~", strings.Repeat("n", 84), strings.Repeat("日", 40), strings.Repeat("%", 90), strings.Repeat("a", 32),
	}
	keys, paths := map[string]string{}, map[string]string{}
	for len(keys) < 10000 {
		var b strings.Builder
		for range 1 + rng.IntN(9) {
			b.WriteString(atoms[rng.IntN(len(atoms))])
		}
		key := b.String()
		if _, ok := keys[key]; ok || key == "" {
			continue
		}
		path := checkKey(t, key)
		if other, ok := paths[path]; ok {
			t.Errorf("%q and %q are both shown at %q", key, other, path)
		}
		keys[key], paths[path] = path, key
		// Its twin, where the key is a file beside a folder, is nobody else's.
		segments := SplitKey(key)
		last := len(segments) - 1
		twin := JoinKey(EscapeKey(strings.Join(segments[:last], "/")), EscapeTwin(segments[last]))
		if other, ok := paths[twin]; ok {
			t.Errorf("the twin of %q and %q are both shown at %q", key, other, twin)
		}
		paths[twin] = fmt.Sprintf("%q as a twin", key)
	}
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"a//b", "/lead", "//", "a/", "./..", "%%x%file", "nul\x00", long + "/" + strings.Repeat("%", 100), strings.Repeat("é", 106) + "%\xa9" + strings.Repeat("0", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) { checkKey(t, key) })
}

// What can be read is what is shown, whatever was given.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"%%", "%%%2F", "%%x%file", "%%x%#" + strings.Repeat("0", 32), "x", "%%%25%25", "%%%2E%2E"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, shown string) {
		seg, twin, err := Unescape(shown)
		if err != nil {
			return
		}
		if again := Escape(seg); !twin && again != shown {
			t.Errorf("Unescape(%q) = %q, which is shown as %q", shown, seg, again)
		}
		if again := EscapeTwin(seg); twin && again != shown {
			t.Errorf("Unescape(%q) = %q, a twin, which is shown as %q", shown, seg, again)
		}
	})
}
