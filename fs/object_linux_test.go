package fs_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// bucket is a volume behind a proxy that counts and breaks requests.
type bucket struct {
	*netproxy.Faults
	name   string
	server *testserver.Server
}

// newBucket makes a bucket on a server of its own.
func newBucket(t *testing.T, name string, start func(testing.TB, ...string) *testserver.Server) *bucket {
	t.Helper()
	s := start(t, name)
	p, err := netproxy.NewFaults(s.URL)
	must(t, err)
	t.Cleanup(func() { p.Close() })
	return &bucket{p, name, s}
}

func (b *bucket) volume() mounttest.Volume {
	return mounttest.Volume{
		Bucket: b.name, Endpoint: b.URL(), AccessKey: testserver.AccessKey, SecretKey: testserver.SecretKey,
		Patience: 2 * time.Second, Stall: time.Second, Probing: 20 * time.Millisecond,
	}
}

// put stores objects of random content and gives it.
func (b *bucket) put(t *testing.T, size int, keys ...string) []byte {
	t.Helper()
	content := make([]byte, size)
	rand.Read(content)
	for _, k := range keys {
		must(t, b.server.Put(t.Context(), b.name, k, bytes.NewReader(content), int64(size), nil))
	}
	return content
}

// counted tells what requests to the provider do makes.
func (b *bucket) counted(do func()) map[string]int {
	b.Forget()
	do()
	return b.Counts()
}

func equalCounts(a, b map[string]int) bool {
	for _, op := range []string{"LIST", "GET", "HEAD", "PUT", "DELETE"} {
		if a[op] != b[op] {
			return false
		}
	}
	return true
}

func TestObjectsAreFiles(t *testing.T) {
	b := newBucket(t, "photos", testserver.Versitygw)
	small := b.put(t, 100, "small", "2024/trip/a b.jpg")
	large := b.put(t, 5<<20+123, "large")
	b.put(t, 0, "empty")
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}})
	at := func(key string) string { return m.Path("s3/photos", key) }

	for dir, want := range map[string]string{"": "2024 empty large small", "2024": "trip", "2024/trip": "a b.jpg"} {
		if got := strings.Join(names(t, at(dir)), " "); got != want {
			t.Errorf("%q holds %q, want %q", dir, got, want)
		}
	}
	for key, want := range map[string][]byte{"small": small, "2024/trip/a b.jpg": small, "large": large, "empty": nil} {
		if got := read(t, at(key)); got != string(want) {
			t.Errorf("%s: %d bytes that differ from the %d stored", key, len(got), len(want))
		}
		st := lstat(t, at(key))
		if st.Size != int64(len(want)) || st.Mode != unix.S_IFREG|0o644 || time.Since(time.Unix(st.Mtim.Sec, 0)) > time.Hour {
			t.Errorf("%s: size %d, mode %o, mtime %v", key, st.Size, st.Mode, time.Unix(st.Mtim.Sec, 0))
		}
		buf := make([]byte, 100)
		n, err := unix.Getxattr(at(key), "user.sd.uri", buf)
		if err != nil || string(buf[:n]) != "s3://photos/"+key {
			t.Errorf("user.sd.uri of %s: %q, %v", key, buf[:max(n, 0)], err)
		}
	}
	for _, key := range []string{"nothing", "2024/nothing", "small/x"} {
		if _, err := os.Lstat(at(key)); err == nil {
			t.Errorf("%s exists", key)
		}
	}
	f, err := os.Open(at("large"))
	must(t, err)
	defer f.Close()
	buf := make([]byte, 1000)
	for _, off := range []int64{5 << 20, 0, 1<<20 - 500, 3 << 20} {
		n, err := f.ReadAt(buf, off)
		if want := large[off:min(off+1000, int64(len(large)))]; !bytes.Equal(buf[:n], want) || (err != nil && err != io.EOF) {
			t.Errorf("%d bytes at %d differ: %v", n, off, err)
		}
	}
}

