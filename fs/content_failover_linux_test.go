package fs_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/backends"
	"sd/internal/mounttest"
	"sd/internal/testserver"
	"sd/resolver"
	"sd/sdpath"
)

// cloudCopy puts an object of that content into the bucket, and into the catalog.
func cloudCopy(t *testing.T, m *mounttest.Mount, b *bucket, x *indexed, key, content string) {
	t.Helper()
	must(t, b.server.PutString(t.Context(), b.name, key, content))
	at := m.Path("s3", b.name, key)
	mounttest.Eventually(t, 10*time.Second, key+" is there", func() bool { _, err := os.Lstat(at); return err == nil })
	st := lstat(t, at)
	x.addObject(t, fingerprint(b), key, backends.Entry{
		Size: st.Size, ModTime: time.Unix(st.Mtim.Unix()), Version: sdAttr(t, at, "user.sd.etag"),
	}, content)
}

func fingerprint(b *bucket) string {
	return resolver.CloudVolume{Service: sdpath.S3, Identifier: b.name, Config: map[string]string{"endpoint": b.URL()}}.Fingerprint()
}

func TestContentOfAServerThatDies(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	m, x := contentMount(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, CacheBytes: 4 << 20})
	text := random(1, 16<<20)
	cloudCopy(t, m, b, x, "dir/object", text)
	object := m.Path("s3/bucket/dir/object")
	if got, want := sdAttr(t, object, "user.sd.content_id"), contentID(text); got != want {
		t.Errorf("the object's id is %q, want %q", got, want)
	}
	if got, want := sdAttr(t, object, "user.sd.blake3"), sumOf(text).String(); got != want {
		t.Errorf("the object's BLAKE3 is %q, want %q", got, want)
	}
	if got, want := sdAttr(t, object, "user.sd.locations"), "s3://bucket/dir/object"; got != want {
		t.Errorf("the object's locations are %q, want %q", got, want)
	}
	f, err := os.Open(m.Path("content", contentID(text)))
	must(t, err)
	defer f.Close()
	head := make([]byte, 1<<20)
	_, err = io.ReadFull(f, head)
	must(t, err)
	second := filepath.Join(t.TempDir(), "copy")
	write(t, second, text)
	x.add(t, second, text)
	b.Die()
	rest, err := io.ReadAll(f)
	if got := string(head) + string(rest); err != nil || got != text {
		t.Errorf("with a second copy it reads %s, %v, want %s", brief(got), err, brief(text))
	}

	// Now there is none.
	must(t, os.Remove(second))
	err = within(t, deadline, "a content without a copy", func() error {
		_, err := os.ReadFile(m.Path("content", contentID(text)))
		return err
	})
	wantErrno(t, "a content without a copy", err, unix.EHOSTUNREACH)
	lstat(t, m.Path("content", contentID(text)))
}

// TestContentOfASleepingServer reads what is cached, and so asks a server that was given up.
func TestContentOfASleepingServer(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	m, x := contentMount(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}})
	text := random(1, 3<<20)
	cloudCopy(t, m, b, x, "object", text)
	at := m.Path("content", contentID(text))
	if got := read(t, at); got != text {
		t.Fatalf("it reads %s", brief(got))
	}
	b.put(t, 1<<20, "other")
	must(t, m.Refresh("s3/bucket"))
	b.Die()
	mounttest.Eventually(t, 15*time.Second, "the server is given up", func() bool {
		_, err := os.ReadFile(m.Path("s3/bucket/other"))
		return errors.Is(err, unix.EHOSTUNREACH)
	})
	if got, err := os.ReadFile(at); err != nil || string(got) != text {
		t.Errorf("of a server that was given up it reads %s, %v", brief(string(got)), err)
	}
}

