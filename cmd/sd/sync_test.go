package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/internal/testserver"
)

func TestSyncCommand(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	s.addBucket(server, "box", "box")
	folder, files := album(t, s, "album")

	s.must("sync", "album", "s3://box/album", "--dry-run").want(t, 0, "4 files    18 B  uploaded", "")
	s.must("sync", "album", "s3://box/album").want(t, 0, "copied 4 files (18 B)", "")
	want := []string{"album/a.jpg", "album/b c.jpg", "album/sub/deep.txt", "album/sub/x.tmp"}
	if got := server.Keys(t, "box", ""); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s.must("sync", "album/", "s3://box/album/").want(t, 0, "nothing to do", "")

	// Back from there, which is another pair, and then the first one in both directions.
	s.must("sync", "s3://box/album", "back").want(t, 0, "copied 4 files", "")
	wantTree(t, filepath.Join(s.home, "back"), files)
	s.must("sync", "album", "s3://box/album", "--mode", "bidirectional").want(t, 0, "nothing to do", "")
	server.MustPut(t, "box", "album/new.txt", "from elsewhere")
	if err := os.Remove(filepath.Join(folder, "a.jpg")); err != nil {
		t.Fatal(err)
	}
	s.run("sync", "album", "s3://box/album", "--mode", "bidirectional").want(t, 1, "", "1 file would be removed, and nobody is there to agree")
	s.must("sync", "album", "s3://box/album", "--mode", "bidirectional", "--yes").want(t, 0, "copied 1 file", "")
	wantFile(t, filepath.Join(folder, "new.txt"), "from elsewhere")
	if got := server.Keys(t, "box", "album/a"); len(got) > 0 {
		t.Errorf("got %q, want it removed there too", got)
	}
	s.must("job", "undo", fmt.Sprint(s.lastLog().Job))
	if got := server.Keys(t, "box", "album/a"); len(got) != 1 {
		t.Errorf("got %q, want it back", got)
	}

	// What cannot be meant.
	s.run("sync", "album").want(t, 2, "", "")
	s.run("sync", "album", "s3://box/album", "--mode", "both").want(t, 2, "", "bidirectional")
	s.run("sync", "album", "s3://box/album", "--keep", "3d").want(t, 2, "", "--mode selective")
	s.run("sync", "album", "s3://box/album", "--max-delete", "all").want(t, 2, "", "--max-delete")
	s.run("sync", "album", "s3://box/album", "--watch", "-n").want(t, 2, "", "--watch")
	s.run("sync", "album", "album/sub").want(t, 1, "", "lies in the other")
	s.run("sync", "nothing", "s3://box/album").want(t, 1, "", "does not exist")
	s.run("sync", "album/b c.jpg", "s3://box/album").want(t, 1, "", "not a directory")

	s.must("sync", "album", "s3://box/cold", "--mode", "archive", "--yes").want(t, 0, "", "")
	if got := server.Keys(t, "box", "cold/"); len(got) != 3 {
		t.Errorf("got %q archived, want 3", got)
	}
}

func TestPins(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	s.addBucket(server, "box", "box")
	folder, _ := album(t, s, "album")
	old := time.Now().Add(-40 * 24 * time.Hour)
	for _, name := range []string{"a.jpg", "b c.jpg", "sub/deep.txt", "sub/x.tmp"} {
		if err := os.Chtimes(filepath.Join(folder, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	s.must("pin", "--list").want(t, 0, "nothing is pinned", "")
	if err := os.Symlink("album", filepath.Join(s.home, "link")); err != nil {
		t.Fatal(err)
	}
	s.must("pin", "link/sub") // the same by another name
	s.must("pin", "s3://box/album/b*")
	s.must("pin", "--list").want(t, 0, "local://laptop"+folder+"/sub\n", "")
	s.must("pin", "--list").want(t, 0, "s3://box/album/b*\n", "")
	s.must("sync", "album", "s3://box/album", "--mode", "selective", "--yes")
	wantTree(t, folder, map[string]string{"b c.jpg": "beta", "sub/": "", "sub/deep.txt": "deep", "sub/x.tmp": "scrap"})
	s.must("unpin", "album/sub")
	s.run("unpin", "album/sub").want(t, 1, "", "sd pin --list")
	s.must("pin", "album/a.jpg")
	s.must("sync", "album", "s3://box/album", "--mode", "selective", "--yes")
	wantTree(t, folder, map[string]string{"a.jpg": "alpha", "b c.jpg": "beta", "sub/": ""})
	s.run("pin").want(t, 2, "", "")
}

// A pair that is watched follows what happens on both sides, and Ctrl-C ends that cleanly.
func TestSyncWatch(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	s.addBucket(server, "box", "box")
	folder, _ := album(t, s, "album")
	b := s.start("sync", "album", "s3://box/album", "--mode", "bidirectional", "--watch", "--interval", "1s")
	eventually := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !is(); {
			if time.Now().After(end) {
				b.kill()
				t.Fatalf("%s did not happen: %s %s", what, b.out.String(), b.err.String())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	has := func(key string) func() bool {
		return func() bool { return len(server.Keys(t, "box", key)) == 1 }
	}
	eventually("the first sync", has("album/sub/deep.txt"))
	writeFile(t, filepath.Join(folder, "deep/er/file"), "later")
	eventually("an upload", has("album/deep/er/file"))
	server.MustPut(t, "box", "album/there", "there")
	eventually("a download", func() bool {
		_, err := os.Stat(filepath.Join(folder, "there"))
		return err == nil
	})
	if err := os.Remove(filepath.Join(folder, "a.jpg")); err != nil {
		t.Fatal(err)
	}
	eventually("a removal", func() bool { return len(server.Keys(t, "box", "album/a.jpg")) == 0 })
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if r := b.wait(); r.code != 0 || strings.Contains(r.err, "paused") {
		t.Errorf("got %d, %q, want a clean end", r.code, r.err)
	}
}
