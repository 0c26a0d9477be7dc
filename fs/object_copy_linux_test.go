package fs_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

// copyRange is copy_file_range(2) of n bytes at off of both files.
func copyRange(from, to *os.File, off, n int64) (int, error) {
	in, out := off, off
	return unix.CopyFileRange(int(from.Fd()), &in, int(to.Fd()), &out, int(n), 0)
}

// copying opens a file of the mount and makes another, and asks for a copy of all bytes.
func (c *cloud) copying(t *testing.T, from, to string, size int64) (in, out *os.File) {
	t.Helper()
	in, err := os.Open(c.at(from))
	must(t, err)
	out, err = os.Create(c.at(to))
	must(t, err)
	t.Cleanup(func() {
		in.Close()
		out.Close()
	})
	for off := int64(0); off < size; {
		n, err := copyRange(in, out, off, size-off)
		must(t, err)
		if n == 0 {
			t.Fatalf("the copy of %s ended after %d bytes", from, off)
		}
		off += int64(n)
	}
	return in, out
}

func TestCopyInsideTheStore(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Versitygw)
	large := c.put(t, 20<<20+123, "large")
	small := c.put(t, 5000, "small")
	must(t, os.Mkdir(c.at("dir"), 0o755))
	for _, f := range []struct {
		from, to string
		content  []byte
	}{{"large", "copy", large}, {"small", "dir/small", small}} {
		names(t, c.at(""))
		read(t, c.at("small")) // so that nothing has to be fetched when it is opened
		held, err := os.Open(c.at(f.from))
		must(t, err)
		counts := c.counted(func() {
			if out, err := exec.Command("cp", c.at(f.from), c.at(f.to)).CombinedOutput(); err != nil {
				t.Fatalf("cp: %v: %s", err, out)
			}
		})
		must(t, held.Close())
		if counts["GET"]+counts["PUT"]+counts["PART"] != 0 {
			t.Errorf("cp %s made %v", f.from, counts)
		}
		if got, _ := c.stored(t, f.to); got != string(f.content) {
			t.Errorf("%s differs from %s", f.to, f.from)
		}
		if got := read(t, c.at(f.to)); got != string(f.content) {
			t.Errorf("%s differs from %s through the mount", f.to, f.from)
		}
	}
}

// TestCopiesStay changes what is copied, and the copy, before the copy is closed.
func TestCopiesStay(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Versitygw)
	const size = 9<<20 + 17
	for _, tt := range []struct {
		name   string
		copied int64 // 0: all
		do     func(src, copy string, out *os.File) error
		want   func(content []byte) []byte // nil: the source as it was
		at     string                      // where the copy lies then
	}{
		{name: "nothing"},
		{name: "source written", do: func(src, _ string, _ *os.File) error {
			f, err := os.OpenFile(src, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			if _, err := f.WriteAt([]byte("changed"), 100); err != nil {
				return err
			}
			return f.Close()
		}},
		{name: "source truncated", do: func(src, _ string, _ *os.File) error { return os.Truncate(src, 10) }},
		{name: "source removed", do: func(src, _ string, _ *os.File) error { return os.Remove(src) }},
		{name: "source renamed", do: func(src, _ string, _ *os.File) error { return os.Rename(src, src+".away") }},
		{name: "source replaced", do: func(src, _ string, _ *os.File) error {
			if err := os.WriteFile(src+".new", []byte("another"), 0o644); err != nil {
				return err
			}
			return os.Rename(src+".new", src)
		}},
		{name: "source overwritten by the copy", do: func(src, copy string, _ *os.File) error { return os.Rename(copy, src) }, at: "src"},
		{name: "attributes of the source", do: func(src, _ string, _ *os.File) error {
			if err := os.Chmod(src, 0o600); err != nil {
				return err
			}
			return c.m.Drain(time.Minute)
		}},
		{name: "folder renamed", do: func(src, _ string, _ *os.File) error {
			return os.Rename(c.at("dir"), c.at("dir.away"))
		}, at: "dir.away/copy"},
		{name: "copy written in the middle", do: func(_, _ string, out *os.File) error {
			_, err := out.WriteAt([]byte("in the middle"), 5<<20)
			return err
		}, want: func(b []byte) []byte { copy(b[5<<20:], "in the middle"); return b }},
		{name: "copy appended to", do: func(_, _ string, out *os.File) error {
			_, err := out.WriteAt([]byte("at the end"), size)
			return err
		}, want: func(b []byte) []byte { return append(b, "at the end"...) }},
		{name: "copy cut", do: func(_, _ string, out *os.File) error { return out.Truncate(1 << 20) },
			want: func(b []byte) []byte { return b[:1<<20] }},
		{name: "copy synced", do: func(_, _ string, out *os.File) error { return out.Sync() }},
		{name: "copy renamed", do: func(_, copy string, _ *os.File) error { return os.Rename(copy, copy+".new") }, at: "dir/copy.new"},
		{name: "copy removed", do: func(_, copy string, _ *os.File) error { return os.Remove(copy) }, at: "-"},
		{name: "first bytes only", copied: 8<<20 + 1, want: func(b []byte) []byte { return b[:8<<20+1] }},
		{name: "few bytes only", copied: 100, want: func(b []byte) []byte { return b[:100] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			content := c.put(t, size, "dir/src")
			must(t, c.m.Refresh("s3/bucket"))
			copied := tt.copied
			if copied == 0 {
				copied = size
			}
			_, out := c.copying(t, "dir/src", "dir/copy", copied)
			if tt.do != nil {
				must(t, tt.do(c.at("dir/src"), c.at("dir/copy"), out))
			}
			must(t, out.Close())
			want := content
			if tt.want != nil {
				want = tt.want(content)
			}
			switch tt.at {
			case "-":
				if _, ok := c.stored(t, "dir/copy"); ok {
					t.Error("the removed copy is there")
				}
				return
			case "":
				tt.at = "dir/copy"
			case "src":
				tt.at = "dir/src"
			}
			c.wantStored(t, tt.at, string(want))
			if got := read(t, c.at(tt.at)); got != string(want) {
				t.Errorf("through the mount the copy is %s, want %s", brief(got), brief(string(want)))
			}
			must(t, os.RemoveAll(c.at("dir")))
			must(t, os.RemoveAll(c.at("dir.away")))
		})
	}
	c.drain(t)
	if left, err := c.server.Uploads(t.Context(), c.name); err != nil || len(left) > 0 {
		t.Errorf("uploads in parts are left: %v, %v", left, err)
	}
}

