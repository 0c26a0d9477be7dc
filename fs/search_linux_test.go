package fs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

func TestSearchesAreFolders(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	object := string(b.put(t, 1000, "2024/photo.jpg"))
	dir := t.TempDir()
	local := filepath.Join(dir, "photo.jpg")
	write(t, local, "here")
	base := "local://" + mounttest.Device
	long := strings.Repeat("n", 250) + ".jpg"
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, Hits: map[string][]string{
		"photo jpg": {base + local, "s3://bucket/2024/photo.jpg", base + dir},
		"odd":       {"s3://bucket/a//" + long, base + "/x/" + long, base + "/x/.hidden", base + "/y/.hidden", "s3://bucket/%"},
	}})
	if got := names(t, m.Path("search")); len(got) != 0 {
		t.Errorf("search/ lists %q before anything was asked", got)
	}
	q := m.Path("search", "photo jpg")
	if st := lstat(t, q); st.Mode&unix.S_IFMT != unix.S_IFDIR {
		t.Errorf("a query is of mode %o, want a folder", st.Mode)
	}
	if n := m.Searches(); n != 0 {
		t.Errorf("looking at the folder of a query asked %d times", n)
	}
	want := []string{filepath.Base(dir), "photo (2).jpg", "photo.jpg"}
	slices.Sort(want)
	if got := names(t, q); !slices.Equal(got, want) {
		t.Errorf("the query found %q, want %q", got, want)
	}
	if target, err := os.Readlink(filepath.Join(q, "photo.jpg")); err != nil || target != "../../local/"+mounttest.Device+local {
		t.Errorf("the first hit leads to %q, %v", target, err)
	}
	if got := read(t, filepath.Join(q, "photo.jpg")); got != "here" {
		t.Errorf("the first hit holds %q", got)
	}
	if got := read(t, filepath.Join(q, "photo (2).jpg")); got != object {
		t.Errorf("the second hit holds %s", brief(got))
	}
	if got := read(t, filepath.Join(q, filepath.Base(dir), "photo.jpg")); got != "here" {
		t.Errorf("a file in a folder that was found holds %q", got)
	}
	if n := m.Searches(); n != 1 {
		t.Errorf("all that took %d searches, want 1", n)
	}
	mounttest.Eventually(t, 20*time.Second, "an old answer is asked for again", func() bool {
		names(t, q)
		return m.Searches() > 1
	})
	if _, err := os.Lstat(filepath.Join(q, "nothing")); !os.IsNotExist(err) {
		t.Errorf("what was not found: %v", err)
	}

	for _, name := range names(t, m.Path("search", "odd")) {
		if _, err := os.Readlink(m.Path("search", "odd", name)); err != nil {
			t.Error(err)
		}
	}
	if got := names(t, m.Path("search", "odd")); len(got) != 5 || !slices.Contains(got, ".hidden (2)") || !slices.Contains(got, long) {
		t.Errorf("odd names are shown as %q", got)
	}
	if got := names(t, m.Path("search", "nothing at all")); len(got) != 0 {
		t.Errorf("nothing was found, and %q is shown", got)
	}
	_, err := os.ReadDir(m.Path("search", "?"))
	wantErrno(t, "a query without sense", err, unix.EINVAL)
	for _, litter := range []string{".git", ".hidden", ".DS_Store", "Thumbs.db", "desktop.ini"} {
		_, err := os.Lstat(m.Path("search", litter))
		wantErrno(t, litter, err, unix.ENOENT)
	}
	// A walk of the whole tree, such as find's, asks nothing again.
	if got := names(t, m.Path("search")); len(got) != 0 {
		t.Errorf("search/ lists %q", got)
	}
	wantErrno(t, "removing a hit", os.Remove(filepath.Join(q, "photo.jpg")), unix.EROFS)
	wantErrno(t, "renaming a hit", os.Rename(filepath.Join(q, "photo.jpg"), filepath.Join(q, "x")), unix.EROFS)
	wantErrno(t, "a new file", os.WriteFile(filepath.Join(q, "x"), nil, 0o600), unix.EROFS)
	wantErrno(t, "a new folder", os.Mkdir(filepath.Join(q, "x"), 0o700), unix.EROFS)
	wantErrno(t, "removing a query", os.Remove(q), unix.EROFS)
	wantErrno(t, "changing a query", os.Chmod(q, 0o777), unix.EROFS)
}
