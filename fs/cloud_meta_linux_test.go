package fs_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// What is set on files and folders of a volume is there after a remount, and for
// another mount that has only the server to ask where the object can carry it.
func TestMetadataOnAVolume(t *testing.T) {
	c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond}, testserver.Versitygw)
	past := []unix.Timespec{unix.NsecToTimespec(1e18 + 123456789), unix.NsecToTimespec(1e18 + 987654321)}
	c.overwrite(t, "foreign", "written by another program")
	mounttest.Eventually(t, 5*time.Second, "it is seen", func() bool { _, err := os.Lstat(c.at("foreign")); return err == nil })
	must(t, os.Mkdir(c.at("d"), 0o755))
	write(t, c.at("d/f"), "content")
	must(t, os.Symlink("../some/where", c.at("d/l")))
	for _, p := range []string{"d/f", "d", "foreign"} {
		must(t, unix.Setxattr(c.at(p), "user.note", []byte("a \x00 note on "+p), 0))
		must(t, unix.Setxattr(c.at(p), "user.gone", []byte("x"), 0))
		must(t, unix.Removexattr(c.at(p), "user.gone"))
		must(t, unix.Chmod(c.at(p), 0o750))
		must(t, unix.Lchown(c.at(p), 1234, 567))
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, c.at(p), past, 0))
	}
	check := func(t *testing.T, root string, folders bool) {
		t.Helper()
		for _, p := range []string{"d/f", "d", "foreign"} {
			if p == "d" && !folders {
				continue
			}
			st := lstat(t, root+"/"+p)
			if st.Mode&0o7777 != 0o750 || st.Uid != 1234 || st.Gid != 567 || st.Mtim.Sec != past[1].Sec {
				t.Errorf("%s: mode %o, owner %d:%d, mtime %d; want 750, 1234:567, %d", p, st.Mode, st.Uid, st.Gid, st.Mtim.Sec, past[1].Sec)
			}
			if got := xattr(t, root+"/"+p, "user.note"); got != "a \x00 note on "+p {
				t.Errorf("%s: user.note is %q", p, got)
			}
			if got := xattr(t, root+"/"+p, "user.gone"); got != unix.ENODATA.Error() {
				t.Errorf("%s: a removed attribute is %q", p, got)
			}
			list := make([]byte, 1000)
			n, err := unix.Listxattr(root+"/"+p, list)
			if err != nil || !slices.Contains(strings.Split(string(list[:n]), "\x00"), "user.note") {
				t.Errorf("%s: listxattr %q, %v", p, list[:max(n, 0)], err)
			}
		}
		if target, err := os.Readlink(root + "/d/l"); target != "../some/where" || err != nil {
			t.Errorf("the link leads to %q, %v", target, err)
		}
		if st := lstat(t, root+"/d/l"); st.Mode&unix.S_IFMT != unix.S_IFLNK {
			t.Errorf("the link is %o", st.Mode)
		}
		if got := read(t, root+"/foreign"); got != "written by another program" {
			t.Errorf("foreign holds %q", got)
		}
	}
	check(t, c.at(""), true)
	c.remount(t)
	check(t, c.at(""), true)
	c.drain(t)
	c.wantStored(t, "foreign", "written by another program")
	c.wantStored(t, "d/f", "content")

	t.Run("another mount", func(t *testing.T) {
		other := c.second(t)
		for _, p := range []string{"d/f", "d/l", "foreign"} { // opening tells what a listing does not
			if p != "d/l" {
				read(t, other.Path("s3/bucket", p))
			}
		}
		check(t, other.Path("s3/bucket"), false)
	})
	t.Run("writing keeps them", func(t *testing.T) {
		f := edit(t, c.at("d/f"), "CONT")
		must(t, f.Close())
		st := lstat(t, c.at("d/f"))
		if st.Mode&0o7777 != 0o750 || st.Uid != 1234 || time.Since(time.Unix(st.Mtim.Sec, 0)) > time.Hour || xattr(t, c.at("d/f"), "user.note") == "" {
			t.Errorf("after a write: mode %o, owner %d, mtime %d", st.Mode, st.Uid, st.Mtim.Sec)
		}
		c.wantStored(t, "d/f", "CONTent")
	})
	t.Run("a folder that changes", func(t *testing.T) {
		before := time.Now().Unix()
		write(t, c.at("d/new"), "")
		st := lstat(t, c.at("d"))
		if st.Mtim.Sec < before || st.Mode&0o7777 != 0o750 || st.Uid != 1234 || xattr(t, c.at("d"), "user.note") == "" {
			t.Errorf("mode %o, owner %d, mtime %d, want one since %d", st.Mode, st.Uid, st.Mtim.Sec, before)
		}
		must(t, c.m.Refresh("s3/bucket/d")) // another listing is no change
		if again := lstat(t, c.at("d")); again.Mtim.Sec != st.Mtim.Sec {
			t.Errorf("its mtime is %d with the next listing, was %d", again.Mtim.Sec, st.Mtim.Sec)
		}
		must(t, os.Remove(c.at("d/new")))
	})
	t.Run("of an object that another program replaces", func(t *testing.T) {
		c.overwrite(t, "foreign", "replaced")
		c.wantShown(t, "foreign", "replaced")
		if st := lstat(t, c.at("foreign")); time.Since(time.Unix(st.Mtim.Sec, 0)) > time.Hour {
			t.Errorf("the mtime of the old version is shown: %d", st.Mtim.Sec)
		}
	})
	t.Run("reserved names", func(t *testing.T) {
		wantErrno(t, "setting user.sd.uri", unix.Setxattr(c.at("d/f"), "user.sd.uri", []byte("x"), 0), unix.ENOTSUP)
		if got := xattr(t, c.at("d/f"), "user.sd.uri"); got != "s3://bucket/d/f" {
			t.Errorf("user.sd.uri is %q", got)
		}
	})
	t.Run("df", func(t *testing.T) {
		var st unix.Statfs_t
		must(t, unix.Statfs(c.at("d/f"), &st))
		if total := st.Blocks * uint64(st.Bsize); total < 1<<40 || st.Bavail == 0 || st.Bavail > st.Blocks || st.Namelen != 255 {
			t.Errorf("df: %d bytes, %d of %d blocks free, names of %d", total, st.Bavail, st.Blocks, st.Namelen)
		}
	})
	t.Run("du", func(t *testing.T) {
		write(t, c.at("d/big"), strings.Repeat("x", 100000))
		if st := lstat(t, c.at("d/big")); st.Blocks < 195 || st.Blocks > 300 {
			t.Errorf("100,000 bytes take %d blocks", st.Blocks)
		}
	})
}

