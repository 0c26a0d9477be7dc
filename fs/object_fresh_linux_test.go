package fs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sd/internal/mounttest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// Every look goes by the path, so that the kernel asks for the folder again and again.
func TestVolumesFollowTheProvider(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	b.put(t, 10, "kept", "dir/kept", "dir/sub/kept")
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, MetadataTTL: 200 * time.Millisecond})
	for _, dir := range []string{"", "dir", "dir/sub"} {
		path := m.Path("s3/bucket", dir)
		shows := func(name string) bool { return slices.Contains(names(t, path), name) }
		eventually := func(what string, cond func() bool) {
			t.Helper()
			mounttest.Eventually(t, 5*time.Second, fmt.Sprintf("%s in %q", what, dir), cond)
		}
		for range 3 {
			names(t, path)
		}
		key := filepath.Join(dir, "new")
		b.put(t, 20, key)
		eventually("a new object is listed", func() bool { return shows("new") })
		b.put(t, 30, key)
		eventually("the new size is seen", func() bool { return lstat(t, filepath.Join(path, "new")).Size == 30 })
		f, err := os.Open(filepath.Join(path, "new"))
		must(t, err)
		defer f.Close()
		b.put(t, 40, key)
		eventually("the new size is listed", func() bool {
			entries, err := os.ReadDir(path)
			must(t, err)
			return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
				info, err := e.Info()
				return err == nil && e.Name() == "new" && info.Size() == 40
			})
		})
		must(t, b.server.Delete(t.Context(), "bucket", key))
		eventually("a deleted object is gone by name", func() bool {
			_, err := os.Lstat(filepath.Join(path, "new"))
			return os.IsNotExist(err)
		})
		eventually("a deleted object is listed no more", func() bool { return !shows("new") })
	}
}

// A listing that takes longer than it is believed is not handed to readers who come
// when it is too old.
func TestLongListings(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	must(t, b.server.Fill(t.Context(), "bucket", 1200, func(i int) (string, []byte) {
		return fmt.Sprintf("many/file-%04d", i), nil
	}))
	v := b.volume()
	v.PageSize = 10
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{v}, MetadataTTL: 200 * time.Millisecond})
	b.Script(netproxy.Rule{Op: "LIST", Fault: netproxy.Fault{Delay: 80 * time.Millisecond}}) // ten seconds in all
	slow, err := os.Open(m.Path("s3/bucket/many"))
	must(t, err)
	defer slow.Close()
	_, err = slow.ReadDir(1)
	must(t, err)
	b.put(t, 1, "many/0")
	first := func() string {
		f, err := os.Open(m.Path("s3/bucket/many"))
		must(t, err)
		defer f.Close()
		entries, err := f.ReadDir(1)
		must(t, err)
		return entries[0].Name()
	}
	mounttest.Eventually(t, 5*time.Second, "a new object is listed", func() bool { return first() == "0" })
}
