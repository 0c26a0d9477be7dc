package fs_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

// oddKeys makes keys that no POSIX name can hold, and their neighbours.
// The server here drops a slash in front.
func oddKeys(r *rand.Rand, n int) []string {
	pieces := []string{
		"", "", ".", "..", "a", "b", "x", "%", "%%", "%file", "%%file", "%2F", "a b", "ümläut", "u\u0308", "\u00fc", "日本", "a\nb", "a\tb",
		" ", "~", "-", "*", "'\"", "\\", strings.Repeat("long", 70), strings.Repeat("é", 130), "a%", "...", ".hidden", "#", "%#", "+", "&=?",
	}
	seen := map[string]bool{}
	var keys []string
	for len(keys) < n {
		var parts []string
		for range 1 + r.IntN(4) {
			parts = append(parts, pieces[r.IntN(len(pieces))])
		}
		key := strings.Join(parts, "/")
		if key == "" || key[0] == '/' || len(key) > 1000 || !utf8.ValidString(key) || seen[key] {
			continue
		}
		seen[key] = true
		keys = append(keys, key)
	}
	return keys
}

// shownFiles finds every file below dir by walking it, as programs do.
func shownFiles(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			paths = append(paths, p)
		}
		return err
	})
	must(t, err)
	return paths
}

// uriOf is the URI that a file tells.
func uriOf(t *testing.T, path string) string {
	t.Helper()
	buf := make([]byte, 2000)
	n, err := unix.Getxattr(path, "user.sd.uri", buf)
	if err != nil {
		t.Fatalf("user.sd.uri of %q: %v", path, err)
	}
	return string(buf[:n])
}

// Any key has one place in the mount, where it can be read, renamed and deleted.
func TestOddKeysOnAVolume(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond}, testserver.Gofakes3)
	keys := oddKeys(rand.New(rand.NewPCG(seed, 3)), 120)
	must(t, c.server.Fill(t.Context(), c.name, len(keys), func(i int) (string, []byte) { return keys[i], []byte("content of " + keys[i]) }))

	place := map[string]string{}
	for _, p := range shownFiles(t, c.at("")) {
		key, ok := strings.CutPrefix(uriOf(t, p), "s3://bucket/")
		if !ok {
			t.Errorf("%q has the URI %q", p, uriOf(t, p))
		}
		if other := place[key]; other != "" {
			t.Errorf("%q is shown as %q and %q", key, other, p)
		}
		place[key] = p
		if got := read(t, p); got != "content of "+key {
			t.Errorf("%q at %q reads %q", key, p, got)
		}
	}
	for _, key := range keys {
		if place[key] == "" {
			t.Errorf("%q is not shown", key)
		}
	}
	if len(place) != len(keys) || t.Failed() {
		t.Fatalf("%d files are shown for %d keys", len(place), len(keys))
	}
	for i, key := range keys {
		// A file beside a folder gets the plain name when the folder ends with its last entry.
		if _, err := os.Lstat(place[key]); err != nil {
			for _, p := range shownFiles(t, c.at("")) {
				if uriOf(t, p) == "s3://bucket/"+key {
					place[key] = p
				}
			}
		}
		switch i % 3 {
		case 0: // renamed to a plain name
			must(t, os.Rename(place[key], c.at(fmt.Sprint("renamed-", i))))
			c.wantStored(t, fmt.Sprint("renamed-", i), "content of "+key)
		case 1: // written to
			f, err := os.OpenFile(place[key], os.O_WRONLY|os.O_APPEND, 0)
			must(t, err)
			must(t, closed(f, "!"))
			c.wantStored(t, key, "content of "+key+"!")
			must(t, os.Remove(place[key]))
		default:
			must(t, os.Remove(place[key]))
		}
		// What is left of a folder may be its marker, which is empty.
		if got, ok := c.stored(t, key); ok && (got != "" || !strings.HasSuffix(key, "/")) {
			t.Errorf("%q is still there, with %q", key, got)
		}
	}
	for i := range keys {
		if i%3 == 0 {
			must(t, os.Remove(c.at(fmt.Sprint("renamed-", i))))
		}
	}
	for _, key := range c.server.Keys(t, c.name, "") {
		if !strings.HasSuffix(key, "/") {
			t.Errorf("left in the bucket: %q", key)
		}
	}
	if left := shownFiles(t, c.at("")); len(left) != 0 {
		t.Errorf("still shown: %q", left)
	}
}

// The exact places of docs/semantics.md.
func TestPlacesOfOddKeys(t *testing.T) {
	c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond}, testserver.Gofakes3)
	rows := map[string]string{
		"a//b":      "a/%%/b",
		"x":         "%%x%file",
		"x/y":       "x/y",
		"d/./e":     "d/%%%2E/e",
		"d/../e":    "d/%%%2E%2E/e",
		"new\nline": "new\nline",
		"%%odd":     "%%%25%25odd",
		"100%":      "100%",
	}
	for key := range rows {
		c.overwrite(t, key, key)
	}
	for key, place := range rows {
		if got, err := os.ReadFile(c.at("") + "/" + place); err != nil || string(got) != key {
			t.Errorf("%q at %q: %q, %v", key, place, got, err)
		}
	}
	for _, p := range shownFiles(t, c.at("")) {
		rel := strings.TrimPrefix(p, c.at("")+"/")
		if key := read(t, p); rows[key] != rel {
			t.Errorf("%q is listed at %q, want %q", key, rel, rows[key])
		}
	}

	write(t, c.at("")+"/a/%%/new", "made by its escape")
	c.wantStored(t, "a//new", "made by its escape")
}
