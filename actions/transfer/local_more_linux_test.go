package transfer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/backends"
)

// A large copy that is cut off goes on where it was, as long as source and hidden file are those.
func TestLocalResume(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	from := d.file("f", noise(transfer.Resumable+1<<20, 3))
	d.must(transfer.NoClones(d.Transfers, d.dst, d.entry(from).Dev))
	task := d.task(from, "f")
	var saved json.RawMessage
	task.Save = func(state json.RawMessage) error { saved = state; return nil }
	var moved int64
	cut := func(at int64) error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		moved = 0
		task.Progress = func(n int64) {
			if moved += n; moved >= at {
				cancel()
			}
		}
		task.Saved = saved
		_, err := d.Copy(ctx, task)
		return err
	}
	if err := cut(32 << 20); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want it canceled", err)
	}
	hidden := ".sd-" + task.Unique + ".part"
	d.only(hidden)
	if err := cut(48 << 20); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want it canceled", err)
	}
	var calls int
	task.Saved, moved = saved, 0
	task.Progress = func(n int64) { calls, moved = calls+1, moved+n }
	d.copy(task)
	d.same(from, task.Name)
	if moved != transfer.Resumable+1<<20 || calls != 3 {
		t.Errorf("got %d bytes of progress in %d calls, want what was there and 2 more stretches", moved, calls)
	}
	d.only("f")

	// Another hidden file than the one that was left is not believed.
	d.must(os.Remove(task.Name))
	if err := cut(32 << 20); err == nil {
		t.Fatal("not canceled")
	}
	d.must(os.Remove(filepath.Join(d.dst, hidden)))
	d.must(os.WriteFile(filepath.Join(d.dst, hidden), make([]byte, transfer.Resumable), 0o600))
	task.Saved = saved
	d.copy(task)
	d.same(from, task.Name)

	// Clean removes it, and that twice.
	task.Name += "2"
	task.Saved, saved = nil, nil
	if err := cut(16 << 20); err == nil {
		t.Fatal("not canceled")
	}
	d.only("f", hidden)
	d.must(d.Clean(context.Background(), task))
	d.must(d.Clean(context.Background(), task))
	d.only("f")
	task.Save = nil // nobody would go on with it
	if err := cut(16 << 20); err == nil {
		t.Fatal("not canceled")
	}
	d.only("f")
}

// TestLocalKill kills a process that copies, again and again, and lets the next one go on.
func TestLocalKill(t *testing.T) {
	if dir := os.Getenv("SD_TEST_COPY"); dir != "" {
		copyAll(t, dir)
		return
	}
	d := newDisk(t, transfer.Config{})
	for i := range 300 {
		d.file(fmt.Sprint("f", i), noise(i*200, byte(i)))
	}
	d.file("big", noise(transfer.Resumable+1<<20, 9))
	d.must(os.Symlink("f1", filepath.Join(d.src, "link")))
	d.must(os.WriteFile(filepath.Join(d.dst, "f7"), []byte("to be replaced"), 0o644))
	const each = 90
	kills := 0
	for after := 1; ; after += each { // steps that this process may do
		if !d.killed(after) {
			break
		}
		kills++
	}
	list, err := os.ReadDir(d.src)
	d.must(err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
		d.same(filepath.Join(d.src, e.Name()), filepath.Join(d.dst, e.Name()))
	}
	d.only(names...)
	if kills < 3 {
		t.Errorf("got %d kills, want at least 3", kills)
	}
}

// killed has another process copy src to dst, and kills it after so many steps; false: it has
// come to the end.
func (d *disk) killed(after int) bool {
	cmd := exec.Command(os.Args[0], "-test.run=^TestLocalKill$")
	cmd.Env = append(os.Environ(), "SD_TEST_COPY="+d.src+","+d.dst)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	d.must(err)
	d.must(cmd.Start())
	steps := 0
	for b := make([]byte, 1); steps < after; { // a byte a step
		if n, _ := out.Read(b); n == 0 || b[0] != '.' {
			break
		}
		steps++
	}
	if steps < after {
		rest, err := io.ReadAll(out)
		if err = errors.Join(err, cmd.Wait()); err != nil {
			d.Fatalf("the copy failed: %v\n%s", err, rest)
		}
		return false
	}
	d.must(cmd.Process.Kill())
	cmd.Wait()
	return true
}

func count(dir string) int {
	list, _ := os.ReadDir(dir)
	return len(list)
}

// copyAll copies SRC to DST, as a job would: what one process saved is known to the next.
func copyAll(t *testing.T, dirs string) {
	src, dst, _ := strings.Cut(dirs, ",")
	d := newDisk(t, transfer.Config{})
	d.src, d.dst = src, dst
	list, err := os.ReadDir(src)
	d.must(err)
	for i, e := range list {
		task := d.task(filepath.Join(src, e.Name()), e.Name())
		task.Unique = fmt.Sprint("kill-", i)
		notes := filepath.Join(filepath.Dir(dst), e.Name()+".saved")
		task.Saved, _ = os.ReadFile(notes)
		task.Save = func(state json.RawMessage) error {
			d.must(os.WriteFile(notes+"2", state, 0o600))
			return os.Rename(notes+"2", notes)
		}
		task.Progress = func(int64) { os.Stdout.WriteString(".") }
		if e.Name() == "f7" {
			task.Absent = false
		}
		d.copy(task)
	}
}

