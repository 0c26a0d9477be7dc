package fs_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/testserver"
)

// For an hour in each mode:
//
//	go test ./fs -run TestFsxOnAVolume -timeout 3h -args -fsx.duration 1h
var (
	fsxDuration = flag.Duration("fsx.duration", 3*time.Second, "how long random operations run in each mode")
	fsxSeed     = flag.Uint64("fsx.seed", 0, "the seed of random operations; 0 is a new one")
)

// fsx does random operations on a few files and compares all that it reads with a
// model in memory. It is one process with several handles.
type fsx struct {
	t      *testing.T
	root   string
	r      *rand.Rand
	stored func(name string) (string, bool) // what the provider has; nil: nobody to ask
	late   bool                             // close does not wait for the provider

	files   map[string]*fsxFile // by name
	handles []*fsxHandle
	log     []string
	serial  byte
}

// fsxFile is a file as it must be.
type fsxFile struct {
	name string // "" once unlinked
	data []byte
	max  int // bytes that it may grow to
}

type fsxHandle struct {
	fd     int
	file   *fsxFile
	read   bool
	write  bool
	append bool
	wrote  bool // since the provider last had to have the file
}

// fsxNames are the files; the last two may grow beyond one part of an upload.
var fsxNames = []string{"a", "b", "c.txt", "large", "large2"}

func newFsx(t *testing.T, root string) *fsx {
	seed := *fsxSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("go test -run '^%s$' -args -fsx.seed %d", t.Name(), seed)
	x := &fsx{t: t, root: root, r: rand.New(rand.NewPCG(seed, 1)), files: map[string]*fsxFile{}}
	t.Cleanup(func() { // of a test that failed: the mount would be busy
		for _, h := range x.handles {
			unix.Close(h.fd)
		}
	})
	return x
}

func (x *fsx) path(name string) string { return filepath.Join(x.root, name) }

// fail ends the test with what was done last.
func (x *fsx) fail(format string, args ...any) {
	x.t.Helper()
	x.t.Fatalf("%s\nafter:\n%s", fmt.Sprintf(format, args...), strings.Join(x.log[max(0, len(x.log)-40):], "\n"))
}

func (x *fsx) note(format string, args ...any) { x.log = append(x.log, fmt.Sprintf(format, args...)) }

func (x *fsx) ok(err error) {
	x.t.Helper()
	if err != nil {
		x.fail("%v", err)
	}
}

// run does operations for a while and gives their number.
func (x *fsx) run(d time.Duration) (n int) {
	steps := []struct {
		weight int
		do     func()
	}{
		{20, x.open}, {12, x.close}, {40, x.pwrite}, {40, x.pread}, {8, x.ftruncate}, {6, x.truncate}, {10, x.mapped},
		{6, x.punch}, {5, x.rename}, {5, x.unlink}, {6, x.fsync}, {20, x.stat}, {4, x.copyRange}, {2, x.whole},
	}
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	for end := time.Now().Add(d); time.Now().Before(end); n++ {
		if len(x.log) > 2000 {
			x.log = slices.Clone(x.log[1900:])
		}
		at := x.r.IntN(total)
		for _, s := range steps {
			if at -= s.weight; at < 0 {
				s.do()
				break
			}
		}
	}
	for len(x.handles) > 0 {
		x.closeHandle(0)
	}
	return n
}

func (x *fsx) name() string { return fsxNames[x.r.IntN(len(fsxNames))] }

