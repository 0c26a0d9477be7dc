package fs_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// cloud is a volume that is mounted to be written to, with the ways round the mount:
// the proxy in front of its server and the server itself. Its data directory and its
// mountpoint outlive a mount.
type cloud struct {
	*bucket
	m         *mounttest.Mount
	o         mounttest.Options
	dir, data string
	kills     int // of mounts while they were writing
}

// newCloud mounts a bucket of a server of its own. Without volumes in o it is the only
// one; its name is "bucket".
func newCloud(t *testing.T, o mounttest.Options, start func(testing.TB, ...string) *testserver.Server) *cloud {
	t.Helper()
	c := &cloud{bucket: newBucket(t, "bucket", start), o: o, dir: t.TempDir(), data: t.TempDir()}
	if o.Volumes == nil {
		c.o.Volumes = []mounttest.Volume{c.patientVolume()}
	}
	c.m = mounttest.StartAt(t, c.o, c.dir, c.data)
	return c
}

// newMappedCloud is newCloud without the proxy, for tests that map files: that is in
// this process, which stands still while one of its goroutines waits for a page.
func newMappedCloud(t *testing.T, o mounttest.Options, start func(testing.TB, ...string) *testserver.Server) *cloud {
	t.Helper()
	c := &cloud{bucket: newBucket(t, "bucket", start), o: o, dir: t.TempDir(), data: t.TempDir()}
	v := c.patientVolume()
	v.Endpoint = c.server.URL
	c.o.Volumes = []mounttest.Volume{v}
	c.m = mounttest.StartAt(t, c.o, c.dir, c.data)
	return c
}

// patientVolume takes no busy machine for a dead server.
func (c *cloud) patientVolume() mounttest.Volume {
	v := c.volume()
	v.Patience, v.Stall = 30*time.Second, 30*time.Second
	return v
}

// at is where the mount shows a key.
func (c *cloud) at(elem ...string) string { return c.m.Path("s3", c.name, filepath.Join(elem...)) }

// remount ends the mount as it should end, or after a kill, and mounts anew.
func (c *cloud) remount(t *testing.T) {
	t.Helper()
	c.m.Stop()
	mounttest.Detach(c.dir)
	c.m = mounttest.StartAt(t, c.o, c.dir, c.data)
}

// second is another mount of the same bucket, with nothing in common but the server.
func (c *cloud) second(t *testing.T) *mounttest.Mount {
	t.Helper()
	return mounttest.Start(t, c.o)
}

// drain waits until all that was acknowledged is at the server.
func (c *cloud) drain(t *testing.T) {
	t.Helper()
	if err := c.m.Drain(time.Minute); err != nil {
		t.Fatal(err)
	}
}

// stored is the object as the server has it; ok is false where it has none.
func (c *cloud) stored(t *testing.T, key string) (content string, ok bool) {
	t.Helper()
	b, err := c.server.ReadAll(t.Context(), c.name, key)
	if err != nil && !strings.Contains(err.Error(), "404") {
		t.Fatal(err)
	}
	return string(b), err == nil
}

// overwrite puts an object behind the mount.
func (c *cloud) overwrite(t *testing.T, key, content string) {
	t.Helper()
	must(t, c.server.PutString(t.Context(), c.name, key, content))
}

// wantStored fails the test unless the server has these bytes.
func (c *cloud) wantStored(t *testing.T, key, want string) {
	t.Helper()
	if got, ok := c.stored(t, key); !ok || got != want {
		t.Errorf("%s at the server is %s (there: %v), want %s", key, brief(got), ok, brief(want))
	}
}

// wantAbsent fails the test if the server has the object.
func (c *cloud) wantAbsent(t *testing.T, key string) {
	t.Helper()
	if got, ok := c.stored(t, key); ok {
		t.Errorf("%s is at the server, with %s", key, brief(got))
	}
}

// keys lists the bucket at the server, without markers of folders.
func (c *cloud) keys(t *testing.T, prefix string) []string {
	t.Helper()
	return slices.DeleteFunc(c.server.Keys(t, c.name, prefix), func(k string) bool { return strings.HasSuffix(k, "/") })
}

