package fs_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

// TestContentOnAFileSystemThatIsServed reads a copy on a file system whose attributes the kernel
// believes for long, while somebody else changes it.
func TestContentOnAFileSystemThatIsServed(t *testing.T) {
	behind, at := t.TempDir(), t.TempDir()
	text, other := random(1, 16<<20), random(2, 16<<20)
	write(t, filepath.Join(behind, "a"), text)
	root, err := fusefs.NewLoopbackRoot(behind)
	must(t, err)
	long := time.Hour
	server, err := fusefs.Mount(at, root, &fusefs.Options{
		AttrTimeout: &long, EntryTimeout: &long, MountOptions: fuse.MountOptions{Name: "served", DirectMount: true, Options: []string{"ro"}},
	})
	must(t, err)
	m, x := contentMount(t, mounttest.Options{})
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	x.add(t, filepath.Join(at, "a"), text)
	f, err := os.Open(m.Path("content", contentID(text)))
	must(t, err)
	defer f.Close()
	part := make([]byte, 1<<20)
	if _, err := f.ReadAt(part, 0); err != nil || string(part) != text[:1<<20] {
		t.Fatalf("the beginning reads %s, %v", brief(string(part)), err)
	}
	write(t, filepath.Join(behind, "a"), other)
	_, err = f.ReadAt(part, 12<<20)
	wantErrno(t, "reading on after the file has changed", err, unix.ESTALE)
}