func TestReadOnlyMount(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	b.put(t, 10, "file", "dir/file")
	m := mounttest.Start(t, mounttest.Options{ReadOnly: true, Volumes: []mounttest.Volume{b.volume()}})
	at := func(key string) string { return m.Path("s3/bucket", key) }
	f := at("file")
	for what, do := range map[string]func() error{
		"create":   func() error { return os.WriteFile(at("new"), nil, 0o644) },
		"write":    func() error { return os.WriteFile(f, nil, 0o644) },
		"mkdir":    func() error { return os.Mkdir(at("new"), 0o755) },
		"rmdir":    func() error { return unix.Rmdir(at("dir")) },
		"unlink":   func() error { return unix.Unlink(f) },
		"rename":   func() error { return unix.Rename(f, at("new")) },
		"symlink":  func() error { return os.Symlink("x", at("new")) },
		"link":     func() error { return os.Link(f, at("new")) },
		"mkfifo":   func() error { return unix.Mkfifo(at("new"), 0o644) },
		"chmod":    func() error { return os.Chmod(f, 0o600) },
		"truncate": func() error { return os.Truncate(f, 0) },
		"setxattr": func() error { return unix.Setxattr(f, "user.x", []byte("y"), 0) },
	} {
		if err := do(); !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: %v, want EROFS", what, err)
		}
	}
	for what, do := range map[string]func() error{
		"mkdir in /":    func() error { return os.Mkdir(m.Path("x"), 0o755) },
		"rmdir s3":      func() error { return unix.Rmdir(m.Path("s3")) },
		"rename volume": func() error { return unix.Rename(m.Path("s3/bucket"), m.Path("s3/other")) },
	} {
		if err := do(); !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: %v, want EROFS", what, err)
		}
	}
	if err := unix.Rename(f, m.Local(t.TempDir())+"/f"); err != unix.EROFS && err != unix.EXDEV {
		t.Errorf("rename to a local folder: %v", err)
	}
}

func TestProviderRequests(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Gofakes3)
	must(t, b.server.Fill(t.Context(), "bucket", 2500, func(i int) (string, []byte) {
		return fmt.Sprintf("many/file-%04d", i), []byte("some content")
	}))
	large := b.put(t, 20<<20, "large")
	rest := b.put(t, 100<<20, "random")
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}})
	many := m.Path("s3/bucket/many")

	list := func() {
		entries, err := os.ReadDir(many)
		must(t, err)
		for _, e := range entries {
			lstat(t, filepath.Join(many, e.Name()))
		}
		if len(entries) != 2500 {
			t.Errorf("%d entries", len(entries))
		}
	}
	// Two for the look-up of the folder: is it a file, is it a prefix?
	if got := b.counted(list); !equalCounts(got, map[string]int{"LIST": 4, "HEAD": 1}) {
		t.Errorf("ls -l of 2,500 objects: %v, want 3 LIST and the folder's own HEAD and LIST", got)
	}
	if got := b.counted(list); !equalCounts(got, nil) {
		t.Errorf("ls -l once more: %v, want nothing", got)
	}
	if got := b.counted(func() { read(t, filepath.Join(many, "file-1234")) }); !equalCounts(got, map[string]int{"GET": 1}) {
		t.Errorf("a small file after its listing: %v, want 1 GET", got)
	}
	if got := b.counted(func() {
		if _, err := os.Lstat(filepath.Join(many, "absent")); !os.IsNotExist(err) {
			t.Errorf("absent: %v", err)
		}
	}); !equalCounts(got, nil) {
		t.Errorf("an absent file after a complete listing: %v, want nothing", got)
	}

	names(t, m.Path("s3/bucket"))
	if got := b.counted(func() {
		if read(t, m.Path("s3/bucket/large")) != string(large) {
			t.Error("large differs")
		}
	}); got["HEAD"]+got["LIST"] != 0 || got["GET"] > 20 {
		t.Errorf("20 MiB in sequence: %v, want at most 20 GET", got)
	}
	for _, r := range b.Requests() {
		if r.Op == "GET" && (r.IfMatch() == "" || r.Range() == "") {
			t.Errorf("a GET without condition or range: %v", r.Header)
		}
	}
	// The version is unchanged, so the kernel's own pages serve.
	// When memory is short it drops some, which comes from the cache then.
	fuseReads := int64(-1)
	for tries := 3; fuseReads != 0 && tries > 0; tries-- {
		if got := b.counted(func() {
			fuseReads = m.Requests(func() { read(t, m.Path("s3/bucket/large")) })["READ"]
		}); !equalCounts(got, nil) {
			t.Errorf("the same again: %v, want nothing", got)
		}
	}
	if fuseReads != 0 {
		t.Errorf("the same again, three times: %d FUSE reads, want none", fuseReads)
	}
	if got := b.counted(func() {
		f, err := os.Open(m.Path("s3/bucket/random"))
		must(t, err)
		defer f.Close()
		buf := make([]byte, 4096)
		for i := range 40 {
			off := int64(i) * 7919 * 4096 % (100 << 20)
			_, err := f.ReadAt(buf, off)
			must(t, err)
			if !bytes.Equal(buf, rest[off:off+4096]) {
				t.Fatalf("4 KiB at %d differ", off)
			}
		}
	}); got["GET"] > 60 {
		t.Errorf("40 random reads: %v, want about one GET each", got)
	}
}

