package fs_test

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

func TestChangesAreTold(t *testing.T) {
	c := newCloud(t, mounttest.Options{Record: true}, testserver.Gofakes3)
	content := "hello"
	sum := sumOf(content).String()
	put := func(name string, size int, sum string) string {
		return fmt.Sprintf("put %s kind=0 size=%d version=true blake3=%s", name, size, sum)
	}
	for _, step := range []struct {
		what string
		do   func() error
		want []string
	}{
		{"mkdir", func() error { return os.Mkdir(c.at("dir"), 0o755) }, []string{"put dir kind=1 size=0 version=false blake3="}},
		{"write", func() error { return os.WriteFile(c.at("dir/a"), []byte(content), 0o644) }, []string{put("dir/a", 5, sum)}},
		{"symlink", func() error { return os.Symlink("a", c.at("dir/l")) }, []string{"put dir/l kind=2 size=1 version=true blake3="}},
		{"rename", func() error { return os.Rename(c.at("dir/a"), c.at("dir/b")) }, []string{"moved dir/a dir/b dir=false", put("dir/b", 5, sum)}},
		{"rename of a folder", func() error { return os.Rename(c.at("dir"), c.at("new")) }, []string{"moved dir new dir=true"}},
		{"unlink", func() error { return os.Remove(c.at("new/b")) }, []string{"removed new/b"}},
		{"unlink of a link", func() error { return os.Remove(c.at("new/l")) }, []string{"removed new/l"}},
		{"rmdir", func() error { return os.Remove(c.at("new")) }, []string{"removed new"}},
		{"a failure", func() error { _ = os.Remove(c.at("nothing")); return nil }, nil},
	} {
		must(t, step.do())
		if got := c.m.Changes(); !slices.Equal(got, step.want) {
			t.Errorf("%s was told as %q, want %q", step.what, got, step.want)
		}
	}

	// A change of times alone gives the object another version, some time later.
	must(t, os.WriteFile(c.at("f"), []byte(content), 0o644))
	must(t, os.Chtimes(c.at("f"), time.Time{}, time.Unix(1_600_000_000, 0)))
	c.drain(t)
	if got := c.m.Changes(); len(got) != 2 || got[0] != put("f", 5, sum) || got[1] != put("f", 5, sum) {
		t.Errorf("a file and its times were told as %q", got)
	}
}

func TestChangesOfUploadsInTheBackground(t *testing.T) {
	c := newCloud(t, mounttest.Options{Record: true, WriteBack: true}, testserver.Gofakes3)
	must(t, os.WriteFile(c.at("a"), []byte("hello"), 0o644))
	c.drain(t)
	want := fmt.Sprintf("put a kind=0 size=5 version=true blake3=%s", sumOf("hello"))
	if got := c.m.Changes(); len(got) == 0 || got[0] != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestChangesTellOfConflicts(t *testing.T) {
	c := newCloud(t, mounttest.Options{Record: true}, testserver.Versitygw)
	must(t, os.WriteFile(c.at("a"), []byte("hello"), 0o644))
	f, err := os.OpenFile(c.at("a"), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("ours, longer")
	must(t, err)
	c.overwrite(t, "a", "theirs")
	wantErrno(t, "close after a conflict", f.Close(), unix.ESTALE)
	var told []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("told: %q", told)
		}
	})
	mounttest.Eventually(t, 20*time.Second, "both files are told of", func() bool {
		told = append(told, c.m.Changes()...)
		return slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, "put a (conflict ") }) &&
			slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, "put a kind=0 size=6 ") })
	})
}

func TestPassedBytesAreTold(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	large := string(b.put(t, 5<<20+17, "large", "other", "jump", "unwanted"))
	small := string(b.put(t, 100, "small"))
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, Record: true})
	at := func(name string) string { return m.Path("s3", "bucket", name) }
	passed := func(name, content string) string {
		return fmt.Sprintf("passed %s size=%d blake3=%s", name, len(content), sumOf(content))
	}
	for name, content := range map[string]string{"large": large, "small": small} {
		read(t, at(name))
		if got := m.Changes(); !slices.Equal(got, []string{passed(name, content)}) {
			t.Errorf("reading %s was told as %q, want %q", name, got, passed(name, content))
		}
		read(t, at(name)) // from the kernel's cache
		if got := m.Changes(); len(got) != 0 {
			t.Errorf("reading %s again was told as %q", name, got)
		}
	}
	// What nobody wants to know.
	read(t, at("unwanted"))
	// Not all of it.
	f, err := os.Open(at("other"))
	must(t, err)
	_, err = io.ReadFull(f, make([]byte, 1<<20))
	must(t, err)
	f.Close()
	// All of it, but the end first.
	f, err = os.Open(at("jump"))
	must(t, err)
	_, err = f.ReadAt(make([]byte, 4096), 4<<20+8192)
	must(t, err)
	_, err = io.ReadAll(f)
	must(t, err)
	f.Close()
	if got := m.Changes(); len(got) != 0 {
		t.Errorf("reading parts was told as %q", got)
	}
}