func TestCopyInPieces(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Versitygw)
	content := c.put(t, 21<<20, "src")
	must(t, os.WriteFile(c.at("first"), nil, 0o644)) // what the server heeds is found out with it
	in, err := os.Open(c.at("src"))
	must(t, err)
	defer in.Close()
	out, err := os.Create(c.at("copy"))
	must(t, err)
	counts := c.counted(func() {
		for off := int64(0); off < int64(len(content)); {
			n, err := copyRange(in, out, off, 5<<20)
			must(t, err)
			off += int64(n)
		}
		must(t, out.Close())
	})
	if counts["GET"]+counts["PUT"]+counts["PART"] != 0 {
		t.Errorf("a copy in pieces made %v", counts)
	}
	c.wantStored(t, "copy", string(content))
}

// TestCopyOtherRanges copies what the store cannot be left to.
func TestCopyOtherRanges(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Gofakes3)
	content := c.put(t, 1<<20, "src")
	want := append([]byte("head"), content[1000:2000]...)
	must(t, os.WriteFile(c.at("copy"), []byte("head"), 0o644))
	f, err := os.OpenFile(c.at("copy"), os.O_RDWR, 0)
	must(t, err)
	in, err := os.Open(c.at("src"))
	must(t, err)
	defer in.Close()
	offIn, offOut := int64(1000), int64(4)
	for left := 1000; left > 0; {
		n, err := unix.CopyFileRange(int(in.Fd()), &offIn, int(f.Fd()), &offOut, left, 0)
		must(t, err)
		left -= n
	}
	offIn, offOut = 0, 2000 // within one file, with a gap before it
	_, err = unix.CopyFileRange(int(f.Fd()), &offIn, int(f.Fd()), &offOut, 4, 0)
	must(t, err)
	must(t, f.Close())
	want = append(want, make([]byte, 2000-len(want))...)
	c.wantStored(t, "copy", string(append(want, "head"...)))
}

func TestCopyOfWhatSomebodyElseChanges(t *testing.T) {
	c := newCloud(t, mounttest.Options{}, testserver.Versitygw)
	c.put(t, 1<<20, "src")
	_, out := c.copying(t, "src", "copy", 1<<20)
	c.overwrite(t, "src", "another")
	wantErrno(t, "close of a copy whose source is gone", out.Close(), unix.ESTALE)
	if _, ok := c.stored(t, "copy"); ok {
		t.Error("there is a copy")
	}
	mounttest.Eventually(t, time.Minute, "the copy that was given up is gone", func() bool {
		_, err := os.Lstat(c.at("copy"))
		return os.IsNotExist(err)
	})
	if left := c.m.Pending(); len(left) > 0 {
		t.Errorf("it waits for its upload: %v", left)
	}
}

func TestCopiesOutliveAKill(t *testing.T) {
	c := newCloud(t, mounttest.Options{WriteBack: true}, testserver.Versitygw)
	content := c.put(t, 9<<20, "src")
	for range 3 {
		_, out := c.copying(t, "src", "copy", int64(len(content)))
		must(t, out.Close())
		must(t, os.Remove(c.at("src")))
		c.m.Kill()
		c.remount(t)
		if got := read(t, c.at("copy")); got != string(content) {
			t.Fatalf("after a kill the copy is %s, want %s", brief(got), brief(string(content)))
		}
		c.drain(t)
		must(t, os.Rename(c.at("copy"), c.at("src")))
		c.drain(t)
	}
}
