package fs_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

const nobody = 65534

// localDir makes a directory and gives its path and the one at which m shows it.
func localDir(t *testing.T, m *mounttest.Mount) (behind, shown string) {
	t.Helper()
	behind = t.TempDir()
	return behind, m.Local(behind)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func lstat(t *testing.T, path string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatalf("lstat %s: %v", path, err)
	}
	return st
}

// posix runs go-fuse's suite on a mount.
func posix(t *testing.T, o mounttest.Options) {
	m := mounttest.Start(t, o)
	for name, test := range posixTests() {
		t.Run(name, func(t *testing.T) {
			_, shown := localDir(t, m)
			test(t, shown)
		})
	}
}

// posixTests are all but one: FcntlFlockLocksFile wants two record locks of one
// process to conflict, which POSIX denies; it fails on every file system, and go-fuse
// leaves it out too. TestRecordLocks has what it means.
func posixTests() map[string]func(*testing.T, string) {
	tests := maps.Clone(posixtest.All)
	delete(tests, "FcntlFlockLocksFile")
	return tests
}

func TestPosix(t *testing.T)           { posix(t, mounttest.Options{}) }
func TestPosixAllowOther(t *testing.T) { posix(t, mounttest.Options{AllowOther: true}) }
func TestPosixAsUser(t *testing.T)     { mounttest.AsUser(t, nobody, "TestPosix") }

func TestPosixOnTmpfs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ram")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	m := mounttest.Start(t, mounttest.Options{})
	for name, test := range posixTests() {
		t.Run(name, func(t *testing.T) {
			sub := filepath.Join(dir, name)
			if err := os.Mkdir(sub, 0o755); err != nil {
				t.Fatal(err)
			}
			test(t, m.Local(sub))
		})
	}
}

func TestTreeShowsWhatItShould(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{Devices: []string{"Old Laptop"}})
	for dir, want := range map[string]string{"": "content local", "local": "old-laptop " + mounttest.Device} {
		if got := strings.Join(names(t, m.Path(dir)), " "); got != want {
			t.Errorf("%q holds %q, want %q", dir, got, want)
		}
	}
	for _, hidden := range []string{"/proc", "/sys", "/dev", m.Dir} {
		if _, err := os.Lstat(m.Local(hidden)); !os.IsNotExist(err) {
			t.Errorf("%s is visible below local/: %v", hidden, err)
		}
		for _, name := range names(t, m.Local(filepath.Dir(hidden))) {
			if name == filepath.Base(hidden) {
				t.Errorf("%s is listed below local/", hidden)
			}
		}
	}
	off := m.Path("local", "old-laptop")
	if st := lstat(t, off); st.Mode&unix.S_IFMT != unix.S_IFDIR {
		t.Errorf("an unreachable device is no directory: mode %o", st.Mode)
	}
	if _, err := os.ReadDir(off); errnoOf(err) != unix.EHOSTUNREACH {
		t.Errorf("listing an unreachable device: %v, want EHOSTUNREACH", err)
	}
	if _, err := os.Stat(filepath.Join(off, "x")); errnoOf(err) != unix.EHOSTUNREACH {
		t.Errorf("a file of an unreachable device: %v, want EHOSTUNREACH", err)
	}
	for path, want := range map[string]string{
		m.Local("/etc/hosts"):   "local://" + mounttest.Device + "/etc/hosts",
		m.Path("local"):         "local://",
		filepath.Join(off):      "local://old-laptop/",
		m.Local("/etc") + "/./": "local://" + mounttest.Device + "/etc",
	} {
		buf := make([]byte, 200)
		n, err := unix.Getxattr(path, "user.sd.uri", buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("user.sd.uri of %s: %q, %v, want %q", path, buf[:max(n, 0)], err, want)
		}
	}
}

func errnoOf(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = u.Unwrap()
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A path of almost PATH_MAX bytes leaves no room for a prefix that a server might
// put before it.
func TestPathsNearPathMax(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	_, shown := localDir(t, m)
	fd, err := unix.Open(shown, unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	deep := strings.Repeat(strings.Repeat("d", 199)+"/", 20) // 4,000 bytes
	for at := 200; at <= len(deep); at += 200 {
		if err := unix.Mkdirat(fd, deep[:at-1], 0o755); err != nil {
			t.Fatalf("mkdir of %d bytes: %v", at, err)
		}
	}
	name := deep + strings.Repeat("f", 4095-len(deep))
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"create", func() error {
			f, err := unix.Openat(fd, name, unix.O_CREAT|unix.O_WRONLY, 0o640)
			if err == nil {
				_, err = unix.Write(f, []byte("deep"))
				unix.Close(f)
			}
			return err
		}},
		{"stat", func() error { return unix.Fstatat(fd, name, new(unix.Stat_t), 0) }},
		{"chmod", func() error { return unix.Fchmodat(fd, name, 0o600, 0) }},
		{"link", func() error { return unix.Linkat(fd, name, fd, deep+"link", 0) }},
		{"rename", func() error { return unix.Renameat(fd, deep+"link", fd, deep+"moved") }},
		{"symlink", func() error { return unix.Symlinkat("moved", fd, deep+"sym") }},
		{"readlink", func() error { _, err := unix.Readlinkat(fd, deep+"sym", make([]byte, 9)); return err }},
		{"unlink", func() error { return unix.Unlinkat(fd, name, 0) }},
	} {
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.what, err)
		}
	}
}