func TestReplacedObjectsNeverMix(t *testing.T) {
	b := newBucket(t, "bucket", testserver.Versitygw)
	const size = 6 << 20
	version := func(i int) []byte { return bytes.Repeat([]byte{byte('A' + i%26)}, size) }
	store := func(i int) {
		must(t, b.server.Put(t.Context(), "bucket", "file", bytes.NewReader(version(i)), size, nil))
	}
	store(0)
	m := mounttest.Start(t, mounttest.Options{Volumes: []mounttest.Volume{b.volume()}, MetadataTTL: 40 * time.Millisecond, CacheBytes: 8 << 20})
	path := m.Path("s3/bucket/file")

	stop := make(chan struct{})
	var readers sync.WaitGroup
	var whole, stale int
	var mu sync.Mutex
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := os.ReadFile(path)
				mu.Lock()
				switch {
				case errors.Is(err, unix.ESTALE):
					stale++
				case err != nil:
					t.Errorf("read: %v", err)
				case len(got) != size || bytes.Count(got, got[:1]) != size:
					t.Errorf("%d bytes of several versions", len(got))
				default:
					whole++
				}
				mu.Unlock()
			}
		})
	}
	for i := range 40 {
		store(i + 1)
	}
	enough := func() bool { mu.Lock(); defer mu.Unlock(); return whole >= 5 }
	mounttest.Eventually(t, 30*time.Second, "some reads succeed", enough)
	close(stop)
	readers.Wait()
	t.Logf("%d reads of one version, %d ESTALE", whole, stale)

	// A handle that has read keeps its version or says ESTALE, whatever comes after.
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	first := make([]byte, 1)
	_, err = f.ReadAt(first, 0)
	must(t, err)
	store(int(first[0]-'A') + 1)
	rest := make([]byte, size)
	if n, err := io.ReadFull(f, rest); err == nil {
		if bytes.Count(rest, first) != size {
			t.Error("a handle opened before the change read bytes of both versions")
		}
	} else if !errors.Is(err, unix.ESTALE) || bytes.Count(rest[:n], first) != n {
		t.Errorf("a handle opened before the change: %d bytes, %v; want old bytes or ESTALE", n, err)
	}
	mounttest.Eventually(t, 5*time.Second, "the new version is read", func() bool {
		got, err := os.ReadFile(path)
		return err == nil && got[0] != first[0] && bytes.Count(got, got[:1]) == size
	})
}
