package cache

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tmpfs mounts a file system of the given size, with some options more.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("root may not mount here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A small disk is never filled: a twentieth stays free.
func TestDiskLeavesRoom(t *testing.T) {
	dir := tmpfs(t, "size=8m")
	c, log := newDiskCache(t, dir, 1<<40)
	defer c.Close()
	for i := range 12 {
		readWhole(t, c, &store{t: t, name: string(rune('a' + i)), size: 1500 * kib})
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if got := c.Stats().Disk; got.Evictions == 0 || got.Files < 3 || got.Off != "" || int64(st.Bavail) < int64(st.Blocks)/20 {
		t.Errorf("%d of %d blocks are free, stats %+v", st.Bavail, st.Blocks, got)
	}
	if log.String() != "" {
		t.Errorf("log: %s", log)
	}
}

// A disk that has no room, whatever it says, turns the writing off, and no more.
func TestDiskFull(t *testing.T) {
	dir := tmpfs(t, "size=64m,nr_inodes=6") // the root, the slot, its lock, and three files
	c, log := newDiskCache(t, dir, 0)
	defer c.Close()
	var stores []*store
	for i := range 6 {
		s := &store{t: t, name: string(rune('a' + i)), size: 100 * kib}
		stores = append(stores, s)
		readWhole(t, c, s)
	}
	got := c.Stats().Disk
	if got.Off == "" || got.Files == 0 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("stats %+v, log %q", got, log)
	}
	readWhole(t, c, stores[0]) // still read from disk
	if after := c.Stats().Disk; after.Hits == got.Hits {
		t.Errorf("stats: %+v", after)
	}
}

// A disk that may not be written to is read.
func TestDiskReadOnly(t *testing.T) {
	dir := tmpfs(t, "size=16m")
	c, _ := newDiskCache(t, dir, 0)
	s := &store{t: t, name: "f", size: mib}
	readWhole(t, c, s)
	c.Close()
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	c, log := newDiskCache(t, dir, 0)
	defer c.Close()
	before := len(s.requests())
	readWhole(t, c, s)
	if got := len(s.requests()); got != before {
		t.Errorf("%d requests for a file on disk", got-before)
	}
	readWhole(t, c, &store{t: t, name: "g", size: mib})
	if got := c.Stats().Disk; got.Off == "" || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("stats %+v, log %q", got, log)
	}
}
