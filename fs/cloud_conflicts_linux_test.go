package fs_test

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

var conflictName = regexp.MustCompile(`^(.*) \(conflict this-device \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\)( \d+)?$`)

// keptBoth fails the test unless the other writer has the name, and ours lies beside
// it under the name of a conflict.
func (c *cloud) keptBoth(t *testing.T, key, others, ours string) {
	t.Helper()
	c.wantStored(t, key, others)
	var copies []string
	for _, k := range c.keys(t, key) {
		if m := conflictName.FindStringSubmatch(k); m != nil && m[1] == key {
			copies = append(copies, k)
		}
	}
	if len(copies) != 1 {
		t.Fatalf("beside %s there is %q, want one copy for the conflict", key, copies)
	}
	c.wantStored(t, copies[0], ours)
	c.wantShown(t, key, others)
	c.wantShown(t, copies[0], ours)
}

// wantShown waits until the mount shows these bytes.
func (c *cloud) wantShown(t *testing.T, key, want string) {
	t.Helper()
	mounttest.Eventually(t, 5*time.Second, "the mount shows "+brief(want)+" as "+key, func() bool {
		b, err := os.ReadFile(c.at(key))
		return err == nil && string(b) == want
	})
}

// edit opens a file, as soon as the mount sees that it is there, reads it and writes at
// its start, as programs do.
func edit(t *testing.T, path, start string) *os.File {
	t.Helper()
	var f *os.File
	mounttest.Eventually(t, 5*time.Second, path+" opens", func() (ok bool) {
		var err error
		f, err = os.OpenFile(path, os.O_RDWR, 0)
		return err == nil
	})
	t.Cleanup(func() { f.Close() })
	_, err := io.Copy(io.Discard, f)
	must(t, err)
	_, err = f.WriteAt([]byte(start), 0)
	must(t, err)
	return f
}

