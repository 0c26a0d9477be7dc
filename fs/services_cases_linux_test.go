package fs_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/backends"
	"sd/internal/mounttest"
	"sd/internal/services"
)

// doCases does on a mount what programs do. What a service cannot do is in its row of the table,
// with the errno that a program gets. Changes of others are asked for every second.
func doCases(t *testing.T, s services.Service, note noting) {
	limits := services.Patient
	limits.Poll = time.Second
	x := newSite(t, s, mounttest.Options{RetryMin: 20 * time.Millisecond, RenameSettle: 100 * time.Millisecond}, limits)
	for i, c := range serviceCases {
		t.Run(c.name, func(t *testing.T) {
			want, what := cmp.Or(s.Cannot[c.name], c.want), "ok"
			defer func() {
				if t.Failed() {
					what = "FAILED"
				}
				note(c.name, what)
			}()
			dir := fmt.Sprintf("%02d", i)
			must(t, os.Mkdir(x.at(dir), 0o755))
			err := c.do(t, x, x.at(dir), dir)
			switch {
			case want == 0 && err != nil:
				t.Errorf("%v", err)
			case want != 0 && !errors.Is(err, want):
				t.Errorf("got %v, want %v: its row says that it cannot", err, unix.ErrnoName(want))
			}
			if want != 0 {
				what = unix.ErrnoName(want)
			}
		})
	}
	x.drain(t)
}

// serviceCase is done in a new folder: dir is where the mount shows it, name what it is called
// in the volume. It returns what may be in a service's row instead of nil.
type serviceCase struct {
	name string
	do   func(t *testing.T, x *site, dir, name string) error
	want unix.Errno // what no service does
}

