package transfer_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
	"sd/actions/transfer"
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

func count(dir string) int {
	list, _ := os.ReadDir(dir)
	return len(list)
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
