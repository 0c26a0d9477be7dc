package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/backends"
)

func TestLocalCopy(t *testing.T) {
	ways(t, func(d *disk) {
		var names []string
		for i, size := range []int{0, 1, 4095, 16 << 10, 128 << 10, 128<<10 + 1, 1<<20 + 3, 3 << 20} {
			name := fmt.Sprint("f", size)
			from := d.file(name, noise(size, byte(i)))
			if isRoot() {
				d.must(os.Chown(from, i*7, i*3))
			}
			if i%2 == 1 {
				d.must(unix.Setxattr(from, "user.note", []byte(name), 0))
				d.must(unix.Setxattr(from, "user.long", bytes.Repeat([]byte("x"), 1000), 0))
			}
			d.must(os.Chmod(from, []os.FileMode{0o644, 0o444, 0o600, 0o755, 0o000, 0o777, 0o640, 0o700 | os.ModeSetuid | os.ModeSticky}[i]))
			when := time.Unix(1_600_000_000+int64(i), 123_456_789+int64(i))
			d.must(os.Chtimes(from, when, when))
			if !isRoot() && i == 4 {
				continue // nobody can read it
			}
			var seen int64
			task := d.task(from, name)
			task.Progress = func(n int64) { seen += n }
			r := d.copy(task)
			d.same(from, task.Name)
			if seen != int64(size) {
				d.Errorf("%s: got %d bytes of progress, want %d", name, seen, size)
			}
			if len(r.Lost) > 0 || r.Entry.Name != task.Name || r.Entry.Version != d.entry(task.Name).Version {
				d.Errorf("%s: got %+v, want the entry that is there", name, r)
			}
			names = append(names, name)
		}
		d.only(names...)
	})
}

// Somebody else's file becomes one's own, without the bits that made it run as somebody else.
func TestLocalCopyOfAnother(t *testing.T) {
	if isRoot() {
		t.Skip("root may give files away")
	}
	d := newDisk(t, transfer.Config{})
	const from = "/usr/bin/passwd"
	if e, err := d.local.Stat(context.Background(), from); err != nil || e.Mode&unix.S_ISUID == 0 || e.UID == uint32(os.Geteuid()) {
		t.Skip("there is no such file")
	}
	r := d.copy(d.task(from, "f"))
	if !slices.Equal(r.Lost, []string{transfer.LostOwner, transfer.LostMode}) || r.Entry.Mode&0o7777 != 0o755 {
		t.Errorf("got mode %o, lost %q", r.Entry.Mode, r.Lost)
	}
}

func TestLocalCopyOmits(t *testing.T) {
	ways(t, func(d *disk) {
		from := d.file("f", []byte("text"))
		d.must(unix.Setxattr(from, "user.note", []byte("n"), 0))
		old := time.Unix(1_500_000_000, 5)
		d.must(os.Chtimes(from, old, old))
		defer unix.Umask(unix.Umask(0o027))
		d.must(os.Chmod(from, 0o777|os.ModeSetuid))
		task := d.task(from, "g")
		task.Omit = transfer.Mode | transfer.Owner | transfer.Times | transfer.Xattrs
		d.copy(task)
		e := d.entry(task.Name)
		if e.Mode&0o7777 != 0o750 || e.ModTime.Equal(old) || strings.Contains(d.describe(task.Name), "user.note") {
			t.Errorf("got %s, want a file of now without attributes", d.describe(task.Name))
		}
	})
}

func TestLocalCopyHoles(t *testing.T) {
	ways(t, func(d *disk) {
		r := rand.New(rand.NewPCG(4, 4))
		for i := range 8 {
			name := fmt.Sprint("s", i)
			from := filepath.Join(d.src, name)
			f, err := os.Create(from)
			d.must(err)
			size := 1<<20 + r.Int64N(4<<20)
			for range r.IntN(5) {
				_, err := f.WriteAt(noise(1+r.IntN(300<<10), byte(i)), r.Int64N(size))
				d.must(err)
			}
			d.must(f.Truncate(size))
			d.must(f.Sync())
			d.must(f.Close())
			var seen int64
			task := d.task(from, name)
			task.Progress = func(n int64) { seen += n }
			res := d.copy(task)
			d.same(from, task.Name)
			was, is := d.entry(from), d.entry(task.Name)
			if is.Blocks > was.Blocks+64 || seen != size || len(res.Lost) > 0 {
				d.Errorf("%s: got %d blocks, %d bytes of progress, lost %q; want %d, %d", name, is.Blocks, seen, res.Lost, was.Blocks, size)
			}
		}
	})
}