// breakAll lets a fault befall every request with one of the operations, or all.
func (c *cloud) breakAll(f netproxy.Fault, ops ...string) {
	c.ScriptFunc(func(q netproxy.Request) netproxy.Fault {
		switch f.Kind {
		case netproxy.WrongLength, netproxy.CutBody, netproxy.StallBody:
			// A HEAD has no body, and of an upload whose name did not arrive nobody knows.
			if q.Op == "HEAD" || q.Op == "INITIATE" {
				return netproxy.Fault{}
			}
		}
		if len(ops) > 0 && !slices.Contains(ops, q.Op) {
			return netproxy.Fault{}
		}
		return f
	})
}

// writing are the operations that change a bucket.
var writing = []string{"PUT", "COPY", "DELETE", "DELETEMANY", "INITIATE", "PART", "PARTCOPY", "COMPLETE", "ABORT"}

// brief describes content in an error message.
func brief(s string) string {
	if len(s) <= 60 {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%d bytes %.12x (%.20q…)", len(s), sha256.Sum256([]byte(s)), s)
}

// closed gives what close(2) says, after all was written.
func closed(f *os.File, content string) error {
	if _, err := f.WriteString(content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// snapshot describes everything below dir but what is named in skip: kind, mode,
// content, target, and the time of what was not made a moment ago.
func snapshot(t *testing.T, dir string, skip ...string) map[string]string {
	t.Helper()
	tree := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(skip, e.Name()) {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if p == dir {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		when := "recent"
		if time.Since(info.ModTime()) > 12*time.Hour {
			when = fmt.Sprint(info.ModTime().Unix())
		}
		what := fmt.Sprintf("%v %s", info.Mode(), when)
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			if int64(len(b)) != info.Size() {
				return fmt.Errorf("%s: read %d bytes of %d", p, len(b), info.Size())
			}
			what += fmt.Sprintf(" %d %.12x", len(b), sha256.Sum256(b))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			what = "-> " + target // the mode of a link means nothing
		}
		tree[strings.TrimPrefix(p, dir+"/")] = what
		return nil
	})
	if err != nil {
		t.Fatalf("look at %s: %v", dir, err)
	}
	return tree
}

// sameTree compares two snapshots.
func sameTree(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for p, w := range want {
		if g, ok := got[p]; !ok {
			t.Errorf("%s: %s is missing", what, p)
		} else if g != w {
			t.Errorf("%s: %s is %s, want %s", what, p, g, w)
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%s: there is also %s", what, p)
		}
	}
}

// noLitter fails the test if the bucket holds anything below prefix but the files of
// dir, which the mount shows for it, and the markers of its folders.
func (c *cloud) noLitter(t *testing.T, prefix string) {
	t.Helper()
	want, empty := map[string]bool{}, map[string]bool{}
	root := c.at(prefix)
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		key := strings.TrimPrefix(strings.TrimPrefix(p, c.at("")), "/")
		if !e.IsDir() {
			want[key] = true
			return nil
		}
		if key == "" {
			return nil // the volume itself has no marker
		}
		want[key+"/"] = false
		entries, err := os.ReadDir(p)
		empty[key+"/"] = len(entries) == 0
		return err
	})
	must(t, err)
	have := map[string]bool{}
	for _, key := range c.server.Keys(t, c.name, strings.TrimPrefix(prefix+"/", "/")) {
		have[key] = true
		if _, ok := want[key]; !ok {
			t.Errorf("litter in the bucket: %q", key)
		}
	}
	for key, file := range want {
		if (file || empty[key]) && !have[key] {
			t.Errorf("not in the bucket: %q", key)
		}
	}
	if uploads, err := c.uploads(t); err != nil || len(uploads) > c.kills {
		t.Errorf("uploads left at the server: %q, %v", uploads, err)
	}
}

// uploads lists the uploads in parts that nobody has ended. One whose beginning the
// server had answered when a mount was killed, which had not noted it yet, stays.
func (c *cloud) uploads(t *testing.T) ([]string, error) {
	t.Helper()
	uploads, err := c.server.Uploads(t.Context(), c.name)
	// A mount that is killed while it finds out what the server can leaves that attempt.
	return slices.DeleteFunc(uploads, func(key string) bool { return strings.HasPrefix(key, ".sd-probe-") }), err
}

// wantErrno fails the test unless err is one of want; nil is among them for success.
func wantErrno(t *testing.T, what string, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if err == nil && w == nil || w != nil && errors.Is(err, w) {
			return
		}
	}
	t.Errorf("%s: %v, want %v", what, err, want)
}

// noReplace renames only where nothing has the new name.
func noReplace(from, to string) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
}