// handle picks an open handle that fits; nil if there is none.
func (x *fsx) handle(fits func(*fsxHandle) bool) *fsxHandle {
	var list []*fsxHandle
	for _, h := range x.handles {
		if fits(h) {
			list = append(list, h)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[x.r.IntN(len(list))]
}

func writable(h *fsxHandle) bool { return h.write }
func readable(h *fsxHandle) bool { return h.read }

// bytes are n bytes that tell when they were written.
func (x *fsx) bytes(n int) []byte {
	x.serial++
	b := bytes.Repeat([]byte{x.serial}, n)
	for i := 0; i+8 <= n; i += 512 {
		copy(b[i:], fmt.Sprintf("%08d", i))
	}
	return b
}

// span picks a place in or a little behind a file, and a length.
func (x *fsx) span(f *fsxFile) (off, n int) {
	off = x.r.IntN(min(len(f.data)+len(f.data)/4+5000, f.max))
	n = 1 + x.r.IntN(1<<(2+x.r.IntN(17)))
	if f.max > 1<<20 && x.r.IntN(4) == 0 {
		n = 1 << 20
	}
	return off, min(n, f.max-off)
}

// put changes the model.
func (f *fsxFile) put(p []byte, off int) {
	f.grow(off + len(p))
	copy(f.data[off:], p)
}

func (f *fsxFile) grow(size int) {
	if size > len(f.data) {
		f.data = append(f.data, make([]byte, size-len(f.data))...)
	}
}

func (f *fsxFile) cut(size int) {
	if size < len(f.data) {
		f.data = slices.Clip(f.data[:size])
	}
	f.grow(size)
}

// same compares what was read of f at off with the model.
func (x *fsx) same(what string, f *fsxFile, off int, got []byte) {
	x.t.Helper()
	want := f.data[min(off, len(f.data)):]
	want = want[:min(len(got), len(want))]
	if bytes.Equal(got, want) {
		return
	}
	i := 0
	for i < len(want) && got[i] == want[i] {
		i++
	}
	x.fail("%s of %q at %d: %d bytes, want %d; they differ from %d on: % x, want % x",
		what, f.name, off, len(got), len(want), off+i, got[i:min(i+8, len(got))], want[i:min(i+8, len(want))])
}

// promised checks that the provider has a file that was just closed or synced.
func (x *fsx) promised(what string, f *fsxFile) {
	x.t.Helper()
	for _, h := range x.handles {
		h.wrote = h.wrote && h.file != f
	}
	if x.stored == nil || f.name == "" {
		return
	}
	got, ok := x.stored(f.name)
	if !ok {
		x.fail("after %s, %q is not at the provider", what, f.name)
	}
	if got != string(f.data) {
		x.same("after "+what+", the object", f, 0, []byte(got))
		x.fail("after %s, the object %q has %d bytes, want %d", what, f.name, len(got), len(f.data))
	}
}

// compare reads every file by name, and looks that there is no other.
func (x *fsx) compare(what string) {
	x.t.Helper()
	for _, e := range names(x.t, x.root) {
		if x.files[e] == nil {
			x.fail("%s: there is %q", what, e)
		}
	}
	for name, f := range x.files {
		got, err := os.ReadFile(x.path(name))
		x.ok(err)
		x.same(what, f, 0, got)
		if len(got) != len(f.data) {
			x.fail("%s: %q has %d bytes, want %d", what, name, len(got), len(f.data))
		}
	}
}

func TestFsxOnTheBareFileSystem(t *testing.T) {
	x := newFsx(t, t.TempDir())
	x.run(300 * time.Millisecond)
	x.compare("at the end")
}

func fsxOnAVolume(t *testing.T, o mounttest.Options) {
	c := newMappedCloud(t, o, testserver.Versitygw)
	x := newFsx(t, c.at("d"))
	must(t, os.Mkdir(x.root, 0o755))
	x.late = o.WriteBack
	x.stored = func(name string) (string, bool) { return c.stored(t, "d/"+name) }
	n := x.run(*fsxDuration)
	t.Logf("%d operations", n)
	x.compare("at the end")
	c.drain(t)
	c.noLitter(t, "d")
	for name, f := range x.files {
		c.wantStored(t, "d/"+name, string(f.data))
	}
	c.remount(t)
	x.compare("after a remount")
}

func TestFsxOnAVolume(t *testing.T) { fsxOnAVolume(t, mounttest.Options{}) }

func TestFsxOnAVolumeWriteBack(t *testing.T) {
	fsxOnAVolume(t, mounttest.Options{WriteBack: true})
}

// mode is how a handle is opened.
func (h *fsxHandle) mode() int {
	flags := unix.O_RDONLY
	switch {
	case h.read && h.write:
		flags = unix.O_RDWR
	case h.write:
		flags = unix.O_WRONLY
	}
	if h.append {
		flags |= unix.O_APPEND
	}
	return flags
}
