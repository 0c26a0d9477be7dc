package fs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

// bothSides runs do in a directory of the bare file system and in one below the
// mount, and wants the same answer. It returns that of the mount.
func bothSides(t *testing.T, m *mounttest.Mount, do func(dir string) string) string {
	t.Helper()
	bare := t.TempDir()
	_, shown := localDir(t, m)
	want, got := do(bare), do(shown)
	if got != want {
		t.Errorf("below the mount %q, on the bare file system %q", got, want)
	}
	return got
}

// TestLikeTheBareFileSystem holds what reviews and other file systems got wrong.
func TestLikeTheBareFileSystem(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	for name, do := range map[string]func(dir string) string{
		"open read-only and truncate": func(dir string) string {
			write(t, dir+"/f", "content")
			fd, err := unix.Open(dir+"/f", unix.O_RDONLY|unix.O_TRUNC, 0)
			unix.Close(fd)
			return fmt.Sprint(err, lstat(t, dir+"/f").Size)
		},
		"append switched on": func(dir string) string {
			f, err := os.Create(dir + "/f")
			must(t, err)
			defer f.Close()
			f.WriteString("0123456789")
			_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, unix.O_APPEND)
			must(t, err)
			f.Seek(0, 0)
			f.WriteString("end")
			return read(t, dir+"/f")
		},
		"names too long": func(dir string) string {
			return fmt.Sprint(errnoOf(os.Mkdir(dir+"/"+strings.Repeat("n", 256), 0o755)), os.Mkdir(dir+"/"+strings.Repeat("n", 255), 0o755))
		},
		"rename without replacing": func(dir string) string {
			write(t, dir+"/a", "a")
			write(t, dir+"/b", "b")
			err := unix.Renameat2(unix.AT_FDCWD, dir+"/a", unix.AT_FDCWD, dir+"/b", unix.RENAME_NOREPLACE)
			return fmt.Sprint(err, read(t, dir+"/a"), read(t, dir+"/b"))
		},
		"rename exchanging": func(dir string) string {
			write(t, dir+"/a", "a")
			must(t, os.Mkdir(dir+"/b", 0o755))
			err := unix.Renameat2(unix.AT_FDCWD, dir+"/a", unix.AT_FDCWD, dir+"/b", unix.RENAME_EXCHANGE)
			return fmt.Sprint(err, read(t, dir+"/b"), lstat(t, dir+"/a").Mode)
		},
		"chown to nobody in particular": func(dir string) string {
			write(t, dir+"/f", "x")
			must(t, unix.Chmod(dir+"/f", 0o6755))
			err := unix.Chown(dir+"/f", -1, -1)
			return fmt.Sprintf("%v %o", err, lstat(t, dir+"/f").Mode)
		},
		"copy_file_range": func(dir string) string {
			write(t, dir+"/a", "copied by the kernel")
			a, err := os.Open(dir + "/a")
			must(t, err)
			defer a.Close()
			b, err := os.Create(dir + "/b")
			must(t, err)
			defer b.Close()
			n, err := unix.CopyFileRange(int(a.Fd()), nil, int(b.Fd()), nil, 100, 0)
			return fmt.Sprint(n, err, read(t, dir+"/b"))
		},
		"fsync of files and folders": func(dir string) string {
			write(t, dir+"/f", "x")
			f, _ := os.Open(dir + "/f")
			d, _ := os.Open(dir)
			defer f.Close()
			defer d.Close()
			return fmt.Sprint(unix.Fsync(int(f.Fd())), unix.Fdatasync(int(f.Fd())), unix.Fsync(int(d.Fd())))
		},
		"time of birth": func(dir string) string {
			write(t, dir+"/f", "x")
			var st unix.Statx_t
			err := unix.Statx(unix.AT_FDCWD, dir+"/f", 0, unix.STATX_BTIME, &st)
			return fmt.Sprint(err, st.Mask&unix.STATX_BTIME != 0, time.Since(time.Unix(st.Btime.Sec, 0)) < time.Hour)
		},
		"access by root": func(dir string) string {
			write(t, dir+"/f", "x")
			write(t, dir+"/x", "x")
			must(t, os.Chmod(dir+"/x", 0o100))
			return fmt.Sprint(unix.Access(dir+"/f", unix.X_OK), unix.Access(dir+"/x", unix.X_OK), unix.Access(dir+"/f", unix.W_OK), unix.Access(dir+"/no", 0))
		},
		"exec of a file with a read lock": func(dir string) string {
			must(t, os.WriteFile(dir+"/prog", []byte("#!/bin/sh\necho ran\n"), 0o755))
			f, err := os.Open(dir + "/prog")
			must(t, err)
			defer f.Close()
			must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}))
			out, err := run(t, 0, "/", dir+"/prog")
			return fmt.Sprint(out, err)
		},
		"open file description locks": func(dir string) string {
			write(t, dir+"/f", "x")
			var answers []error
			for range 3 {
				f, err := os.OpenFile(dir+"/f", os.O_RDWR, 0)
				must(t, err)
				var got error
				mounttest.Eventually(t, 2*time.Second, "the lock of the handle before is gone", func() bool {
					got = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
					return got == nil
				})
				answers = append(answers, got)
				f.Close()
			}
			return fmt.Sprint(answers)
		},
		"a lock on a file of mode 0": func(dir string) string {
			fd, err := unix.Open(dir+"/f", unix.O_CREAT|unix.O_RDWR, 0)
			must(t, err)
			defer unix.Close(fd)
			return fmt.Sprint(unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
		},
		"a folder that can be read but not searched": func(dir string) string {
			must(t, os.MkdirAll(dir+"/d/sub", 0o755))
			must(t, os.Chmod(dir+"/d", 0o644))
			defer os.Chmod(dir+"/d", 0o755)
			d, err := os.Open(dir + "/d")
			if err != nil {
				return err.Error()
			}
			defer d.Close()
			list, err := d.Readdirnames(-1)
			return fmt.Sprint(list, err)
		},
	} {
		t.Run(name, func(t *testing.T) { bothSides(t, m, do) })
	}
}

