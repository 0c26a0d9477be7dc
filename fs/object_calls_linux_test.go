package fs_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
	"sd/sdpath"
)

// open opens a file for reading until the end of the test.
func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func xattr(t *testing.T, path, name string) string {
	t.Helper()
	buf := make([]byte, 500)
	n, err := unix.Getxattr(path, name, buf)
	if err != nil {
		return err.Error()
	}
	return string(buf[:n])
}

func TestCallsOnObjects(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	content := b.put(t, 3<<20, "file", "dir/file")
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, Devices: []string{"Old Laptop"}})
	file, dir := m.Path("s3/bucket/file"), m.Path("s3/bucket/dir")

	t.Run("stat", func(t *testing.T) {
		for _, path := range []string{file, dir, m.Path("s3/bucket"), m.Path("s3")} {
			st := lstat(t, path)
			if st.Nlink != 1 || st.Blksize != 128<<10 || int(st.Uid) != os.Getuid() || int(st.Gid) != os.Getgid() || st.Ino != lstat(t, path).Ino {
				t.Errorf("%s: %+v", path, st)
			}
			if time.Since(time.Unix(st.Mtim.Sec, 0)) > time.Hour || st.Mtim != st.Atim || time.Since(time.Unix(st.Ctim.Sec, 0)) > time.Hour {
				t.Errorf("%s: times %v, %v, %v", path, st.Mtim, st.Ctim, st.Atim)
			}
		}
		if st := lstat(t, file); st.Mtim.Nsec != 0 || st.Ctim != st.Mtim {
			t.Errorf("times of a file: %v and %v, want one, in whole seconds", st.Mtim, st.Ctim)
		}
	})
	t.Run("fsync", func(t *testing.T) {
		for _, path := range []string{file, dir, m.Path("s3/bucket"), m.Path("s3"), m.Path("local"), m.Path()} {
			f := open(t, path)
			if err := f.Sync(); err != nil {
				t.Errorf("fsync of %s: %v", path, err)
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				t.Errorf("fdatasync of %s: %v", path, err)
			}
		}
	})
	t.Run("access", func(t *testing.T) {
		for _, path := range []string{file, dir, m.Path("s3/bucket"), m.Path("s3"), m.Path("local/old-laptop"), m.Path()} {
			isFile := path == file
			for mode, want := range map[uint32]error{unix.R_OK: nil, unix.W_OK: unix.EROFS, unix.X_OK: nil, unix.F_OK: nil} {
				if mode == unix.X_OK && isFile {
					want = unix.EACCES
				}
				if mode == unix.W_OK && strings.HasPrefix(path, m.Path("s3/bucket")) {
					want = nil
				}
				if err := unix.Access(path, mode); err != want && (err != nil || want != nil) {
					t.Errorf("access(%s, %d): %v, want %v", path, mode, err, want)
				}
			}
		}
	})
	t.Run("attributes", func(t *testing.T) {
		for name, want := range map[string]string{
			"user.sd.etag": "", "user.sd.state": "clean", "user.sd.uri": "s3://bucket/file", "user.other": unix.ENODATA.Error(),
		} {
			if got := xattr(t, file, name); got != want && want != "" {
				t.Errorf("%s of a file: %q, want %q", name, got, want)
			}
		}
		if got := xattr(t, file, "user.sd.etag"); len(got) != 32 || strings.Trim(got, "0123456789abcdef") != "" {
			t.Errorf("user.sd.etag of a file: %q, want an MD5", got)
		}
		for _, name := range []string{"user.sd.etag", "user.sd.state", "user.other"} {
			for _, path := range []string{dir, m.Path("s3"), m.Path("local/old-laptop")} {
				if got := xattr(t, path, name); got != unix.ENODATA.Error() {
					t.Errorf("%s of %s: %q, want ENODATA", name, path, got)
				}
			}
		}
		if got := xattr(t, m.Path(), "user.sd.uri"); got != unix.ENODATA.Error() {
			t.Errorf("user.sd.uri of the root: %q, want ENODATA", got)
		}
		for _, path := range []string{file, dir, m.Path("s3")} {
			if n, err := unix.Listxattr(path, nil); n != 0 || err != nil {
				t.Errorf("listxattr of %s: %d bytes, %v", path, n, err)
			}
		}
	})
	t.Run("df", func(t *testing.T) {
		for path, want := range map[string]uint64{file: 1 << 50, dir: 1 << 50, m.Path("s3/bucket"): 1 << 50, m.Path("s3"): 0, m.Path(): 0} {
			var st unix.Statfs_t
			must(t, unix.Statfs(path, &st))
			if got := st.Blocks * uint64(st.Bsize); got != want || st.Bavail != st.Blocks {
				t.Errorf("df of %s: %d bytes and %d of %d blocks free, want %d bytes, all free", path, got, st.Bavail, st.Blocks, want)
			}
		}
	})
	t.Run("seek and map", func(t *testing.T) {
		f := open(t, file)
		if at, err := f.Seek(-5, 2); at != 3<<20-5 || err != nil {
			t.Errorf("seek: %d, %v", at, err)
		}
		pages, err := unix.Mmap(int(f.Fd()), 0, 3<<20, unix.PROT_READ, unix.MAP_SHARED)
		must(t, err)
		defer unix.Munmap(pages)
		if string(pages) != string(content) {
			t.Error("the mapping differs from the object")
		}
		direct, err := unix.Open(file, unix.O_RDONLY|unix.O_DIRECT, 0)
		must(t, err)
		defer unix.Close(direct)
		buf := make([]byte, 8192)
		if n, err := unix.Pread(direct, buf, 4096); n != 8192 || err != nil || string(buf) != string(content[4096:4096+8192]) {
			t.Errorf("O_DIRECT: %d bytes, %v", n, err)
		}
		copied, err := os.Create(t.TempDir() + "/copy")
		must(t, err)
		defer copied.Close()
		if _, err := f.Seek(0, 0); err != nil {
			t.Error(err)
		}
		if _, err := copied.ReadFrom(f); err != nil || read(t, copied.Name()) != string(content) {
			t.Errorf("a copy differs: %v", err)
		}
	})
}