// user.sd.state and user.sd.blake3 tell how far a file has come.
func TestStateOfAFile(t *testing.T) {
	c := newCloud(t, mounttest.Options{RetryMin: 10 * time.Millisecond, RetryMax: 50 * time.Millisecond}, testserver.Versitygw)
	state := func(key string) string { return xattr(t, c.at(key), "user.sd.state") }
	becomes := func(key, want string) {
		t.Helper()
		mounttest.Eventually(t, 5*time.Second, key+" is "+want, func() bool { return state(key) == want })
	}
	f, err := os.Create(c.at("f"))
	must(t, err)
	_, err = f.WriteString("abc")
	must(t, err)
	if got := state("f"); got != "dirty" {
		t.Errorf("a file that was written and not closed is %q, want dirty", got)
	}
	c.breakAll(netproxy.Fault{Kind: netproxy.StallHead, For: 400 * time.Millisecond}, "PUT")
	done := make(chan error, 1)
	go func() { done <- f.Close() }()
	becomes("f", "uploading")
	must(t, <-done)
	c.Script()
	becomes("f", "clean")
	if got, want := xattr(t, c.at("f"), "user.sd.blake3"), "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"; got != want {
		t.Errorf("user.sd.blake3 of abc is %q, want %q", got, want)
	}

	c.breakAll(refused(403, "AccessDenied"), writing...)
	wantErrno(t, "close of what the server refuses", os.WriteFile(c.at("g"), []byte("kept"), 0o644), unix.EACCES)
	becomes("g", "failed")
	mounttest.Eventually(t, 5*time.Second, "g is listed as failed, with a reason", func() bool {
		list := c.m.Pending()
		return len(list) == 1 && list[0].Name == "g" && list[0].Reason != ""
	})
	if got := read(t, c.at("g")); got != "kept" {
		t.Errorf("what could not be uploaded reads %q", got)
	}
	c.wantAbsent(t, "g")
	c.Script()
	becomes("g", "clean")
	c.wantStored(t, "g", "kept")
	if got := xattr(t, c.at("f"), "user.sd.etag"); len(got) < 32 {
		t.Errorf("user.sd.etag is %q", got)
	}
}