func TestLocalCopyLinks(t *testing.T) {
	ways(t, func(d *disk) {
		for i, text := range []string{"nowhere", "/", strings.Repeat("long/", 200)} {
			from := filepath.Join(d.src, fmt.Sprint("l", i))
			d.must(os.Symlink(text, from))
			ts := []unix.Timespec{{Sec: 1_600_000_000, Nsec: 7}, {Sec: 1_600_000_001, Nsec: 8}}
			d.must(unix.UtimesNanoAt(unix.AT_FDCWD, from, ts, unix.AT_SYMLINK_NOFOLLOW))
			if isRoot() {
				d.must(os.Lchown(from, 5, 6))
			}
			task := d.task(from, fmt.Sprint("l", i))
			d.copy(task)
			d.same(from, task.Name)
			if r := d.copy(task); r.Method != steps.Skip {
				d.Errorf("a link that is there: got %v, want it skipped", r.Method)
			}
		}
		other := filepath.Join(d.src, "other")
		d.must(os.Symlink("elsewhere", other))
		task := d.task(other, "l0")
		if _, err := d.Copy(context.Background(), task); !errors.Is(err, backends.ErrChanged) {
			d.Errorf("another link is there: got %v, want ErrChanged", err)
		}
		task.Absent, task.Over = false, d.entry(task.Name).Version
		d.copy(task)
		d.same(other, task.Name)
		d.only("l0", "l1", "l2")
	})
}

func TestLocalCopyConditions(t *testing.T) {
	ways(t, func(d *disk) {
		for _, size := range []int{100, 2 << 20} { // the second is looked at before
			name := fmt.Sprint("f", size)
			from := d.file(name, noise(size, 1))
			task := d.task(from, name)
			d.must(os.WriteFile(task.Name, []byte("somebody's"), 0o600))

			var changed *transfer.ChangedError
			_, err := d.Copy(context.Background(), task)
			if !errors.As(err, &changed) || changed.Side != transfer.Target || changed.Is != d.entry(task.Name).Version {
				d.Errorf("got %v, want the target to be told", err)
			}
			task.Absent, task.Over = false, d.entry(task.Name).Version
			d.must(os.WriteFile(task.Name, []byte("somebody else's"), 0o600))
			if _, err := d.Copy(context.Background(), task); !errors.Is(err, backends.ErrChanged) {
				d.Errorf("another version is there: got %v, want ErrChanged", err)
			}
			if data, err := os.ReadFile(task.Name); string(data) != "somebody else's" {
				d.Errorf("got %q, %v: it was overwritten", data, err)
			}
			task.Over = d.entry(task.Name).Version
			d.copy(task)
			d.same(from, task.Name)
			// As after a kill before the record: what is there is what this copy makes.
			if r := d.copy(task); r.Method != steps.Skip {
				d.Errorf("made already: got %v, want skip", r.Method)
			}
			task.Over = ""
			d.copy(task) // whatever is there
			d.same(from, task.Name)
			d.must(os.Remove(task.Name))
			task.Over = d.entry(from).Version
			if _, err := d.Copy(context.Background(), task); !errors.Is(err, backends.ErrChanged) {
				d.Errorf("it is gone: got %v, want ErrChanged", err)
			}
			d.only()
			d.must(os.Mkdir(task.Name, 0o755))
			for _, task.Over = range []string{"", task.Over} {
				if _, err := d.Copy(context.Background(), task); err == nil {
					d.Errorf("a folder was replaced")
				}
			}
			d.only(name)
			d.must(os.Remove(task.Name))
		}
	})
}

func TestLocalCopyOfTheSameBytesIsNoConflict(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	from := d.file("f", []byte("same size, one time"))
	task := d.task(from, "f")
	d.must(os.WriteFile(task.Name, []byte("same size, two time"), 0o600))
	d.must(os.Chtimes(task.Name, task.Source.ModTime, task.Source.ModTime))
	if _, err := d.Copy(context.Background(), task); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("other bytes of the same size and time: got %v, want ErrChanged", err)
	}
	d.must(os.WriteFile(task.Name, []byte("same size, one time"), 0o600))
	if _, err := d.Copy(context.Background(), task); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("the same bytes of another time: got %v, want ErrChanged", err)
	}
}

