package fs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"sd/internal/mounttest"
)

// soon waits for a change that was made behind the mount.
func (d *driveMount) soon(what string, cond func() bool) {
	d.Helper()
	mounttest.Eventually(d, 10*time.Second, what, cond)
}

// A volume is listened to from its first use on, and no longer than the mount.
func TestWatchBeginsWithUse(t *testing.T) {
	d := mountDrive(t, mounttest.Drive)
	if got := d.behind.Requests(); len(got) != 0 || d.behind.Watches() != 0 {
		t.Errorf("before it is used: %v asked, %d watches", got, d.behind.Watches())
	}
	d.names("")
	d.soon("it is listened to", func() bool { return d.behind.Watches() == 1 })
	d.names("")
	os.Stat(d.at("none"))
	if got := d.behind.Watches(); got != 1 {
		t.Errorf("%d watches, want 1", got)
	}
}

// Who has removed a volume is not asked for its changes any more.
func TestWatchEndsWithTheVolume(t *testing.T) {
	d := mountDrive(t, mounttest.Drive)
	d.behind.Put("file", "x")
	open, err := os.Open(d.at("file"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	d.soon("it is listened to", func() bool { return d.behind.Watches() == 1 })
	d.Mount.Remove("onedrive://d")
	d.soon("nobody listens", func() bool { return d.behind.Watches() == 0 })
	if _, err := open.ReadAt(make([]byte, 1), 0); err != nil {
		t.Errorf("what was open is lost: %v", err)
	}
	if got := d.behind.Watches(); got != 0 {
		t.Errorf("%d watches after a read, want none", got)
	}
}

// What others change is seen at once where the provider tells, not after the lifetime of
// listings: names, sizes, bytes, in folders that are known and through the kernel's caches.
func TestWatchShowsOthersChanges(t *testing.T) {
	for _, kind := range []string{mounttest.Drive, mounttest.Folding} {
		t.Run(kind, func(t *testing.T) {
			d := mountDrive(t, kind)
			d.behind.Put("dir/old", "old")
			d.behind.Put("dir/sub/in", "in")
			d.behind.Put("dir/gone", "gone")
			d.names("")
			d.soon("it is listened to", func() bool { return d.behind.Watches() == 1 })
			d.wantNames("dir", "old", "sub", "gone")
			d.wantFile("dir/old", "old")
			d.wantFile("dir/sub/in", "in")
			d.wantAbsent("dir/new")
			open, err := os.Open(d.at("dir/old"))
			if err != nil {
				t.Fatal(err)
			}
			defer open.Close()
			first := make([]byte, 1)
			if _, err := open.ReadAt(first, 0); err != nil {
				t.Fatal(err)
			}

			d.behind.Put("dir/new", "made by others")
			d.soon("a new file shows", func() bool {
				got, err := os.ReadFile(d.at("dir/new"))
				return err == nil && string(got) == "made by others"
			})
			d.behind.Put("dir/old", "changed, and longer")
			d.soon("a change shows", func() bool {
				got, err := os.ReadFile(d.at("dir/old"))
				return err == nil && string(got) == "changed, and longer"
			})
			if got, err := io.ReadAll(open); err != nil && !errors.Is(err, syscall.ESTALE) || err == nil && string(got) != "old" {
				t.Errorf("who has the old version open reads %q, %v", got, err)
			}
			d.behind.Remove("dir/gone")
			d.soon("a removal shows", func() bool {
				_, err := os.Lstat(d.at("dir/gone"))
				return errors.Is(err, os.ErrNotExist) && !slices.Contains(d.names("dir"), "gone")
			})
			d.behind.Rename("dir/sub", "dir/moved")
			d.soon("a folder that moved shows", func() bool {
				_, err := os.Lstat(d.at("dir/sub/in"))
				got, _ := os.ReadFile(d.at("dir/moved/in"))
				return errors.Is(err, os.ErrNotExist) && string(got) == "in"
			})
			d.wantNames("dir", "old", "new", "moved")

			// Nothing is known any more: all is looked at again.
			d.behind.Emit("", true)
			d.soon("all is there still", func() bool { return slices.Equal(d.names("dir/moved"), []string{"in"}) })
			d.wantFile("dir/moved/in", "in")
		})
	}
}

// Who works in a folder goes on there, whatever the provider tells of it, of what lies in it, or
// of all that it has.
func TestWatchLeavesWorkingFolders(t *testing.T) {
	for _, kind := range []string{mounttest.Drive, mounttest.Folding} {
		t.Run(kind, func(t *testing.T) {
			d := mountDrive(t, kind)
			d.behind.Put("home/work/file", "1")
			d.behind.Put("home/work/sub/file", "1")
			d.names("home/work")
			d.soon("it is listened to", func() bool { return d.behind.Watches() == 1 })
			for _, at := range []string{"home/work", "home/work/sub"} {
				t.Chdir(d.at(at))
				for i, told := range []struct {
					name  string
					below bool
				}{{"", false}, {"", true}, {"home", false}, {"home", true}, {"home/work", false}, {"home/work", true}, {"home/work/sub", true}} {
					name := fmt.Sprint("new", i)
					if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
						t.Fatalf("%s: %v", name, err)
					}
					d.behind.Put(at+"/"+name, "2")
					d.behind.Emit(told.name, told.below)
					d.soon("the change shows", func() bool {
						if _, err := syscall.Getcwd(make([]byte, 4096)); err != nil {
							t.Fatalf("getcwd in %s after %+v: %v", at, told, err)
						}
						got, err := os.ReadFile(name)
						return err == nil && string(got) == "2"
					})
				}
			}
		})
	}
}

// What is written here stays as it is, however often the provider tells of the name.
func TestWatchLeavesWhatIsStaged(t *testing.T) {
	d := mountDrive(t, mounttest.Drive)
	d.write("file", "sent")
	d.soon("it is listened to", func() bool { return d.behind.Watches() == 1 })
	f, err := os.OpenFile(d.at("file"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range 50 {
		if _, err := f.WriteString("mine "); err != nil {
			t.Fatal(err)
		}
		d.behind.Emit("file", i%2 == 0)
		if st, err := os.Stat(d.at("file")); err != nil || st.Size() != int64(max(4, 5*(i+1))) {
			t.Fatalf("after %d writes: %v, %v", i+1, st, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := d.behind.Content("file"); len(got) != 250 {
		t.Errorf("the store has %d bytes", len(got))
	}
}

// df shows the quota of the provider, as far as it is known, and asks in the background.
func TestStatfsOfQuota(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{
		{Service: "onedrive", Identifier: "small", Memory: mounttest.Drive, Capacity: 1 << 30},
		{Service: "onedrive", Identifier: "endless", Memory: mounttest.Drive},
	}})
	if err := os.WriteFile(m.Path("onedrive/small/file"), make([]byte, 8<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	room := func(volume string) (st syscall.Statfs_t) {
		if err := syscall.Statfs(m.Path("onedrive", volume), &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := room("small"); st.Blocks*uint64(st.Bsize) != 1<<30 {
		t.Errorf("the first df says %+v, want the quota", st)
	}
	if st := room("small"); st.Bavail != st.Bfree || st.Bfree > st.Blocks {
		t.Errorf("got %+v", st)
	}
	for range 20 {
		room("small")
	}
	if got := m.Memory("small").Requests()["USAGE"]; got != 1 {
		t.Errorf("asked %d times, want once a minute", got)
	}
	if st := room("endless"); st.Bfree*uint64(st.Bsize) < 1<<49 {
		t.Errorf("a provider that does not tell has %+v", st)
	}
}