// What could not be uploaded outlives the mount, and is uploaded by the next one.
func TestFailedUploadsOutliveTheMount(t *testing.T) {
	for name, kill := range map[string]bool{"unmounted": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, mounttest.Options{WriteBack: true, RetryMin: 10 * time.Millisecond, RetryMax: 50 * time.Millisecond}, testserver.Versitygw)
			must(t, os.Mkdir(c.at("d"), 0o755))
			content := strings.Repeat("kept\n", 5000)
			must(t, c.Refuse())
			mustWithin := func(what string, do func() error) {
				t.Helper()
				must(t, within(t, deadline, what, do))
			}
			f, err := os.Create(c.at("d/f"))
			if err == nil { // O_CREAT may have to ask whether there is one
				mustWithin("close", func() error { return closed(f, content) })
			}
			waiting := len(c.m.Pending())
			if kill {
				c.m.Kill()
			}
			c.remount(t)
			if err == nil {
				if got := len(c.m.Pending()); got != waiting || got != 1 {
					t.Errorf("%d files wait after the remount, %d before", got, waiting)
				}
				mustWithin("read", func() error {
					b, err := os.ReadFile(c.at("d/f"))
					if err == nil && string(b) != content {
						t.Errorf("while the server is away: %s", brief(string(b)))
					}
					return err
				})
			}
			must(t, c.Serve())
			if err == nil {
				c.drain(t)
				c.wantStored(t, "d/f", content)
			}
		})
	}
}

// The files that desktops leave everywhere stay here, and work.
func TestDesktopLitterStaysHere(t *testing.T) {
	c := newCloud(t, mounttest.Options{MetadataTTL: 40 * time.Millisecond}, testserver.Versitygw)
	must(t, os.Mkdir(c.at("d"), 0o755))
	litter := []string{".DS_Store", "._f", "Thumbs.db", "desktop.ini", ".directory"}
	c.Forget()
	for _, dir := range []string{"", "d"} {
		for _, name := range litter {
			write(t, c.at(dir, name), "litter "+dir)
			f, err := os.OpenFile(c.at(dir, name), os.O_WRONLY|os.O_APPEND, 0)
			must(t, err)
			must(t, closed(f, "!"))
			must(t, os.Chmod(c.at(dir, name), 0o600))
		}
	}
	write(t, c.at("d/tmp"), "a real file")
	c.remount(t)
	for _, dir := range []string{"", "d"} {
		list := names(t, c.at(dir))
		for _, name := range litter {
			if got := read(t, c.at(dir, name)); got != "litter "+dir+"!" || !slices.Contains(list, name) || lstat(t, c.at(dir, name)).Mode&0o777 != 0o600 {
				t.Errorf("%s in %q after a remount: %q, listed: %v", name, dir, got, slices.Contains(list, name))
			}
		}
	}
	must(t, os.Rename(c.at("d/.DS_Store"), c.at("d/._g")))
	if got := read(t, c.at("d/._g")); got != "litter d!" {
		t.Errorf("renamed litter: %q", got)
	}
	for _, name := range []string{"._f", "._g", "Thumbs.db", "desktop.ini", ".directory"} {
		must(t, os.Remove(c.at("d", name)))
	}
	for _, q := range c.Requests() {
		for _, name := range append(litter, "._g") {
			if strings.HasSuffix(q.Key, name) && q.Method != "GET" && q.Method != "HEAD" {
				t.Errorf("%s of %s reached the provider", q.Op, q.Key)
			}
		}
	}
	for _, key := range c.keys(t, "") {
		if key != "d/tmp" {
			t.Errorf("in the bucket: %s", key)
		}
	}
	must(t, os.Remove(c.at("d/tmp")))
	must(t, unix.Rmdir(c.at("d")))
}

// A mapping that is synced is at the provider after fsync.
func TestMappedWritesOnAVolume(t *testing.T) {
	c := newMappedCloud(t, mounttest.Options{}, testserver.Versitygw)
	c.overwrite(t, "f", strings.Repeat("-", 3<<20))
	f, err := os.OpenFile(c.at("f"), os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), 0, 3<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, err)
	defer unix.Munmap(m)
	copy(m[1<<20:], "mapped")
	must(t, unix.Msync(m, unix.MS_SYNC))
	must(t, f.Sync())
	want := bytes.Repeat([]byte("-"), 3<<20)
	copy(want[1<<20:], "mapped")
	c.wantStored(t, "f", string(want))
}
