package fs_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

// One FUSE request costs some 50 µs whatever it does, so these counts are the speed
// of metadata. All hold for root; the kernel asks a little more for other users,
// whose permissions it checks.

func total(requests map[string]int64) (n int64) {
	for _, k := range requests {
		n += k
	}
	return n
}

// budget checks that do, which handles n files, costs at most perFile requests each.
func budget(t *testing.T, m *mounttest.Mount, what string, n, perFile int64, do func()) {
	t.Helper()
	// One request more in all is allowed for: the folder itself.
	if got := m.Requests(do); total(got) > n*perFile+1 {
		t.Errorf("%s: %d requests for %d files, want at most %d each: %v", what, total(got), n, perFile, got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRequestBudgets(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	_, shown := localDir(t, m)
	const n = 200
	path := func(i int) string { return filepath.Join(shown, fmt.Sprint("f", i)) }
	each := func(do func(path string) error) func() {
		return func() {
			for i := range n {
				must(t, do(path(i)))
			}
		}
	}
	lstat(t, shown)

	budget(t, m, "create-write-close", n, 3, each(func(p string) error {
		fd, err := unix.Open(p, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, err = unix.Write(fd, []byte("content"))
		return err
	}))
	settle(t, m, shown)
	budget(t, m, "open-read-close", n, 1, each(func(p string) error {
		fd, err := unix.Open(p, unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, err = unix.Read(fd, make([]byte, 100))
		return err
	}))
	list := func() {
		if out, err := exec.Command("find", shown, "-ls").CombinedOutput(); err != nil || bytes.Count(out, []byte("\n")) != n+1 {
			t.Errorf("find: %v, %d lines", err, bytes.Count(out, []byte("\n")))
		}
	}
	list()
	// find(1) asks once what kind of file system it is on; that is no kernel's to remember.
	if got := m.Requests(list); total(got)-got["STATFS"] != 0 {
		t.Errorf("a second find -ls of an unchanged tree: %v, want no request", got)
	}
	if got := m.Requests(each(func(p string) error { return unix.Stat(p, new(unix.Stat_t)) })); total(got) != 0 {
		t.Errorf("stat of known paths: %v, want no request", got)
	}
	budget(t, m, "rename", n, 2, each(func(p string) error { return unix.Rename(p, p+"x") })) // and the new name's LOOKUP
	budget(t, m, "rename back", n, 2, each(func(p string) error { return unix.Rename(p+"x", p) }))
	budget(t, m, "unlink", n, 1, each(unix.Unlink))
}

// settle waits until the reports of what was just done have been dealt with.
func settle(t *testing.T, m *mounttest.Mount, dir string) {
	t.Helper()
	quiet := 0
	mounttest.Eventually(t, 10*time.Second, "no requests to an idle mount", func() bool {
		got := m.Requests(func() {
			names(t, dir)
			for _, name := range names(t, dir) {
				lstat(t, filepath.Join(dir, name))
			}
		})
		if total(got) > 0 {
			quiet = 0
		}
		quiet++
		return quiet > 60 // × 5 ms and more: longer than a report may take
	})
}

func TestRequestBudgetOfUntar(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	_, shown := localDir(t, m)
	const dirs, files = 10, 40
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for d := range dirs {
		must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: fmt.Sprintf("d%d/", d), Mode: 0o755, ModTime: time.Unix(1e9, 0)}))
		for f := range files {
			must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("d%d/f%d", d, f), Mode: 0o644, Size: 100, ModTime: time.Unix(1e9, 0)}))
			_, err := w.Write(make([]byte, 100))
			must(t, err)
		}
	}
	must(t, w.Close())
	// LOOKUP, CREATE, GETXATTR, and SETATTR for times and mode. Where tar(1) sets the
	// owner too, that is one SETATTR more, before which the kernel looks once more for
	// capabilities that the change of owner would take away.
	for i, option := range []string{"--no-same-owner", "--same-owner"} {
		dir := filepath.Join(shown, option)
		must(t, os.Mkdir(dir, 0o755))
		budget(t, m, "tar x "+option, dirs*(files+1), 5+2*int64(i), func() {
			cmd := exec.Command("tar", "-x", "-C", dir, option)
			cmd.Stdin = bytes.NewReader(archive.Bytes())
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("tar: %v %s", err, out)
			}
		})
	}
}

func TestDataBypassesTheDaemon(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	st := m.Status().Local
	if !st.Passthrough {
		t.Fatalf("no passthrough here: %s", st.Why)
	}
	if got := m.Requests(func() {
		f, err := os.Create(filepath.Join(shown, "big"))
		must(t, err)
		for range 64 {
			_, err := f.Write(make([]byte, 1<<20))
			must(t, err)
		}
		_, err = f.Seek(0, io.SeekStart)
		must(t, err)
		must(t, f.Close())
		_, err = os.ReadFile(filepath.Join(shown, "big"))
		must(t, err)
	}); got["READ"]+got["WRITE"] != 0 {
		t.Errorf("READ and WRITE requests with passthrough: %v", got)
	}
	if n := lstat(t, filepath.Join(behind, "big")).Size; n != 64<<20 {
		t.Errorf("%d bytes behind the mount, want %d", n, 64<<20)
	}
}