// A folder that is replaced by a link leads nowhere else, and one that is made again is found.
func TestLocalFolderReplaced(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	from := d.file("f", []byte("text"))
	sub := filepath.Join(d.dst, "sub")
	d.must(os.Mkdir(sub, 0o755))
	task := d.task(from, "sub/a")
	task.Root = d.dst
	d.copy(task)

	d.must(os.RemoveAll(sub))
	d.must(os.Mkdir(sub, 0o755))
	task.Name = filepath.Join(sub, "b")
	d.copy(task)
	d.same(from, task.Name)

	d.must(os.RemoveAll(sub))
	elsewhere := t.TempDir()
	d.must(os.Symlink(elsewhere, sub))
	transfer.CloseIdle(d.Transfers)
	var changed *transfer.ChangedError
	if _, err := d.Copy(context.Background(), task); !errors.As(err, &changed) || changed.Side != transfer.Target {
		t.Errorf("got %v, want the target to be told", err)
	}
	if _, err := d.Rename(context.Background(), task); !errors.As(err, &changed) {
		t.Errorf("rename: got %v, want the target to be told", err)
	}
	d.must(d.Clean(context.Background(), task))
	if n := count(elsewhere); n != 0 {
		t.Errorf("%d files went elsewhere", n)
	}
	task.Root = "" // the user's own link
	d.copy(task)
	d.must(os.Remove(sub))
	_, err := d.Copy(context.Background(), task)
	if !errors.Is(err, iofs.ErrNotExist) || errors.As(err, &changed) {
		t.Errorf("without a folder: got %v, want ErrNotExist of the folder", err)
	}
}

// mount mounts a small file system on dst, where the test may.
func (d *disk) mount(options string) {
	d.Helper()
	if err := unix.Mount("sd-test", d.dst, "tmpfs", 0, options); err != nil {
		d.Skip("no file system can be mounted here:", err)
	}
	d.Cleanup(func() {
		transfer.CloseIdle(d.Transfers)
		d.must(unix.Unmount(d.dst, 0))
	})
}

func TestLocalFull(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	d.mount("size=1m")
	small, large := d.file("small", noise(50<<10, 1)), d.file("large", noise(3<<20, 1))
	for range 2 {
		if _, err := d.Copy(context.Background(), d.task(large, "large")); !errors.Is(err, backends.ErrNoSpace) {
			t.Errorf("got %v, want ErrNoSpace", err)
		}
		d.must(transfer.NameFirst(d.Transfers, d.dst))
	}
	d.only()
	d.copy(d.task(small, "small"))
	d.same(small, filepath.Join(d.dst, "small"))
	d.must(unix.Mount("", d.dst, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if _, err := d.Copy(context.Background(), d.task(small, "other")); !errors.Is(err, iofs.ErrPermission) {
		t.Errorf("read-only: got %v, want ErrPermission", err)
	}
	d.must(unix.Mount("", d.dst, "", unix.MS_REMOUNT, ""))
	if _, err := d.Rename(context.Background(), d.task(small, "other")); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("rename from another file system: got %v, want ErrUnsupported", err)
	}
	if _, err := d.Link(context.Background(), d.task(small, "other")); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("link to another file system: got %v, want ErrUnsupported", err)
	}
	d.must(d.Durable(context.Background(), d.local, filepath.Join(d.dst, "small"), d.src))
	d.only("small")
	transfer.CloseIdle(d.Transfers) // else the unmounting fails
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

func TestLocalRename(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	ctx := context.Background()
	rename := func(task transfer.Task) error {
		r, err := d.Rename(ctx, task)
		if err == nil && (r.Method != steps.Rename || r.Entry.Version != d.entry(task.Name).Version) {
			t.Errorf("got %+v, want what is there", r)
		}
		return err
	}
	from := d.file("f", []byte("one"))
	task := d.task(from, "f")
	d.must(rename(task))
	d.must(rename(task)) // done before
	d.only("f")
	if _, err := os.Lstat(from); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("the old name: got %v, want ErrNotExist", err)
	}

	from = d.file("f", []byte("two"))
	again := d.task(from, "f")
	if err := rename(again); !errors.Is(err, backends.ErrChanged) || !errors.Is(err, iofs.ErrExist) {
		t.Errorf("over a file: got %v, want ErrExist", err)
	}
	again.Absent, again.Over = false, task.Source.Version
	d.must(os.WriteFile(task.Name, []byte("three"), 0o644))
	if err := rename(again); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("over another version: got %v, want ErrChanged", err)
	}
	again.Over = d.entry(task.Name).Version
	// As if a kill had come between the exchange and the removal.
	d.must(unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, again.Name, unix.RENAME_EXCHANGE))
	d.must(rename(again))
	if data, err := os.ReadFile(again.Name); string(data) != "two" || count(d.src) != 0 {
		t.Errorf("got %q, %v, want the one that was renamed, alone", data, err)
	}

	from = d.file("g", []byte("g"))
	last := d.task(from, "g")
	d.must(os.WriteFile(from, []byte("changed"), 0o644))
	var changed *transfer.ChangedError
	if err := rename(last); !errors.As(err, &changed) || changed.Side != transfer.Source {
		t.Errorf("another version: got %v, want the source to be told", err)
	}

	folder := filepath.Join(d.src, "folder")
	d.must(os.MkdirAll(filepath.Join(folder, "in"), 0o755))
	whole := d.task(folder, "folder")
	var saved json.RawMessage
	whole.Save = func(state json.RawMessage) error { saved = state; return nil }
	d.must(rename(whole))
	if err := rename(whole); !errors.As(err, &changed) || changed.Side != transfer.Source {
		t.Errorf("without what was saved: got %v, want the source to be told", err)
	}
	whole.Saved = saved
	d.must(rename(whole))
	d.must(os.Mkdir(folder, 0o755))
	whole = d.task(folder, "folder")
	whole.Absent = false
	if err := rename(whole); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("over a folder: got %v, want ErrExist", err)
	}
	whole.Name = filepath.Join(folder, "into")
	if err := rename(whole); err == nil {
		t.Error("a folder went into itself")
	}
	d.only("f", "folder")
}