// TestContentOfAServerThatComesBack reads on through the same handle after an outage.
func TestContentOfAServerThatComesBack(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	m, x := contentMount(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, CacheBytes: 4 << 20})
	text := random(1, 16<<20)
	cloudCopy(t, m, b, x, "object", text)
	f, err := os.Open(m.Path("content", contentID(text)))
	must(t, err)
	defer f.Close()
	part := make([]byte, 1<<20)
	_, err = io.ReadFull(f, part)
	must(t, err)
	b.Die()
	err = within(t, deadline, "reading on from a dead server", func() error {
		_, err := f.ReadAt(part, 12<<20)
		return err
	})
	wantErrno(t, "reading on from a dead server", err, unix.EHOSTUNREACH)
	must(t, b.Serve())
	mounttest.Eventually(t, 15*time.Second, "the handle reads on", func() bool {
		n, err := f.ReadAt(part, 12<<20)
		return err == nil && string(part[:n]) == text[12<<20:12<<20+n]
	})
}

func TestContentOfAnObjectThatChanges(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	m, x := contentMount(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, CacheBytes: 4 << 20})
	text := random(2, 16<<20)
	cloudCopy(t, m, b, x, "object", text)
	f, err := os.Open(m.Path("content", contentID(text)))
	must(t, err)
	defer f.Close()
	_, err = io.ReadFull(f, make([]byte, 1<<20))
	must(t, err)
	must(t, b.server.PutString(t.Context(), b.name, "object", random(3, 16<<20)))
	got := make([]byte, 1<<20)
	n, err := f.ReadAt(got, 12<<20) // not fetched yet
	wantErrno(t, "reading on after the object has changed", err, unix.ESTALE)
	if n > 0 && string(got[:n]) != text[12<<20:12<<20+n] {
		t.Error("other bytes were given out")
	}
	_, err = os.ReadFile(m.Path("content", contentID(text)))
	wantErrno(t, "opening it anew", err, unix.EHOSTUNREACH)
	mounttest.Eventually(t, 10*time.Second, "the object is no copy any more", func() bool {
		return sdAttr(t, m.Path("content", contentID(text)), "user.sd.locations") == ""
	})
}

var contentsDuration = flag.Duration("contents.duration", 3*time.Second, "how long contents are read while their copies are spoiled")

// TestContentIsNeverWrong reads contents while all that they could be read from is
// rewritten, replaced, removed, put back and made unreachable.
func TestContentIsNeverWrong(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	m, x := contentMount(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, CacheBytes: 4 << 20})
	dir := t.TempDir()
	var all []*besieged
	for i, size := range []int{3_000, 300_000, 1<<20 + 5, 3 << 20} {
		text := random(int64(100+i), size)
		c := &besieged{at: m.Path("content", contentID(text)), text: text, other: random(int64(200+i), size)}
		for n := range 2 {
			c.copies = append(c.copies, filepath.Join(dir, fmt.Sprint(size, "-", n)))
			write(t, c.copies[n], text)
			x.add(t, c.copies[n], text)
		}
		cloudCopy(t, m, b, x, fmt.Sprint(size), text)
		all = append(all, c)
	}
	stop := time.After(*contentsDuration)
	over := make(chan struct{})
	var wg sync.WaitGroup
	for i, c := range all {
		for reader := range 2 {
			r := rand.New(rand.NewPCG(uint64(i), uint64(reader)))
			wg.Go(func() {
				for !ended(over) {
					c.read(t, r)
				}
			})
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for running := true; running; {
		select {
		case <-stop:
			running = false
		default:
		}
		c := all[r.IntN(len(all))]
		c.attack(t, x, b, c.copies[r.IntN(len(c.copies))], r)
	}
	close(over)
	wg.Wait()
	b.Serve()
	for _, c := range all {
		t.Logf("%d bytes: %d reads were whole, %d failed", len(c.text), c.whole.Load(), c.failed.Load())
		if c.whole.Load() == 0 {
			t.Errorf("no read of %d bytes has ended well", len(c.text))
		}
	}
}

func ended(over chan struct{}) bool {
	select {
	case <-over:
		return true
	default:
		return false
	}
}

// besieged is a content whose copies are being spoiled.
type besieged struct {
	at, text, other string
	copies          []string
	whole, failed   atomic.Int64
}

// read reads the content in some way, past the kernel's cache, and compares.
func (c *besieged) read(t *testing.T, r *rand.Rand) {
	fd, err := unix.Open(c.at, unix.O_RDONLY|unix.O_DIRECT, 0)
	if err == nil {
		defer unix.Close(fd)
		off, step := 0, []int{64 << 10, 256 << 10, 1 << 20}[r.IntN(3)]
		if r.IntN(2) == 0 {
			off = r.IntN(len(c.text)) &^ 4095
		}
		buf := make([]byte, step)
		for off < len(c.text) {
			var n int
			if n, err = unix.Pread(fd, buf, int64(off)); err != nil || n == 0 {
				break
			}
			if string(buf[:n]) != c.text[off:off+n] {
				t.Errorf("%d bytes at %d of %d are not those of the content", n, off, len(c.text))
				return
			}
			off += n
		}
		if err == nil && off != len(c.text) {
			t.Errorf("the content ended after %d of %d bytes", off, len(c.text))
		}
	}
	switch {
	case err == nil:
		c.whole.Add(1)
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ESTALE), errors.Is(err, unix.EIO), errors.Is(err, unix.EINTR):
		c.failed.Add(1)
	default:
		t.Errorf("reading failed with %v", err)
	}
}