var serviceCases = []serviceCase{
	{name: "write and read", do: func(t *testing.T, x *site, dir, name string) error {
		for _, size := range []int{0, 1, 4095, 70_000, 1<<20 + 1} {
			content, file := strings.Repeat("0123456789abcdef", size/16+1)[:size], fmt.Sprint("f", size)
			write(t, dir+"/"+file, content)
			x.wantStored(t, name+"/"+file, content)
			if got := read(t, dir+"/"+file); got != content || lstat(t, dir+"/"+file).Size != int64(size) {
				t.Errorf("%d bytes read back as %s", size, brief(got))
			}
		}
		return nil
	}},
	{name: "a file of parts", do: func(t *testing.T, x *site, dir, name string) error {
		content := strings.Repeat("0123456789abcde\n", (9<<20)/16) + "end"
		write(t, dir+"/f", content)
		x.wantStored(t, name+"/f", content)
		f := edit(t, dir+"/f", "BEGIN")
		must(t, f.Close())
		x.wantStored(t, name+"/f", "BEGIN"+content[5:])
		return nil
	}},
	{name: "edit in place, append, truncate", do: func(t *testing.T, x *site, dir, name string) error {
		content := strings.Repeat("line of text\n", 2000)
		write(t, dir+"/f", content)
		f, err := os.OpenFile(dir+"/f", os.O_RDWR, 0)
		must(t, err)
		_, err = f.WriteAt([]byte("EDITED"), 9000)
		must(t, err)
		must(t, f.Sync())
		want := content[:9000] + "EDITED" + content[9006:]
		x.wantStored(t, name+"/f", want)
		must(t, f.Close())
		f, err = os.OpenFile(dir+"/f", os.O_APPEND|os.O_WRONLY, 0)
		must(t, err)
		must(t, closed(f, "more\n"))
		want += "more\n"
		x.wantStored(t, name+"/f", want)
		must(t, os.Truncate(dir+"/f", 5000))
		must(t, os.Truncate(dir+"/f", 6000))
		want = want[:5000] + strings.Repeat("\x00", 1000)
		x.drain(t)
		x.wantStored(t, name+"/f", want)
		if got := read(t, dir+"/f"); got != want {
			t.Errorf("it reads as %s", brief(got))
		}
		return nil
	}},
	{name: "mapped write", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/f", strings.Repeat("x", 10_000))
		// A process of its own: this one stands still while a goroutine waits for a page.
		exe, err := os.Executable()
		must(t, err)
		cmd := exec.Command(exe, "-test.run", "^TestMapHelper$")
		cmd.Env = append(os.Environ(), "SD_TEST_MAP="+dir+"/f")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		x.wantStored(t, name+"/f", strings.Repeat("x", 5000)+"mapped"+strings.Repeat("x", 4994))
		return nil
	}},
	{name: "O_EXCL", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/f", "there")
		_, err := os.OpenFile(dir+"/f", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		wantErrno(t, "of what is there", err, unix.EEXIST)
		f, err := os.OpenFile(dir+"/g", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		must(t, err)
		must(t, closed(f, "new"))
		x.wantStored(t, name+"/g", "new")
		return nil
	}},
	{name: "rename a file", do: func(t *testing.T, x *site, dir, name string) error {
		must(t, os.Mkdir(dir+"/d", 0o755))
		write(t, dir+"/a", "a")
		must(t, os.Rename(dir+"/a", dir+"/b"))
		must(t, os.Rename(dir+"/b", dir+"/d/c"))
		x.wantStored(t, name+"/d/c", "a")
		x.wantAbsent(t, name+"/a")
		x.wantAbsent(t, name+"/b")
		wantErrno(t, "of nothing", os.Rename(dir+"/no", dir+"/x"), unix.ENOENT)
		return nil
	}},
	{name: "rename over a file", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/a", "new")
		write(t, dir+"/b", "old and longer")
		must(t, os.Rename(dir+"/a", dir+"/b"))
		x.wantStored(t, name+"/b", "new")
		x.wantAbsent(t, name+"/a")
		if got := read(t, dir+"/b"); got != "new" {
			t.Errorf("it reads as %q", got)
		}
		if list := x.list(t, name); len(list) != 1 || list[0] != "b" {
			t.Errorf("the service lists %q, want b alone", list)
		}
		write(t, dir+"/c", "c")
		wantErrno(t, "RENAME_NOREPLACE over a file", noReplace(dir+"/c", dir+"/b"), unix.EEXIST)
		wantErrno(t, "a file over a folder", os.Rename(dir+"/b", filepath.Dir(dir)), unix.ENOTEMPTY, unix.EISDIR, unix.EINVAL, unix.EEXIST)
		return nil
	}},
	{name: "rename a folder", do: func(t *testing.T, x *site, dir, name string) error {
		must(t, os.MkdirAll(dir+"/a/sub/empty", 0o755))
		write(t, dir+"/a/f", "f")
		write(t, dir+"/a/sub/g", "g")
		f := edit(t, dir+"/a/f", "F")
		must(t, os.Rename(dir+"/a", dir+"/b"))
		must(t, f.Close())
		x.wantStored(t, name+"/b/f", "F")
		x.wantStored(t, name+"/b/sub/g", "g")
		if list := x.list(t, name+"/a"); len(list) != 0 {
			t.Errorf("the old folder holds %q", list)
		}
		if got := strings.Join(names(t, dir+"/b/sub"), " "); got != "empty g" {
			t.Errorf("the new one holds %q, want empty g", got)
		}
		must(t, os.Mkdir(dir+"/full", 0o755))
		write(t, dir+"/full/x", "x")
		wantErrno(t, "over a folder that is not empty", os.Rename(dir+"/b", dir+"/full"), unix.ENOTEMPTY, unix.EEXIST)
		must(t, os.Mkdir(dir+"/empty", 0o755))
		must(t, unix.Rename(dir+"/b", dir+"/empty"))
		x.wantStored(t, name+"/empty/sub/g", "g")
		return nil
	}},
	{name: "folders", do: func(t *testing.T, x *site, dir, name string) error {
		must(t, os.Mkdir(dir+"/d", 0o755))
		wantErrno(t, "mkdir again", os.Mkdir(dir+"/d", 0o755), unix.EEXIST)
		write(t, dir+"/d/f", "f")
		wantErrno(t, "rmdir of a folder with a file", unix.Rmdir(dir+"/d"), unix.ENOTEMPTY)
		wantErrno(t, "rmdir of a file", unix.Rmdir(dir+"/d/f"), unix.ENOTDIR)
		must(t, os.Remove(dir+"/d/f"))
		must(t, unix.Rmdir(dir+"/d"))
		wantErrno(t, "rmdir again", unix.Rmdir(dir+"/d"), unix.ENOENT)
		if list := x.list(t, name); len(list) != 0 {
			t.Errorf("the service lists %q", list)
		}
		return nil
	}},
	{name: "unlink while open", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/f", strings.Repeat("content", 1000))
		f := edit(t, dir+"/f", "CONTENT")
		must(t, os.Remove(dir+"/f"))
		x.wantAbsent(t, name+"/f")
		b := make([]byte, 8000)
		if n, _ := f.ReadAt(b, 0); n != 7000 || string(b[:14]) != "CONTENTcontent" {
			t.Errorf("reading on: %d bytes, %q", n, b[:14])
		}
		write(t, dir+"/f", "another")
		must(t, f.Close())
		x.wantStored(t, name+"/f", "another")
		return nil
	}},
	{name: "modes and times", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/f", "f")
		must(t, os.Chmod(dir+"/f", 0o640))
		when := time.Unix(1_000_000_000, 0)
		must(t, os.Chtimes(dir+"/f", when, when))
		x.drain(t)
		must(t, x.m.Refresh(string(x.Service)+"/"+x.Identifier))
		if st := lstat(t, dir+"/f"); st.Mode&0o7777 != 0o640 || st.Mtim.Sec != when.Unix() {
			t.Errorf("mode %o, mtime %v, want 640 and %v", st.Mode&0o7777, time.Unix(st.Mtim.Sec, 0), when)
		}
		x.wantStored(t, name+"/f", "f")
		return nil
	}},
	{name: "symbolic link", do: func(t *testing.T, x *site, dir, name string) error {
		if err := os.Symlink("target/of it", dir+"/l"); err != nil {
			return err
		}
		x.drain(t)
		must(t, x.m.Refresh(string(x.Service)+"/"+x.Identifier))
		if got, err := os.Readlink(dir + "/l"); got != "target/of it" || err != nil {
			t.Errorf("it leads to %q, %v", got, err)
		}
		return nil
	}},
	{name: "extended attribute", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/f", "f")
		if err := unix.Setxattr(dir+"/f", "user.note", []byte("kept"), 0); err != nil {
			return err
		}
		x.drain(t)
		must(t, x.m.Refresh(string(x.Service)+"/"+x.Identifier))
		if got := xattr(t, dir+"/f", "user.note"); got != "kept" {
			t.Errorf("got %q", got)
		}
		if got, want := xattr(t, dir+"/f", "user.sd.uri"), fmt.Sprintf("%s://%s/%s/f", x.Service, x.Identifier, name); got != want {
			t.Errorf("user.sd.uri is %q, want %q", got, want)
		}
		return nil
	}},
	{name: "hard link", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/f", "f")
		return os.Link(dir+"/f", dir+"/g")
	}, want: unix.ENOTSUP},
	{name: "RENAME_EXCHANGE", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/a", "a")
		write(t, dir+"/b", "b")
		return unix.Renameat2(unix.AT_FDCWD, dir+"/a", unix.AT_FDCWD, dir+"/b", unix.RENAME_EXCHANGE)
	}, want: unix.ENOTSUP},
	{name: "two writers", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/f", "base")
		f := edit(t, dir+"/f", "ours")
		x.overwrite(t, name+"/f", "theirs, longer")
		wantErrno(t, "close", f.Close(), unix.ESTALE)
		x.wantStored(t, name+"/f", "theirs, longer")
		var kept []string
		for _, n := range x.list(t, name) {
			if strings.Contains(n, "conflict") {
				kept = append(kept, n)
				x.wantStored(t, name+"/"+n, "ours")
			}
		}
		if len(kept) != 1 {
			t.Errorf("copies of the conflict: %q, want one", kept)
		}
		return nil
	}},
	{name: "a change behind the mount", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/f", "first")
		f := open(t, dir+"/f")
		x.overwrite(t, name+"/f", "the second one")
		x.overwrite(t, name+"/new", "n")
		must(t, x.m.Refresh(string(x.Service)+"/"+x.Identifier))
		if got := read(t, dir+"/f"); got != "the second one" {
			t.Errorf("it reads as %q", got)
		}
		if got := read(t, dir+"/new"); got != "n" {
			t.Errorf("a new one reads as %q", got)
		}
		b := make([]byte, 100)
		if n, err := f.ReadAt(b, 0); n > 0 && string(b[:n]) != "first" || n == 0 && !errors.Is(err, unix.ESTALE) {
			t.Errorf("the old handle reads %q, %v", b[:n], err)
		}
		return nil
	}},
	{name: "df and du", do: func(t *testing.T, x *site, dir, name string) error {
		write(t, dir+"/f", strings.Repeat("x", 100_000))
		var st unix.Statfs_t
		must(t, unix.Statfs(dir, &st))
		if st.Blocks == 0 || st.Bavail > st.Blocks || st.Bsize == 0 || st.Namelen < 255 {
			t.Errorf("statfs: %+v", st)
		}
		out, err := exec.Command("du", "-sb", "--apparent-size", dir).Output()
		size, _, _ := bytes.Cut(out, []byte("\t"))
		if n, e := strconv.Atoi(string(size)); err != nil || e != nil || n < 100_000 {
			t.Errorf("du: %q, %v, want 100000 bytes at least", out, err)
		}
		return nil
	}},
	{name: "150 files", do: func(t *testing.T, x *site, dir, name string) error {
		x.fill(t, name, 150)
		must(t, x.m.Refresh(string(x.Service)+"/"+x.Identifier))
		out, err := exec.Command("ls", "-l", dir).CombinedOutput()
		if n := bytes.Count(out, []byte(".txt\n")); err != nil || n != 150 {
			t.Errorf("ls -l shows %d files, %v", n, err)
		}
		if got := read(t, dir+"/0123.txt"); got != "file 123" {
			t.Errorf("one of them reads as %q", got)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if list := x.list(t, name); len(list) != 0 {
			t.Errorf("%d are left after rm -r", len(list))
		}
		return nil
	}},
	{name: "name: spaces and letters of the world", do: oddName("a b  ü日本語 – 🎉.txt")},
	{name: "name: #%&+=@~'$!,;()[]{}^`", do: oddName("#%&+=@~'$!,;()[]{}^`%41.txt")},
	{name: "name: colon", do: oddName("12:30")},
	{name: "name: ? * < > | \"", do: oddName(`a?b*c<d>e|f"g`)},
	{name: "name: backslash", do: oddName(`a\b`)},
	{name: "name: trailing space", do: oddName("a ")},
	{name: "name: leading space", do: oddName(" a")},
	{name: "name: trailing dot", do: oddName("a.")},
	{name: "name: control character", do: oddName("a\x01b")},
	{name: "name: newline", do: oddName("a\nb")},
	{name: "name: reserved elsewhere (CON)", do: oddName("CON")},
	{name: "name: 255 bytes", do: oddName(strings.Repeat("n", 255))},
	{name: "name: not UTF-8", do: oddName("a\xffb")},
}

