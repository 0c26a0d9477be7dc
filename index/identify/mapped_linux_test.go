package identify

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"sd/library/catalog"
)

// A program that has mapped a file may change a page again and again, and its ctime only once.
// What was proven in between must not hold afterwards.
func TestMappedFileIsNoCopyAfterAChange(t *testing.T) {
	l := newLab(t)
	data := random(1, 2<<20)
	path := l.write("mapped", data)
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type == unix.TMPFS_MAGIC {
		t.Skip("a file system in memory does not tell of mapped changes")
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	page, err := unix.Mmap(int(f.Fd()), 0, len(data), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	page[500_000] ^= 1
	data[500_000] ^= 1
	l.scan()
	l.run(Options{})
	l.wantProven("mapped", data, catalog.Read)
	_, was := l.find("mapped")

	page[500_000] ^= 1
	if bytes.Equal(page, data) {
		t.Fatal("the file has not changed")
	}
	if now, _, _, err := fd(f.Fd()).stat(); err != nil || now == was.FileVersion() {
		t.Errorf("after the change the file is still the version that was proven, %v", err)
	}
}