// tar and diff read all of a volume, and complain of what changes meanwhile.
func TestCopiesOfAVolume(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	b.put(t, 1<<20, "d/a", "d/b", "d/c/e", "d/f")
	for _, ttl := range []time.Duration{time.Minute, 40 * time.Millisecond} {
		m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, MetadataTTL: ttl})
		tmp, volume := t.TempDir(), m.Path("s3/bucket")
		if out, err := run(t, 0, tmp, "tar", "-cf", "d.tar", "-C", volume, "d"); err != nil || out != "" {
			t.Errorf("tar with a lifetime of %v: %v\n%s", ttl, err, out)
		}
		if out, err := run(t, 0, tmp, "tar", "-xf", "d.tar"); err != nil || out != "" {
			t.Errorf("untar: %v\n%s", err, out)
		}
		if out, err := run(t, 0, tmp, "diff", "-r", "d", volume+"/d"); err != nil {
			t.Errorf("diff: %v\n%s", err, out)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	b.put(t, 1, "file")
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, Devices: []string{"Old Laptop"}})
	for path, want := range map[string]error{
		"gcs": unix.ENOENT, "nothing/x": unix.ENOENT, "local/nobody": unix.ENOENT, "s3/nothing": unix.ENOENT, "s3/nothing/x": unix.ENOENT,
		"s3/bucket/nothing": unix.ENOENT, "s3/bucket/file/x": unix.ENOTDIR, "local/old-laptop/x": unix.EHOSTUNREACH,
		"s3/bucket/" + strings.Repeat("n", 256): unix.ENAMETOOLONG,
	} {
		if _, err := os.Lstat(m.Path(path)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if err := os.Mkdir(m.Path("local/old-laptop/x"), 0o755); !errors.Is(err, unix.EHOSTUNREACH) {
		t.Errorf("mkdir on another device: %v, want EHOSTUNREACH", err)
	}
}

// What is a file and a folder is the folder, and what cannot be listed cannot be
// opened, whatever was looked at before.
func TestNamesWithoutAPlace(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	long := strings.Repeat("n", 256)
	b.put(t, 10, "x", "x/y", "deep/x", "deep/x/y", "plain", long, strings.Repeat("m", 255))
	start := func(t *testing.T) *mounttest.Mount {
		return mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}})
	}
	check := func(t *testing.T, m *mounttest.Mount) {
		for _, dir := range []string{"", "deep"} {
			x := m.Path("s3/bucket", dir, "x")
			if st := lstat(t, x); st.Mode&unix.S_IFMT != unix.S_IFDIR {
				t.Errorf("%s has mode %o, want a folder", x, st.Mode)
			}
			if got := names(t, x); len(got) != 1 || got[0] != "y" {
				t.Errorf("%s holds %q", x, got)
			}
		}
		if st := lstat(t, m.Path("s3/bucket/plain")); st.Mode&unix.S_IFMT != unix.S_IFREG {
			t.Errorf("plain has mode %o, want a file", st.Mode)
		}
		if _, err := os.ReadFile(m.Path("s3/bucket", long)); !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("a name of 256 bytes: %v, want ENAMETOOLONG", err)
		}
		lstat(t, m.Path("s3/bucket", strings.Repeat("m", 255)))
	}
	t.Run("looked up", func(t *testing.T) { check(t, start(t)) })
	t.Run("listed", func(t *testing.T) {
		m := start(t)
		if got := strings.Join(names(t, m.Path("s3/bucket")), " "); !slices.Equal(strings.Fields(got), []string{sdpath.Escape(long), "%%x%file", "deep", strings.Repeat("m", 255), "plain", "x"}) {
			t.Errorf("the bucket holds %q", got)
		}
		names(t, m.Path("s3/bucket/deep"))
		check(t, m)
	})
	if got := b.counted(func() { lstat(t, start(t).Path("s3/bucket/plain")) }); !equalCounts(got, map[string]int{"HEAD": 1, "LIST": 1}) {
		t.Errorf("a look-up of a file: %v, want a HEAD and a LIST", got)
	}
}

