package transfer_test

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"sd/actions/transfer"
	"sd/backends"
)

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