func TestLikeTheBareFileSystemAsUser(t *testing.T) {
	mounttest.AsUser(t, nobody, "TestLikeTheBareFileSystem")
}

func TestHardLinkWrittenInAnUnseenFolder(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	must(t, os.Mkdir(filepath.Join(behind, "unseen"), 0o755))
	write(t, filepath.Join(behind, "f"), "old")
	must(t, os.Link(filepath.Join(behind, "f"), filepath.Join(behind, "unseen/g")))
	lstat(t, filepath.Join(shown, "f"))
	write(t, filepath.Join(behind, "unseen/g"), "much longer")
	mounttest.Eventually(t, 2500*time.Millisecond, "the write is seen", func() bool { return read(t, filepath.Join(shown, "f")) == "much longer" })
}

func TestSetfaclClearsSetgid(t *testing.T) {
	_, behind, shown := shared(t)
	modes := map[string]uint32{}
	for name, view := range map[string]string{"bare": behind, "mount": shown} {
		dir := filepath.Join(behind, name)
		must(t, os.Mkdir(dir, 0o770))
		must(t, unix.Chown(dir, nobody, 12))
		must(t, unix.Chmod(dir, 0o2770))
		if out, err := run(t, nobody, "/", "setfacl", "-m", "u:12:r", filepath.Join(view, name)); err != nil {
			t.Fatalf("setfacl: %v %s", err, out)
		}
		modes[name] = lstat(t, dir).Mode & 0o7777
	}
	if modes["mount"] != modes["bare"] {
		t.Errorf("after setfacl by an owner outside the group: %o, want %o", modes["mount"], modes["bare"])
	}
}

func TestUnlinkedHardLinksHoldNoDescriptors(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	for i := range 300 {
		name := "/f" + itoa(uintptr(i))
		write(t, behind+name, "x")
		must(t, os.Link(behind+name, behind+name+"-link"))
		lstat(t, shown+name)
		lstat(t, shown+name+"-link")
		must(t, os.Remove(shown+name))
	}
	open := names(t, fmt.Sprintf("/proc/%d/fd", m.Pid()))
	if len(open) > 150 {
		t.Errorf("the mount holds %d descriptors after removing links", len(open))
	}
}

func TestReservedAttributes(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	_, shown := localDir(t, m)
	f, err := os.Create(filepath.Join(shown, "f"))
	must(t, err)
	defer f.Close()
	if err := unix.Setxattr(f.Name(), "user.sd.uri", []byte("x"), 0); !errors.Is(err, unix.ENOTSUP) {
		t.Errorf("setting user.sd.uri: %v, want ENOTSUP", err)
	}
	must(t, os.Remove(f.Name()))
	if n, err := unix.Fgetxattr(int(f.Fd()), "user.sd.uri", make([]byte, 200)); !errors.Is(err, unix.ENODATA) {
		t.Errorf("user.sd.uri of an unlinked file: %d bytes, %v; want ENODATA", n, err)
	}
}