func TestLocksOnObjects(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	b.put(t, 10, "file")
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}})
	for _, path := range []string{m.Path("s3/bucket/file"), m.Path("s3/bucket")} {
		first, second, third := open(t, path), open(t, path), open(t, path)
		lock := func(f *os.File, how int) error { return unix.Flock(int(f.Fd()), how|unix.LOCK_NB) }
		must(t, lock(first, unix.LOCK_SH))
		must(t, lock(second, unix.LOCK_SH))
		if err := lock(third, unix.LOCK_EX); err != unix.EAGAIN {
			t.Errorf("%s: an exclusive lock beside two shared ones: %v, want EAGAIN", path, err)
		}
		must(t, lock(first, unix.LOCK_UN))
		must(t, lock(second, unix.LOCK_EX)) // which was shared
		if err := lock(first, unix.LOCK_SH); err != unix.EAGAIN {
			t.Errorf("%s: a shared lock beside an exclusive one: %v, want EAGAIN", path, err)
		}
		waited := make(chan error)
		go func() { waited <- unix.Flock(int(third.Fd()), unix.LOCK_EX) }()
		second.Close()
		if err := <-waited; err != nil {
			t.Errorf("%s: waiting for a handle to be closed: %v", path, err)
		}
		third.Close()
		must(t, lock(first, unix.LOCK_EX))
		if out, err := run(t, 0, "/", "timeout", "--signal=INT", "0.2", "flock", "-s", path, "true"); err == nil {
			t.Errorf("flock went past a lock: %q", out)
		}
		must(t, lock(first, unix.LOCK_UN))
		if out, err := run(t, 0, "/", "flock", "-s", path, "echo", "locked"); err != nil || out != "locked\n" {
			t.Errorf("flock -s %s: %q, %v", path, out, err)
		}
	}

	f := open(t, m.Path("s3/bucket/file"))
	for _, cmd := range []int{unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_SETLK} {
		must(t, unix.FcntlFlock(f.Fd(), cmd, &unix.Flock_t{Type: unix.F_RDLCK, Len: 5}))
		must(t, unix.FcntlFlock(f.Fd(), cmd, &unix.Flock_t{Type: unix.F_UNLCK}))
	}
	ask := unix.Flock_t{Type: unix.F_WRLCK}
	must(t, unix.FcntlFlock(f.Fd(), unix.F_GETLK, &ask))
	if ask.Type != unix.F_UNLCK {
		t.Errorf("F_GETLK: %+v, want nothing in the way", ask)
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != unix.EBADF {
		t.Errorf("an exclusive record lock: %v, want EBADF", err)
	}
}

