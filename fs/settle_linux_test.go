package fs_test

import (
	"bytes"
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

func TestSettleSendsWhatIsStaged(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Gofakes3)
	must(t, os.MkdirAll(c.at("dir/sub"), 0o755))
	open := map[string]*os.File{}
	for _, key := range []string{"dir/a", "dir/sub/b", "dirty", "other"} {
		f, err := os.Create(c.at(key))
		must(t, err)
		defer f.Close()
		_, err = f.WriteString("of " + key)
		must(t, err)
		open[key] = f
	}
	must(t, c.m.Settle("bucket/dir"))
	for _, key := range []string{"dir/a", "dir/sub/b"} {
		if got, _ := c.stored(t, key); got != "of "+key {
			t.Errorf("%s holds %q after it was settled", key, got)
		}
	}
	for _, key := range []string{"dirty", "other"} {
		if _, ok := c.stored(t, key); ok {
			t.Errorf("%s was sent too", key)
		}
	}
	// The handles go on, and one file can be named as well as a folder.
	for key, f := range open {
		_, err := f.WriteString(", and more")
		must(t, err)
		must(t, c.m.Settle("bucket/"+key))
		if got, _ := c.stored(t, key); got != "of "+key+", and more" {
			t.Errorf("%s holds %q", key, got)
		}
	}
	must(t, c.m.Settle("bucket/nothing"))
}

func TestSettleWaitsForWriteBack(t *testing.T) {
	c := newCloud(t, mounttest.Options{WriteBack: true}, testserver.Gofakes3)
	must(t, os.WriteFile(c.at("warm"), nil, 0o644))
	c.drain(t)
	names(t, c.at("")) // so that new names are known to be new
	must(t, c.Refuse())
	must(t, os.WriteFile(c.at("a"), []byte("acknowledged"), 0o644))
	if err := c.m.Settle("bucket/a"); err == nil || !strings.Contains(err.Error(), "s3://bucket/a") {
		t.Errorf("settled while the provider was away: %v", err)
	}
	must(t, c.Serve())
	mounttest.Eventually(t, 20*time.Second, "it is settled when the provider is back", func() bool {
		return c.m.Settle("bucket/") == nil
	})
	if got, _ := c.stored(t, "a"); got != "acknowledged" {
		t.Errorf("a holds %q", got)
	}
	names(t, c.at(""))
	// What a killed mount has left is sent too, also before anybody looks into the volume.
	must(t, c.Refuse())
	must(t, os.WriteFile(c.at("b"), []byte("left behind"), 0o644))
	c.m.Kill()
	must(t, c.Serve())
	mounttest.Detach(c.dir)
	c.m = mounttest.StartAt(t, c.o, c.dir, c.data)
	must(t, c.m.Settle("bucket/b"))
	if got, _ := c.stored(t, "b"); got != "left behind" {
		t.Errorf("b holds %q", got)
	}
}

func TestSettleCarriesAttributes(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Gofakes3)
	c.put(t, 10, "a", "b")
	must(t, os.Chmod(c.at("a"), 0o600))
	copies := c.counted(func() { must(t, c.m.Settle("bucket/b")) })
	if n := copies["PUT"] + copies["COPY"]; n != 0 {
		t.Errorf("settling another file made %v", copies)
	}
	copies = c.counted(func() { must(t, c.m.Settle("bucket/a")) })
	if n := copies["PUT"] + copies["COPY"]; n == 0 {
		t.Errorf("the mode was not carried: %v", copies)
	}
}

func TestChangedBesideTheMount(t *testing.T) {
	c := newCloud(t, mounttest.Options{Record: true}, testserver.Gofakes3)
	put := func(key, content string) {
		t.Helper()
		must(t, c.server.PutString(t.Context(), c.name, key, content))
		c.m.Changed("bucket/" + key)
	}
	remove := func(key string) {
		t.Helper()
		must(t, c.server.Delete(t.Context(), c.name, key))
		c.m.Changed("bucket/" + key)
	}
	list := func(dir, want string) {
		t.Helper()
		if got := strings.Join(names(t, c.at(dir)), " "); got != want {
			t.Errorf("%q lists %q, want %q", dir, got, want)
		}
	}
	c.put(t, 10, "a/x", "a/y", "top")
	list("", "a top")
	list("a", "x y")
	if _, err := os.Stat(c.at("new/deep/f")); err == nil {
		t.Fatal("it is there already")
	}
	held, err := os.Open(c.at("a/x"))
	must(t, err)
	defer held.Close()
	before := read(t, c.at("a/x"))

	put("a/x", "another version")
	if got := read(t, c.at("a/x")); got != "another version" {
		t.Errorf("a/x holds %q after the change", got)
	}
	buf := make([]byte, 100)
	if n, err := held.ReadAt(buf, 0); n > 0 && !bytes.Equal(buf[:n], []byte(before)) {
		t.Errorf("the handle of the old version reads %q, %v", buf[:n], err)
	}
	put("new/deep/f", "made")
	if got := read(t, c.at("new/deep/f")); got != "made" {
		t.Errorf("new/deep/f holds %q", got)
	}
	list("", "a new top")
	list("new", "deep")
	list("new/deep", "f")
	remove("a/x")
	list("a", "y")
	if _, err := os.Lstat(c.at("a/x")); !os.IsNotExist(err) {
		t.Errorf("a/x after its removal: %v", err)
	}
	remove("new/deep/f")
	list("", "a top")
	if _, err := os.Lstat(c.at("new")); !os.IsNotExist(err) {
		t.Errorf("the folder that has ended with its last file: %v", err)
	}

	// A folder that was made and removed.
	must(t, c.server.PutString(t.Context(), c.name, "made/", ""))
	c.m.Changed("bucket/made")
	list("", "a made top")
	list("made", "")
	must(t, c.server.Delete(t.Context(), c.name, "made/"))
	c.m.Changed("bucket/made")
	list("", "a top")

	told := c.m.Changes()
	for _, want := range []string{"removed a/x", "removed new/deep/f", "removed made"} {
		if !slices.Contains(told, want) {
			t.Errorf("%q was not told: %q", want, told)
		}
	}
}

func TestChangedWhileStaged(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Versitygw)
	f, err := os.Create(c.at("mine"))
	must(t, err)
	_, err = f.WriteString("ours")
	must(t, err)
	must(t, c.server.PutString(t.Context(), c.name, "mine", "theirs"))
	c.m.Changed("bucket/mine")
	if got := read(t, c.at("mine")); got != "ours" {
		t.Errorf("while ours is staged the name shows %q", got)
	}
	wantErrno(t, "close after a conflict", f.Close(), unix.ESTALE)
	if got, _ := c.stored(t, "mine"); got != "theirs" {
		t.Errorf("the name holds %q at the provider", got)
	}
}

func TestHeedOwnLocalChanges(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "old")
	write(t, path+".new", "made beside the mount")
	if got := read(t, m.Local(path)); got != "old" {
		t.Fatalf("it holds %q", got)
	}
	names(t, m.Local(filepath.Dir(path)))
	m.Replace(path)
	mounttest.Eventually(t, 20*time.Second, "what the mount's own process has changed is seen", func() bool {
		b, err := os.ReadFile(m.Local(path))
		return err == nil && string(b) == "made beside the mount"
	})
	if got := strings.Join(names(t, m.Local(filepath.Dir(path))), " "); got != "file" {
		t.Errorf("the folder lists %q", got)
	}
}
