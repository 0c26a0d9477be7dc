package index

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sd/library"
	"sd/library/catalog"
)

// gitWorld is a working tree of Git and a location over it.
type gitWorld struct {
	t     testing.TB
	dir   string
	loc   library.Location
	paths []string // below dir, folders with a slash behind them
}

func newGitWorld(t testing.TB, names []string) *gitWorld {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	w := &gitWorld{t: t, dir: t.TempDir()}
	w.loc = library.Location{Place: catalog.Place("device:x"), Path: strings.TrimPrefix(w.dir, "/"), Rules: library.Rules{Hidden: true, System: true}}
	w.git(nil, "init", "-q")
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(w.dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(w.dir, path)
		switch {
		case err != nil:
			return err
		case name == ".":
		case name == ".git":
			return fs.SkipDir
		case d.IsDir():
			w.paths = append(w.paths, name+"/")
		default:
			w.paths = append(w.paths, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *gitWorld) git(in []byte, args ...string) []byte {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", w.dir, "-c", "core.excludesFile=/dev/null", "-c", "core.ignoreCase=false"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != 1) {
		w.t.Fatalf("git %q: %v: %s", args, err, stderr.Bytes())
	}
	return out
}

// compare asks Git and us about all paths, with the given .gitignore files.
func (w *gitWorld) compare(files map[string]string) {
	w.t.Helper()
	for dir, text := range files {
		name := filepath.Join(w.dir, dir, ignoreFile)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			w.t.Fatal(err)
		}
		defer os.Remove(name)
	}
	ignored := map[string]bool{}
	in := strings.ReplaceAll(strings.Join(w.paths, "\x00")+"\x00", "/\x00", "\x00")
	for name := range bytes.SplitSeq(w.git([]byte(in), "check-ignore", "--no-index", "-z", "--stdin"), []byte{0}) {
		ignored[string(name)] = true
	}
	for _, path := range w.paths {
		name, folder := strings.CutSuffix(path, "/")
		if got := (&Indexer{}).covers(w.loc, w.loc.Path+"/"+name, folder); got == ignored[name] {
			w.t.Errorf("with %q: %q is indexed: %v, ignored by Git: %v", files, path, got, ignored[name])
		}
	}
}

var gitNames = []string{
	"a", "b/a", "b/c/a", "b/c/d/foo", "foo", "foo.txt", "foo.o", "b/foo.txt", "bar/foo/baz", "bar/baz", "x y/z ", "[a]/b", "a*/q", "#h", "!n",
	`back\slash`, "\xff\xfe", "ü/ö", "deep/1/2/3/4/a", "deep/a/4", "-", "]", "b/c/d/.hid", "trail ", "A/B/Foo.TXT", "d+1",
}

// What patterns leave out is what Git leaves out.
func TestGitIgnore(t *testing.T) {
	w := newGitWorld(t, gitNames)
	for i, text := range []string{
		"", "a", "/a", "a/", "b/", "/b/c", "b/c/", "foo*", "*.txt", "*.[oa]", "!foo.txt\nfoo*", "foo*\n!foo.txt", "*\n!*/\n!foo", "**/a", "b/**", "b/**/a", "**/c/**",
		"deep/**/a", "deep/*/a", "deep/*/*/*/*/a", "a**", "**a", "d**p/a", "b/c**", "# a\n\\#h", "\\!n", "!n", "z\\ ", "z ", "trail\\ ", "trail  ", "back\\\\slash", "back\\slash",
		"\\[a\\]", "[[]a]", "[[:upper:]]", "[[:alpha:]]/b", "[!a]", "[^a-z]", "[]]", "[]-]", "[a-]", "[", "[a", "[[:nope:]]", "[[:alpha:", "?", "??", "/*", "/*/", "*/a", "/**/a", "**", "/**", "a/**/", "\xff*", "[\xff]*", "ü", "?/ö", "??/ö",
		"\ufeffa", "a\r\nb\r\n", "a \r\n", "*/\n!b/\nfoo", "b\n!b/c/a", "/", "//", "/a/", "/ /", "!", "!/", "bar/foo/", "bar/foo/*", "foo/*", "/foo/**", "**/foo/**", "*o*o*", "\\", "a\\", "f\\oo", "***", "b/***/a", "/***/a", "f[n-p]o", "f[!x]o", "a\\*", "[\\a]", "d+1", "A/b", "[A-z]", "deep/1/2\ndeep/1/2/3/", "x?y", "x[ ]y/", "./a", "../a", "b/./c", "b//c", "a/b/",
	} {
		w.compare(map[string]string{"": text})
		if i%3 == 0 {
			w.compare(map[string]string{"b": text, "bar": text, "": "!a\nfoo.txt"})
		}
	}
}

func TestGitIgnoreRandom(t *testing.T) {
	w := newGitWorld(t, gitNames)
	rnd := rand.New(rand.NewPCG(4, 2))
	words := []string{
		"a", "b", "c", "foo", "bar", "baz", "deep", "*", "**", "?", "/", "/", "/", "!", "[a-c]", "[!a]", "[^f]", "[[:alpha:]]", "[[:digit:]]", "\\", ".txt", ".o", " ", "]", "[", "-", "1", "d", "\xff", "ü", "**/", "/**", "*/", "#",
	}
	for range 40 {
		files := map[string]string{}
		for range 1 + rnd.IntN(3) {
			var text strings.Builder
			for range 1 + rnd.IntN(4) {
				for range 1 + rnd.IntN(5) {
					text.WriteString(words[rnd.IntN(len(words))])
				}
				text.WriteString([]string{"\n", "\n", "\r\n"}[rnd.IntN(3)])
			}
			files[[]string{"", "b", "b/c", "bar", "deep/1"}[rnd.IntN(5)]] = text.String()
		}
		w.compare(files)
		if t.Failed() {
			return
		}
	}
}

// A pattern takes no time that grows faster than its text.
func TestWildmatchEnds(t *testing.T) {
	text := bytes.Repeat([]byte("a"), 255)
	for _, p := range []string{strings.Repeat("*a", 20) + "b", strings.Repeat("**/a", 12) + "/b", strings.Repeat("*", 200) + "b", strings.Repeat("?*", 100) + "b"} {
		for _, slashes := range []bool{false, true} {
			if wildmatch(p, text, slashes) {
				t.Errorf("%s matches", p)
			}
		}
	}
}

func FuzzWildmatch(f *testing.F) {
	for _, p := range []string{"*", "[a-", "[[:alpha:]", `\`, "**/a", "[!]a]"} {
		f.Add(p, []byte("abc/d"), true)
	}
	f.Fuzz(func(t *testing.T, pattern string, text []byte, slashes bool) {
		if len(pattern) > 64 || len(text) > 64 {
			return
		}
		got := wildmatch(pattern, text, slashes)
		if literal := !strings.ContainsAny(pattern, `*?[\`); literal && !bytes.ContainsRune(text, 0) && !strings.Contains(pattern, "\x00") && got != (pattern == string(text)) {
			t.Errorf("%q matches %q: %v", pattern, text, got)
		}
	})
}