func TestModesFollowTheCallersUmaskOnly(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	defer unix.Umask(unix.Umask(0))
	for _, umask := range []int{0, 0o022, 0o077} {
		unix.Umask(umask)
		file, dir := fmt.Sprintf("f%o", umask), fmt.Sprintf("d%o", umask)
		if err := unix.Mkdir(filepath.Join(shown, dir), 0o777); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(filepath.Join(shown, file), unix.O_CREAT|unix.O_WRONLY, 0o6777)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		for name, want := range map[string]uint32{file: 0o6777 &^ uint32(umask), dir: 0o777 &^ uint32(umask)} {
			if got := lstat(t, filepath.Join(behind, name)).Mode & 0o7777; got != want {
				t.Errorf("umask %o: %s has mode %o, want %o", umask, name, got, want)
			}
		}
	}
}

func TestMappedPagesAreTheFile(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	write(t, filepath.Join(behind, "f"), strings.Repeat("a", 8192))
	f, err := os.OpenFile(filepath.Join(shown, "f"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pages, err := unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(pages)
	pages[5000] = 'b'
	if err := unix.Msync(pages, unix.MS_SYNC); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(behind, "f")); got[5000] != 'b' {
		t.Errorf("behind the mount byte 5000 is %q after msync", got[5000])
	}
	b, err := os.OpenFile(filepath.Join(behind, "f"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.WriteAt([]byte("c"), 6000); err != nil {
		t.Fatal(err)
	}
	mounttest.Eventually(t, 2e9, "a write behind the mount shows in the mapping", func() bool { return pages[6000] == 'c' })
}

func TestAppendersOnBothSidesLoseNothing(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	var files []*os.File
	for _, dir := range []string{behind, shown, shown} {
		f, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	for i := range 300 {
		if _, err := fmt.Fprintf(files[i%3], "line %d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{behind, shown} {
		got := read(t, filepath.Join(dir, "log"))
		for i := range 300 {
			if !strings.Contains(got, fmt.Sprintf("line %d\n", i)) {
				t.Fatalf("line %d is lost in %s", i, dir)
			}
		}
	}
}

func TestAppendersAsUser(t *testing.T) {
	mounttest.AsUser(t, nobody, "TestAppendersOnBothSidesLoseNothing")
}
func TestMappedAsUser(t *testing.T) { mounttest.AsUser(t, nobody, "TestMappedPagesAreTheFile") }

func TestLargeDirectories(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	const n = 5000
	for i := range n {
		write(t, filepath.Join(behind, fmt.Sprintf("file-%d", i)), "")
	}
	if got := len(names(t, shown)); got != n {
		t.Errorf("%d entries, want %d", got, n)
	}
	// Remove while reading, as rm -r does; nothing may be left or seen twice.
	d, err := os.Open(shown)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	seen := map[string]bool{}
	for {
		some, err := d.Readdirnames(100)
		for _, name := range some {
			if seen[name] {
				t.Fatalf("%s is listed twice", name)
			}
			seen[name] = true
			if err := os.Remove(filepath.Join(shown, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			break
		}
	}
	if left := names(t, behind); len(left) > 0 || len(seen) != n {
		t.Errorf("%d seen of %d, %d left", len(seen), n, len(left))
	}
}

func TestSparseAndLargeOffsets(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	f, err := os.Create(filepath.Join(shown, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const at = 5 << 30
	if _, err := f.WriteAt([]byte("end"), at); err != nil {
		t.Fatal(err)
	}
	st := lstat(t, filepath.Join(behind, "sparse"))
	if st.Size != at+3 || st.Blocks > 1024 {
		t.Errorf("size %d, %d blocks; want %d and a hole", st.Size, st.Blocks, at+3)
	}
	buf := make([]byte, 10)
	if n, _ := f.ReadAt(buf, at-5); !bytes.Equal(buf[:n], []byte("\x00\x00\x00\x00\x00end")) {
		t.Errorf("around the hole's end: %q", buf[:n])
	}
	if off, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_DATA); err != nil || off == 0 {
		t.Errorf("SEEK_DATA from 0: %d, %v", off, err)
	}
}