// oddName makes, lists, reads, renames and removes a file and a folder of one name. What fails
// leaves nothing behind.
func oddName(odd string) func(*testing.T, *site, string, string) error {
	return func(t *testing.T, x *site, dir, name string) (err error) {
		path := filepath.Join(dir, odd)
		if err := os.WriteFile(path, []byte("odd"), 0o644); err != nil {
			return errors.Join(err, os.Remove(path))
		}
		must(t, x.m.Refresh(string(x.Service)+"/"+x.Identifier))
		list, err := os.ReadDir(dir)
		if err == nil && (len(list) != 1 || list[0].Name() != odd) {
			err = fmt.Errorf("the folder lists %v, want %q: %w", list, odd, unix.ENOENT)
		}
		if err != nil {
			return errors.Join(err, x.direct.(backends.Remover).Remove(t.Context(), name+"/"+odd, backends.Cond{}))
		}
		if got := read(t, path); got != "odd" {
			t.Errorf("it reads as %q", got)
		}
		must(t, os.Rename(path, dir+"/plain"))
		x.wantStored(t, name+"/plain", "odd")
		must(t, os.Mkdir(path, 0o755))
		must(t, os.Rename(dir+"/plain", filepath.Join(path, "in it")))
		must(t, x.m.Refresh(string(x.Service)+"/"+x.Identifier))
		if got := read(t, filepath.Join(path, "in it")); got != "odd" {
			t.Errorf("below a folder of that name it reads as %q", got)
		}
		return os.RemoveAll(path)
	}
}

// TestMapHelper writes through a mapping where another test asks for it.
func TestMapHelper(t *testing.T) {
	path := os.Getenv("SD_TEST_MAP")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	m, err := unix.Mmap(int(f.Fd()), 0, 10_000, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, err)
	copy(m[5000:], "mapped")
	must(t, unix.Msync(m, unix.MS_SYNC))
	must(t, unix.Munmap(m))
	must(t, f.Close())
}