func TestDatabaseInAVolume(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	db := t.TempDir() + "/db"
	if out, err := run(t, 0, "/", "sqlite3", db, "create table t(a); insert into t values (1), (2), (39)"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b.server.MustPut(t, "bucket", "db", read(t, db))
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}})
	for _, args := range [][]string{{"-readonly", m.Path("s3/bucket/db")}, {m.Path("s3/bucket/db")}} {
		if out, err := run(t, 0, "/", "sqlite3", append(args, "select sum(a) from t; pragma integrity_check")...); err != nil || out != "42\nok\n" {
			t.Errorf("sqlite3 %q: %q, %v", args, out, err)
		}
	}
}

// A handle goes on over what it has when its object is deleted or replaced.
func TestDeletedUnderAReader(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	content := b.put(t, 3<<20, "dir/read", "dir/unread")
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, MetadataTTL: 100 * time.Millisecond})
	whole, start := open(t, m.Path("s3/bucket/dir/read")), open(t, m.Path("s3/bucket/dir/unread"))
	buf := make([]byte, 3<<20)
	_, err := whole.ReadAt(buf, 0)
	must(t, err)
	must(t, b.server.Delete(t.Context(), "bucket", "dir/read"))
	must(t, b.server.Delete(t.Context(), "bucket", "dir/unread"))
	mounttest.Eventually(t, 5*time.Second, "the folder is gone", func() bool {
		_, err := os.Lstat(m.Path("s3/bucket/dir"))
		return os.IsNotExist(err)
	})
	if n, err := whole.ReadAt(buf, 0); n != len(buf) || err != nil || string(buf) != string(content) {
		t.Errorf("a file that was read before: %d bytes, %v, want the old bytes", n, err)
	}
	if n, err := start.ReadAt(buf, 0); err != nil && !errors.Is(err, unix.ESTALE) || string(buf[:n]) != string(content[:n]) {
		t.Errorf("a file that was not: %d bytes, %v, want old bytes or ESTALE", n, err)
	}
	if st, err := whole.Stat(); err != nil || st.Size() != 3<<20 {
		t.Errorf("its size: %v, %v", st, err)
	}

	b.put(t, 10, "file")
	old := open(t, m.Path("s3/bucket/file"))
	b.put(t, 20, "file")
	mounttest.Eventually(t, 5*time.Second, "the new version is seen", func() bool {
		return lstat(t, m.Path("s3/bucket/file")).Size == 20
	})
	dest := make([]byte, 200)
	n, err := unix.Fgetxattr(int(old.Fd()), "user.sd.etag", dest)
	if err != nil || string(dest[:n]) == xattr(t, m.Path("s3/bucket/file"), "user.sd.etag") {
		t.Errorf("user.sd.etag of an old version: %q, %v", dest[:max(n, 0)], err)
	}
	if st, err := old.Stat(); err != nil || st.Size() != 10 {
		t.Errorf("size of an old version: %v, %v, want 10", st, err)
	}
}
