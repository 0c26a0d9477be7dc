//go:build linux

package identify

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sd/library/catalog"
)

// decay gives a file other bytes and its time of change back.
func decay(t *testing.T, path string, data []byte, when time.Time) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func modTime(t *testing.T, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// A file whose bytes are others, while only its ctime tells of a change, is noted as rotten. What
// was made later with the time of another file is not.
func TestKeptThatHoldsOtherBytes(t *testing.T) {
	l := newLab(t)
	for name, size := range map[string]int{"small": 5000, "large": 200_000, "new": 5000, "chmod": 5000, "one": 5000} {
		l.write(name, random(1, size))
	}
	path := func(name string) string { return filepath.Join(l.root, name) }
	old(t, path("new")) // as from an archive: the file is younger than its time
	l.scan()
	l.run(Options{})
	for name, size := range map[string]int{"small": 5000, "large": 200_000, "new": 5000, "one": 5000} {
		decay(t, path(name), random(2, size), modTime(t, path(name)))
	}
	if err := os.Chmod(path("chmod"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.scan()
	for _, name := range []string{"small", "large", "new", "chmod", "one"} {
		if _, f := l.find(name); f.Proof != catalog.Kept {
			t.Fatalf("%s: proof %d, want Kept", name, f.Proof)
		}
	}
	if err := File(t.Context(), l.cfg, l.place(), filepath.Join(l.loc.Path, "one")); err != nil {
		t.Fatal(err)
	}
	l.run(Options{})
	for name, want := range map[string]bool{"small": true, "large": true, "one": true, "new": false, "chmod": false} {
		r, err := l.lib.RotOf(t.Context(), l.place(), filepath.Join(l.loc.Path, name))
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			t.Fatal(err)
		}
		if is := err == nil; is != want {
			t.Errorf("%s: noted as rotten: %v, want %v", name, is, want)
			continue
		}
		if _, f := l.find(name); want && (r.Expected != sumOf(random(1, int(f.Size))) || r.Actual != sumOf(random(2, int(f.Size))) || r.ModTime != f.ModTime || r.Size != f.Size) {
			t.Errorf("%s: the note is %+v of %+v", name, r, f)
		}
	}
	l.wantProven("small", random(2, 5000), catalog.Read)
}