func TestLocalSourceChanges(t *testing.T) {
	ways(t, func(d *disk) {
		from := d.file("f", noise(20<<20, 1))
		side := func(err error) transfer.Side {
			var changed *transfer.ChangedError
			if errors.As(err, &changed) {
				return changed.Side
			}
			return transfer.Side(fmt.Sprint(err))
		}
		task := d.task(from, "f")
		once := true
		task.Progress = func(int64) {
			if once {
				f, err := os.OpenFile(from, os.O_WRONLY, 0)
				d.must(err)
				_, err = f.WriteAt([]byte("x"), 19<<20)
				d.must(err)
				d.must(f.Close())
			}
			once = false
		}
		_, err := d.Copy(context.Background(), task)
		if side(err) != transfer.Source {
			d.Errorf("changed while it was copied: got %v, want the source", err)
		}
		task.Progress = nil
		if _, err = d.Copy(context.Background(), task); side(err) != transfer.Source {
			d.Errorf("changed before: got %v, want the source", err)
		}
		task = d.task(from, "f")
		task.Progress = func(n int64) {
			if n > 0 {
				d.must(os.Truncate(from, 1<<20))
			}
		}
		if _, err = d.Copy(context.Background(), task); side(err) != transfer.Source {
			d.Errorf("cut while it was copied: got %v, want the source", err)
		}
		task = d.task(from, "f")
		d.must(os.Remove(from))
		if _, err = d.Copy(context.Background(), task); side(err) != transfer.Source || !errors.Is(err, iofs.ErrNotExist) {
			d.Errorf("removed: got %v, want the source", err)
		}
		d.must(os.Symlink("/etc/passwd", from))
		if _, err = d.Copy(context.Background(), task); side(err) != transfer.Source {
			d.Errorf("a link by now: got %v, want the source", err)
		}
		d.only()
	})
}

// An access list travels, and one that a folder would give to new files does not come instead.
func TestLocalACL(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	// Version 2; user::rw- user:1:r-- group::r-- mask::r-- other::---
	acl := func(named uint16) []byte {
		b := []byte{2, 0, 0, 0}
		for _, e := range [][3]uint32{{1, 6, ^uint32(0)}, {2, uint32(named), 1}, {4, 4, ^uint32(0)}, {0x10, 6, ^uint32(0)}, {0x20, 0, ^uint32(0)}} {
			b = append(b, byte(e[0]), byte(e[0]>>8), byte(e[1]), byte(e[1]>>8), byte(e[2]), byte(e[2]>>8), byte(e[2]>>16), byte(e[2]>>24))
		}
		return b
	}
	with, without := d.file("with", []byte("1")), d.file("without", []byte("2"))
	if err := unix.Setxattr(with, "system.posix_acl_access", acl(4), 0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("no access lists here")
	} else {
		d.must(err)
	}
	d.must(unix.Setxattr(d.dst, "system.posix_acl_default", acl(6), 0))
	for _, from := range []string{with, without} {
		if r := d.copy(d.task(from, filepath.Base(from))); len(r.Lost) > 0 {
			t.Errorf("lost %q", r.Lost)
		}
		d.same(from, filepath.Join(d.dst, filepath.Base(from)))
	}
}

func TestLocalKinds(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	pipe := filepath.Join(d.src, "pipe")
	d.must(unix.Mkfifo(pipe, 0o644))
	if _, err := d.Copy(context.Background(), d.task(pipe, "pipe")); err == nil {
		t.Error("a pipe was copied")
	}
	file := d.file("f", []byte("x"))
	task := d.task(file, "f")
	d.must(os.Remove(file))
	d.must(unix.Mkfifo(file, 0o644))
	if _, err := d.Copy(context.Background(), task); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("a pipe in the place of a file: got %v, want ErrChanged", err)
	}
	task.Source.Kind = stores.Symlink
	if _, err := d.Copy(context.Background(), task); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("a pipe in the place of a link: got %v, want ErrChanged", err)
	}
	d.only()
}

// Where the file system shares blocks, a copy does.
func TestLocalClone(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	from := d.file("f", noise(1<<20, 1))
	in, err := os.Open(from)
	d.must(err)
	defer in.Close()
	out, err := os.Create(filepath.Join(d.src, "probe"))
	d.must(err)
	defer out.Close()
	if err := unix.IoctlFileClone(int(out.Fd()), int(in.Fd())); err != nil {
		t.Skip("no shared blocks here:", err)
	}
	r := d.copy(d.task(from, "f"))
	if r.Method != steps.Clone || r.Through != 0 {
		t.Errorf("got %v and %d bytes, want a clone", r.Method, r.Through)
	}
	d.same(from, filepath.Join(d.dst, "f"))
}
