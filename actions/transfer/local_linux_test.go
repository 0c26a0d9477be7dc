package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
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
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// disk is the local store, Transfers, and a folder from and one to copy to.
type disk struct {
	testing.TB
	*transfer.Transfers
	local    *stores.Local
	src, dst string
	tasks    int
}

func newDisk(t testing.TB, cfg transfer.Config) *disk {
	t.Helper()
	d := &disk{TB: t}
	lib, err := library.Open(context.Background(), t.TempDir(), "")
	d.must(err)
	t.Cleanup(func() { d.must(lib.Close()) })
	r, err := resolver.New(lib, nil)
	d.must(err)
	t.Cleanup(func() { d.must(r.Close()) })
	set := stores.New(lib, r, stores.Hooks{})
	t.Cleanup(func() { d.must(set.Close()) })
	st, _, err := set.Of(context.Background(), sdpath.NewPhysical("local", "/"))
	d.must(err)
	d.local = st.(*stores.Local)
	cfg.Set = set
	d.Transfers = transfer.New(cfg)
	top := t.TempDir()
	d.src, d.dst = filepath.Join(top, "src"), filepath.Join(top, "dst")
	d.must(os.Mkdir(d.src, 0o755))
	d.must(os.Mkdir(d.dst, 0o755))
	t.Cleanup(func() { transfer.CloseIdle(d.Transfers) })
	return d
}

func (d *disk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// file writes a source, an old one: nobody waits for it to settle.
func (d *disk) file(name string, data []byte) string {
	d.Helper()
	path := filepath.Join(d.src, name)
	d.must(os.WriteFile(path, data, 0o644))
	return path
}

func (d *disk) entry(path string) stores.Entry {
	d.Helper()
	e, err := d.local.Stat(context.Background(), path)
	d.must(err)
	return e
}

// task copies the file at from to the name in dst, where nothing may be.
func (d *disk) task(from, name string) transfer.Task {
	d.Helper()
	d.tasks++
	return transfer.Task{
		From: d.local, Source: d.entry(from), To: d.local, Name: filepath.Join(d.dst, name), Absent: true,
		Unique: fmt.Sprint("test-1-", d.tasks),
	}
}

func (d *disk) copy(task transfer.Task) transfer.Result {
	d.Helper()
	r, err := d.Copy(context.Background(), task)
	d.must(err)
	return r
}

// only checks that the target folder has these names and no others.
func (d *disk) only(names ...string) {
	d.Helper()
	list, err := os.ReadDir(d.dst)
	d.must(err)
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	slices.Sort(names)
	if !slices.Equal(got, names) {
		d.Errorf("the target folder has %q, want %q", got, names)
	}
}

// same checks that two files are alike in bytes and attributes.
func (d *disk) same(a, b string) {
	d.Helper()
	x, y := d.describe(a), d.describe(b)
	if x != y {
		d.Errorf("%s is\n%s, want\n%s", b, y, x)
	}
}

func (d *disk) describe(path string) string {
	d.Helper()
	e := d.entry(path)
	var b strings.Builder
	fmt.Fprintf(&b, "%o %d:%d %d %s %q\n", e.Mode, e.UID, e.GID, e.Size, e.ModTime.Format(time.RFC3339Nano), e.Link)
	if e.Kind != stores.File {
		return b.String()
	}
	data, err := os.ReadFile(path)
	d.must(err)
	fmt.Fprintf(&b, "%x\n", sha256.Sum256(data))
	room := make([]byte, 1<<16)
	n, err := unix.Listxattr(path, room)
	d.must(err)
	names := strings.Split(strings.TrimSuffix(string(room[:n]), "\x00"), "\x00")
	slices.Sort(names)
	for _, name := range names {
		if name == "" {
			continue
		}
		value := make([]byte, 1<<16)
		n, err := unix.Getxattr(path, name, value)
		d.must(err)
		fmt.Fprintf(&b, "%s=%q\n", name, value[:n])
	}
	return b.String()
}

func noise(n int, seed byte) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

func isRoot() bool { return os.Geteuid() == 0 }

// ways runs a test for each way in which a new file gets its name and its bytes.
func ways(t *testing.T, fn func(*disk)) {
	t.Run("unnamed", func(t *testing.T) { fn(newDisk(t, transfer.Config{})) })
	t.Run("named", func(t *testing.T) {
		d := newDisk(t, transfer.Config{})
		d.must(transfer.NameFirst(d.Transfers, d.dst))
		var st unix.Stat_t
		d.must(unix.Stat(d.src, &st))
		d.must(transfer.NoClones(d.Transfers, d.dst, uint64(st.Dev)))
		d.must(transfer.NoRanges(d.Transfers, d.dst, uint64(st.Dev)))
		fn(d)
	})
}

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