// attack does something to a copy, and sometimes makes it good again.
func (c *besieged) attack(t *testing.T, x *indexed, b *bucket, path string, r *rand.Rand) {
	inPlace := func(content string, off int) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return // it is not there now
		}
		defer f.Close()
		f.WriteAt([]byte(content[off:]), int64(off))
	}
	switch r.IntN(9) {
	case 0: // all of it
		inPlace(c.other, 0)
	case 1: // a part
		inPlace(c.other, len(c.other)/2)
	case 2: // as if nothing had been
		st, err := os.Stat(path)
		inPlace(c.other, len(c.other)/3)
		if err == nil {
			os.Chtimes(path, st.ModTime(), st.ModTime())
		}
	case 3: // by another file
		os.WriteFile(path+".new", []byte(c.other), 0o644)
		os.Rename(path+".new", path)
	case 4:
		os.Remove(path)
	case 5: // through a mapping
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return
		}
		defer f.Close()
		if st, err := f.Stat(); err != nil || st.Size() < int64(len(c.other)) {
			return
		}
		if p, err := unix.Mmap(int(f.Fd()), 0, len(c.other), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
			copy(p[len(p)/2:], c.other[len(p)/2:])
			unix.Munmap(p)
		}
	case 6:
		b.Refuse()
	case 7:
		b.Serve()
	case 8: // good again
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Error(err)
			return
		}
		letTimePass(t, path)
		x.scan(t, path)
		x.add(t, path, c.text)
	}
}

// letTimePass waits until a later change of a file shows in its times.
func letTimePass(t *testing.T, path string) {
	t.Helper()
	probe := path + ".probe"
	defer os.Remove(probe)
	mounttest.Eventually(t, 10*time.Second, "the clock of the file system goes on", func() bool {
		if err := os.WriteFile(probe, nil, 0o600); err != nil {
			return false
		}
		return fileNow(t, probe).ModTime > fileNow(t, path).ModTime+20e6
	})
}

func TestOpenHandlesAreBounded(t *testing.T) {
	m, x := contentMount(t, mounttest.Options{})
	file := filepath.Join(t.TempDir(), "a")
	write(t, file, strings.Repeat("a", 2<<20))
	x.add(t, file, strings.Repeat("a", 2<<20))
	before := m.Usage().Descriptors
	for range 50 {
		f, err := os.Open(m.Path("content", contentID(strings.Repeat("a", 2<<20))))
		must(t, err)
		must(t, f.Close())
	}
	mounttest.Eventually(t, 10*time.Second, "closed contents hold no file", func() bool { return m.Usage().Descriptors <= before+2 })
}
