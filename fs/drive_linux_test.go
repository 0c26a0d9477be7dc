package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

// A store that takes whole files, renames and makes folders, and can neither copy nor take
// parts, is one on which programs work as on any other.
func TestDriveWrites(t *testing.T) {
	for _, kind := range []string{mounttest.Drive, mounttest.Folding} {
		t.Run(kind, func(t *testing.T) {
			d := mountDrive(t, kind)
			big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // a few parts, were there any
			big = append(big, bytes.Repeat([]byte("x"), 20<<20)...)
			model := map[string][]byte{}
			check := func(what string) {
				t.Helper()
				for name, want := range model {
					got, err := os.ReadFile(d.at(name))
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s: %q reads %d bytes, %v, want %d", what, name, len(got), err, len(want))
					}
					if len(want) > 1<<20 {
						continue
					}
					if stored := d.behind.Content(name); stored != string(want) {
						t.Errorf("%s: the store has %d bytes of %q, want %d", what, len(stored), name, len(want))
					}
				}
			}
			put := func(name string, data []byte) {
				t.Helper()
				if err := os.WriteFile(d.at(name), data, 0o644); err != nil {
					t.Fatal(err)
				}
				model[name] = data
			}
			put("empty", nil)
			put("small", []byte("hello"))
			put("big", big)
			check("written")

			edit := func(name string, flags int, do func(f *os.File) error) {
				t.Helper()
				f, err := os.OpenFile(d.at(name), flags, 0o644)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(do(f), f.Close()); err != nil {
					t.Fatal(err)
				}
			}
			edit("small", os.O_RDWR, func(f *os.File) error {
				_, err := f.WriteAt([]byte("J"), 0)
				return err
			})
			model["small"] = []byte("Jello")
			edit("small", os.O_WRONLY|os.O_APPEND, func(f *os.File) error {
				_, err := f.WriteString(" and more")
				return err
			})
			model["small"] = []byte("Jello and more")
			edit("big", os.O_RDWR, func(f *os.File) error {
				_, err := f.WriteAt([]byte("in the middle"), 9<<20)
				return err
			})
			big = bytes.Clone(big)
			copy(big[9<<20:], "in the middle")
			model["big"] = big
			if err := os.Truncate(d.at("small"), 5); err != nil {
				t.Fatal(err)
			}
			model["small"] = []byte("Jello")
			edit("empty", os.O_RDWR, func(f *os.File) error { return f.Truncate(3) })
			model["empty"] = []byte{0, 0, 0}
			check("edited")

			put("small.tmp", []byte("saved safely"))
			if err := os.Rename(d.at("small.tmp"), d.at("small")); err != nil {
				t.Fatal(err)
			}
			model["small"] = model["small.tmp"]
			delete(model, "small.tmp")
			check("safe save")
			d.wantAbsent("small.tmp")

			f, err := os.Create(d.at("dirty"))
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range []string{"dirty2", "small", "dirty3"} {
				if _, err := fmt.Fprint(f, "line ", i, "\n"); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(f.Name(), d.at(name)); err != nil {
					t.Fatal(err)
				}
				f2, err := os.OpenFile(d.at(name), os.O_RDWR|os.O_APPEND, 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				f = f2
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			delete(model, "small")
			model["dirty3"] = []byte("line 0\nline 1\nline 2\n")
			check("renamed while dirty")
			d.wantAbsent("dirty", "dirty2", "small")

			open, err := os.Open(d.at("big"))
			if err != nil {
				t.Fatal(err)
			}
			defer open.Close()
			if err := os.Remove(d.at("big")); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(open); err != nil || !bytes.Equal(got, big) {
				t.Errorf("removed while open: %d bytes, %v", len(got), err)
			}
			delete(model, "big")
			check("removed")
			d.wantNames("", "empty", "dirty3")
		})
	}
}

// One request renames a folder, whatever lies in it; who has a file open in it goes on.
func TestDriveFolders(t *testing.T) {
	d := mountDrive(t, mounttest.Drive)
	if err := os.MkdirAll(d.at("a/b/c"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		d.write(fmt.Sprintf("a/b/f%02d", i), fmt.Sprint(i))
	}
	open, err := os.OpenFile(d.at("a/b/f07"), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	d.wantErr("rmdir", os.Remove(d.at("a/b")), syscall.ENOTEMPTY)
	before := d.behind.Requests()
	if err := os.Rename(d.at("a"), d.at("z")); err != nil {
		t.Fatal(err)
	}
	after := d.behind.Requests()
	for op, most := range map[string]int64{"RENAME": 1, "GET": 0, "PUT": 0, "DELETE": 0, "COPY": 0, "HEAD": 4, "LIST": 4} {
		if got := after[op] - before[op]; got > most {
			t.Errorf("a folder of 30 files took %d %s, want %d at most", got, op, most)
		}
	}
	if _, err := open.WriteString(" and on"); err != nil {
		t.Fatal(err)
	}
	if err := open.Sync(); err != nil {
		t.Fatal(err)
	}
	d.wantFile("z/b/f07", "7 and on")
	d.wantAbsent("a", "a/b/f07")
	if len(d.names("z/b")) != 31 {
		t.Errorf("got %q", d.names("z/b"))
	}
	if err := os.Mkdir(d.at("full"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.write("full/x", "")
	d.wantErr("over a full folder", unix.Rename(d.at("z"), d.at("full")), syscall.ENOTEMPTY)
	if err := os.Remove(d.at("full/x")); err != nil {
		t.Fatal(err)
	}
	d.wantNames("full") // it has not ended with its last file
	if err := unix.Rename(d.at("z"), d.at("full")); err != nil {
		t.Fatal(err)
	}
	d.wantFile("full/b/f01", "1")
	d.wantErr("hard link", os.Link(d.at("full/b/f01"), d.at("link")), syscall.ENOTSUP)
}

// What the service cannot carry stays with the mount, by version, and follows renames; times
// go to the service.
func TestDriveMetadata(t *testing.T) {
	d := mountDrive(t, mounttest.Drive)
	d.write("file", "content")
	at := time.Unix(1_234_567_890, 123_000_000)
	if err := os.Chmod(d.at("file"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(d.at("file"), "user.colour", []byte("red"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(d.at("file"), at, at); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", d.at("link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.at("dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.write("dir/empty", "")
	check := func(file, link string) {
		t.Helper()
		st, err := os.Stat(d.at(file))
		if err != nil || st.Mode().Perm() != 0o750 || !st.ModTime().Equal(at) {
			t.Errorf("%q: %v, %v", file, st, err)
		}
		value := make([]byte, 10)
		if n, err := unix.Getxattr(d.at(file), "user.colour", value); err != nil || string(value[:n]) != "red" {
			t.Errorf("%q: colour %q, %v", file, value[:max(0, n)], err)
		}
		if to, err := os.Readlink(d.at(link)); err != nil || to != "file" {
			t.Errorf("%q leads to %q, %v", link, to, err)
		}
		if st, err := os.Lstat(d.at("dir")); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("the folder: %v, %v", st, err)
		}
	}
	check("file", "link")
	if err := d.Drain(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := d.Refresh("onedrive/d"); err != nil {
		t.Fatal(err)
	}
	check("file", "link")
	if d.behind.Requests()["SETMETA"] == 0 || d.behind.Requests()["GET"] > 1 {
		t.Errorf("asked %v, want the time set without the bytes", d.behind.Requests())
	}
	if err := os.Rename(d.at("file"), d.at("dir/moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.at("link"), d.at("dir/link")); err != nil {
		t.Fatal(err)
	}
	if err := d.Refresh("onedrive/d"); err != nil {
		t.Fatal(err)
	}
	check("dir/moved", "dir/link")
	d.wantFile("dir/moved", "content")
	d.wantFile("dir/empty", "")
	f, err := os.OpenFile(d.at("dir/moved"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("!"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Chmod(0o640), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := d.Refresh("onedrive/d"); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(d.at("dir/moved")); err != nil || st.Mode().Perm() != 0o640 || st.Size() != 8 {
		t.Errorf("after a write: %v, %v", st, err)
	}
}

// Somebody else's change is not overwritten: both are kept.
func TestDriveConflict(t *testing.T) {
	d := mountDrive(t, mounttest.Drive)
	d.write("file.txt", "first")
	f, err := os.OpenFile(d.at("file.txt"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("mine!"), 0); err != nil {
		t.Fatal(err)
	}
	d.behind.Put("file.txt", "theirs")
	d.wantErr("close", f.Close(), syscall.ESTALE)
	d.soon("theirs shows", func() bool {
		got, err := os.ReadFile(d.at("file.txt"))
		return err == nil && string(got) == "theirs"
	})
	names := d.names("")
	if len(names) != 2 || !strings.Contains(strings.Join(names, "\n"), "(conflict ") {
		t.Fatalf("got %q, want a conflict copy", names)
	}
	for _, name := range names {
		if name != "file.txt" {
			d.wantFile(name, "mine!")
		}
	}
	// A name that somebody else has taken meanwhile is not taken from him.
	f, err = os.Create(d.at("new"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("mine"); err != nil {
		t.Fatal(err)
	}
	d.behind.Put("new", "theirs")
	d.wantErr("close", f.Close(), syscall.ESTALE)
	if got := d.behind.Content("new"); got != "theirs" {
		t.Errorf("the store has %q", got)
	}
}

// A file that is larger than the service takes says so, and what is there stays.
func TestDriveTooLarge(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{
		{Service: "onedrive", Identifier: "d", Memory: mounttest.Drive, MaxPut: 1 << 20, Capacity: 3 << 20},
	}})
	d := &driveMount{t, m, m.Memory("d")}
	d.write("file", "small")
	d.wantErr("too large", os.WriteFile(d.at("file"), make([]byte, 2<<20), 0o644), syscall.EFBIG)
	if got := d.behind.Content("file"); got != "small" {
		t.Errorf("the store has %d bytes", len(got))
	}
	d.write("a", strings.Repeat("a", 1<<20))
	d.write("b", strings.Repeat("b", 1<<20))
	d.wantErr("full", os.WriteFile(d.at("c"), make([]byte, 1<<20), 0o644), syscall.ENOSPC)
}