func TestConflicts(t *testing.T) {
	c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond}, testserver.Versitygw)
	other := c.second(t)
	theirs := func(key string) string { return other.Path("s3/bucket", key) }
	large := strings.Repeat("a line of a large file\n", 900000) // 20 MB: more than one part

	t.Run("object put while ours is open, at close", func(t *testing.T) {
		c.overwrite(t, "close", "base")
		f := edit(t, c.at("close"), "OURS")
		c.overwrite(t, "close", "theirs")
		wantErrno(t, "close", f.Close(), unix.ESTALE)
		c.keptBoth(t, "close", "theirs", "OURS")
	})
	t.Run("at fsync", func(t *testing.T) {
		c.overwrite(t, "fsync", "base and more")
		f := edit(t, c.at("fsync"), "OURS")
		c.overwrite(t, "fsync", "theirs")
		wantErrno(t, "fsync", f.Sync(), unix.ESTALE)
		c.keptBoth(t, "fsync", "theirs", "OURS and more")
		b := make([]byte, 20)
		if n, _ := f.ReadAt(b, 0); string(b[:n]) != "OURS and more" {
			t.Errorf("the handle reads %q after the conflict, want its own bytes", b[:n])
		}
	})
	t.Run("new object of one name", func(t *testing.T) {
		f, err := os.Create(c.at("new"))
		must(t, err)
		_, err = f.WriteString("ours")
		must(t, err)
		c.overwrite(t, "new", "theirs")
		wantErrno(t, "close", f.Close(), unix.ESTALE)
		c.keptBoth(t, "new", "theirs", "ours")
	})
	t.Run("large object", func(t *testing.T) {
		c.overwrite(t, "large", large)
		f := edit(t, c.at("large"), "OURS")
		c.overwrite(t, "large", "theirs")
		wantErrno(t, "close", f.Close(), unix.ESTALE)
		c.keptBoth(t, "large", "theirs", "OURS"+large[4:])
	})
	t.Run("two mounts", func(t *testing.T) {
		c.overwrite(t, "mounts", "the base")
		f, g := edit(t, c.at("mounts"), "ours"), edit(t, theirs("mounts"), "they")
		must(t, g.Close())
		wantErrno(t, "close", f.Close(), unix.ESTALE)
		c.keptBoth(t, "mounts", "theybase", "oursbase")
	})
	t.Run("deleted meanwhile", func(t *testing.T) {
		c.overwrite(t, "deleted", "base")
		f := edit(t, c.at("deleted"), "OURS")
		must(t, c.server.Delete(t.Context(), c.name, "deleted"))
		err := f.Close() // nobody has written another: ours may keep the name
		wantErrno(t, "close", err, nil, unix.ESTALE)
		if list := c.keys(t, "deleted"); len(list) != 1 {
			t.Errorf("of an object that was deleted while ours was written there is %q", list)
		} else {
			c.wantStored(t, list[0], "OURS")
		}
	})
	t.Run("two in a second", func(t *testing.T) {
		for i := range 2 {
			c.overwrite(t, "twice", "base")
			mounttest.Eventually(t, 5*time.Second, "the base is seen", func() bool {
				b, err := os.ReadFile(c.at("twice"))
				return err == nil && string(b) == "base"
			})
			f := edit(t, c.at("twice"), []string{"1st.", "2nd."}[i])
			c.overwrite(t, "twice", "theirs")
			wantErrno(t, "close", f.Close(), unix.ESTALE)
		}
		var got []string
		for _, k := range c.keys(t, "twice (") {
			content, _ := c.stored(t, k)
			got = append(got, content)
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"1st.", "2nd."}) {
			t.Errorf("the copies hold %q, want both of ours", got)
		}
	})
	t.Run("written in part and never read", func(t *testing.T) {
		// What the old object held is nowhere any more: ours can be known in part only.
		c.overwrite(t, "part", large)
		var f *os.File
		mounttest.Eventually(t, 5*time.Second, "it opens", func() (ok bool) {
			var err error
			f, err = os.OpenFile(c.at("part"), os.O_WRONLY, 0)
			return err == nil
		})
		_, err := f.WriteAt([]byte("OURS"), 10<<20)
		must(t, err)
		c.overwrite(t, "part", "theirs")
		wantErrno(t, "close", f.Close(), unix.ESTALE)
		c.wantStored(t, "part", "theirs")
	})
	t.Run("renamed over", func(t *testing.T) {
		c.overwrite(t, "target", "base")
		c.wantShown(t, "target", "base")
		write(t, c.at("tmp"), "ours")
		c.overwrite(t, "target", "theirs")
		err := os.Rename(c.at("tmp"), c.at("target"))
		switch got, _ := c.stored(t, "target"); {
		case err == nil && got == "ours": // it looked again: a rename over what is there
		case err != nil && got == "theirs":
			c.wantStored(t, "tmp", "ours")
		default:
			t.Errorf("rename: %v, and the target is %q", err, got)
		}
	})
}

// With write-back the conflict shows after close: in the background, or at fsync.
func TestConflictsWriteBack(t *testing.T) {
	c := newCloud(t, mounttest.Options{WriteBack: true, MetadataTTL: 40 * time.Millisecond}, testserver.Versitygw)
	c.overwrite(t, "f", "base")
	f := edit(t, c.at("f"), "OURS")
	c.overwrite(t, "f", "theirs")
	if err := f.Close(); err != nil {
		t.Errorf("close: %v, want success: bytes and intent are on the disk", err)
	}
	c.drain(t)
	c.keptBoth(t, "f", "theirs", "OURS")

	c.overwrite(t, "g", "base")
	g := edit(t, c.at("g"), "OURS")
	c.overwrite(t, "g", "theirs")
	wantErrno(t, "fsync", g.Sync(), unix.ESTALE)
	must(t, g.Close())
	c.keptBoth(t, "g", "theirs", "OURS")
}