func TestLocalLink(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	ctx := context.Background()
	first, other := d.file("first", []byte("1")), d.file("other", []byte("2"))
	task := d.task(first, "link")
	for range 2 { // the second finds it done
		_, err := d.Link(ctx, task)
		d.must(err)
	}
	if a, b := d.entry(first), d.entry(task.Name); a.Inode != b.Inode || b.Links != 2 {
		t.Errorf("got %+v, want a link to %+v", b, a)
	}
	over := d.task(other, "link")
	if _, err := d.Link(ctx, over); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("over a file: got %v, want ErrChanged", err)
	}
	over.Absent, over.Over = false, d.entry(over.Name).Version
	_, err := d.Link(ctx, over)
	d.must(err)
	if a, b := d.entry(other), d.entry(over.Name); a.Inode != b.Inode {
		t.Errorf("got %+v, want a link to %+v", b, a)
	}
	d.only("link")
}

// Nothing stays open of folders that nobody writes to, so that they can be unmounted.
func TestLocalFoldersClose(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	from := d.file("f", []byte("x"))
	for i := range 20 {
		d.must(os.Mkdir(fmt.Sprint(d.dst, "/", i), 0o755))
		d.copy(d.task(from, fmt.Sprint(i, "/f")))
	}
	open := func() (n int) {
		list, err := os.ReadDir("/proc/self/fd")
		d.must(err)
		for _, e := range list {
			if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, d.dst) {
				n++
			}
		}
		return n
	}
	if n := open(); n < 20 {
		t.Errorf("%d folders are open, want those that were just used", n)
	}
	transfer.CloseIdle(d.Transfers)
	if n := open(); n != 0 {
		t.Errorf("%d folders are open, want none", n)
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

// Many copy at once into folders that come, go, and are closed under them.
func TestLocalFoldersShared(t *testing.T) {
	d := newDisk(t, transfer.Config{})
	source := d.entry(d.file("f", noise(1000, 1)))
	stop := make(chan struct{})
	var closer, copiers sync.WaitGroup
	closer.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				transfer.CloseIdle(d.Transfers)
				away := filepath.Join(d.dst, fmt.Sprint("away", n))
				if os.Rename(filepath.Join(d.dst, "d1"), away) == nil {
					os.Mkdir(filepath.Join(d.dst, "d1"), 0o755)
				}
			}
		}
	})
	for i := range 3 {
		d.must(os.Mkdir(filepath.Join(d.dst, fmt.Sprint("d", i)), 0o755))
	}
	for w := range 4 {
		copiers.Go(func() {
			for i := range 60 {
				name := filepath.Join(d.dst, fmt.Sprint("d", i%3), fmt.Sprint(w, "-", i))
				_, err := d.Copy(context.Background(), transfer.Task{
					From: d.local, Source: source, To: d.local, Name: name, Root: d.dst, Absent: true, Unique: fmt.Sprint("s-", w, "-", i),
				})
				if err != nil && (i%3 != 1 || !errors.Is(err, iofs.ErrNotExist)) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	copiers.Wait()
	close(stop)
	closer.Wait()
	for w := range 4 {
		for i := range 60 {
			if i%3 != 1 {
				d.same(source.Name, filepath.Join(d.dst, fmt.Sprint("d", i%3), fmt.Sprint(w, "-", i)))
			}
		}
	}
}
