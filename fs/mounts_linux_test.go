package fs_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

// ramDisk mounts a tmpfs on dir, and takes it away after the test.
func ramDisk(t *testing.T, dir string) {
	t.Helper()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

func TestOtherFileSystemsBelow(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	stick, view := filepath.Join(behind, "stick"), filepath.Join(shown, "stick")
	must(t, os.Mkdir(stick, 0o755))
	write(t, filepath.Join(stick, "below"), "the folder itself")
	if got := names(t, view); len(got) != 1 {
		t.Fatalf("before the mount: %v", got)
	}

	for range 2 { // a second time, for the kernel may use the same device number again
		ramDisk(t, stick)
		write(t, filepath.Join(stick, "file"), "on the stick")
		mounttest.Eventually(t, 1500*time.Millisecond, "a new mount is seen", func() bool {
			got, err := os.ReadFile(filepath.Join(view, "file"))
			return err == nil && string(got) == "on the stick"
		})
		must(t, os.Chmod(filepath.Join(stick, "file"), 0o611))
		write(t, filepath.Join(stick, "file"), "changed")
		mounttest.Eventually(t, 1500*time.Millisecond, "changes on it are seen", func() bool {
			st := lstat(t, filepath.Join(view, "file"))
			return st.Size == 7 && st.Mode&0o777 == 0o611
		})
		if err := unix.Rename(filepath.Join(view, "file"), filepath.Join(shown, "file")); err != unix.EXDEV {
			t.Errorf("rename to another file system: %v, want EXDEV", err)
		}
		// Looking into it must not keep it from being unmounted.
		mounttest.Eventually(t, 15*time.Second, "it can be unmounted", func() bool { return unix.Unmount(stick, 0) == nil })
		mounttest.Eventually(t, 1500*time.Millisecond, "its end is seen", func() bool {
			_, err := os.Stat(filepath.Join(view, "below"))
			return err == nil
		})
	}
}

func TestBindMountsAreOtherPlaces(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	a, bind := filepath.Join(behind, "a"), filepath.Join(behind, "bind")
	must(t, os.MkdirAll(filepath.Join(a, "sub"), 0o755))
	must(t, os.Mkdir(bind, 0o755))
	must(t, unix.Mount(behind, bind, "", unix.MS_BIND, "")) // of its own parent
	t.Cleanup(func() { unix.Unmount(bind, unix.MNT_DETACH) })
	mounttest.Eventually(t, 1500*time.Millisecond, "the bind mount is seen", func() bool {
		_, err := os.Stat(filepath.Join(shown, "bind/a/sub"))
		return err == nil
	})
	d, err := os.Open(filepath.Join(shown, "a/sub"))
	must(t, err)
	defer d.Close()
	lstat(t, filepath.Join(shown, "bind/a/sub"))
	if got, err := os.Readlink("/proc/self/fd/" + itoa(d.Fd())); err != nil || got != filepath.Join(shown, "a/sub") {
		t.Errorf("an open directory moved to %s, %v", got, err)
	}
}

func itoa(fd uintptr) string {
	if fd < 10 {
		return string(rune('0' + fd))
	}
	return itoa(fd/10) + string(rune('0'+fd%10))
}

// A folder's own mode must not be believed for longer than its entries'.
func TestModeOfAFolderNobodyEntered(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	must(t, os.Mkdir(filepath.Join(behind, "private"), 0o755))
	names(t, shown)
	lstat(t, filepath.Join(shown, "private"))
	must(t, os.Chmod(filepath.Join(behind, "private"), 0o700))
	must(t, os.Mkdir(filepath.Join(behind, "private/sub"), 0o700))
	mounttest.Eventually(t, 1500*time.Millisecond, "its new mode and link count are seen", func() bool {
		st := lstat(t, filepath.Join(shown, "private"))
		return st.Mode&0o777 == 0o700 && st.Nlink == 3
	})
}

func TestWorkingDirectoryMadeBehind(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	names(t, shown)
	old, err := os.Getwd()
	must(t, err)
	defer os.Chdir(old)
	for i := range 20 {
		dir := "d" + itoa(uintptr(i))
		must(t, os.Mkdir(filepath.Join(behind, dir), 0o755))
		mounttest.Eventually(t, time.Second, "the new folder is seen", func() bool { return os.Chdir(filepath.Join(shown, dir)) == nil })
		end := time.Now().Add(30 * time.Millisecond)
		mounttest.Eventually(t, time.Second, "time passes", func() bool {
			if _, err := unix.Getwd(); err != nil {
				t.Errorf("getcwd: %v", err)
			}
			return time.Now().After(end)
		})
	}
}
