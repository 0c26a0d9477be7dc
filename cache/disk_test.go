package cache

import (
	"bytes"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// newDiskCache makes a cache over dir, and what it logs.
func newDiskCache(t testing.TB, dir string, maxDisk int64) (*Cache, *syncBuffer) {
	t.Helper()
	log := new(syncBuffer)
	c, err := New(Config{Dir: dir, MaxDisk: maxDisk, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.spare.spoil = spoil
	return c, log
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// readWhole reads s from start to end through a handle of its own.
func readWhole(t testing.TB, c *Cache, s *store) {
	t.Helper()
	r := c.Open(s.file())
	defer r.Close()
	for off := int64(0); off < s.size; off += 300 * kib {
		mustRead(t, r, s, off, 300*kib)
		flush(c) // so that nothing is dropped
	}
}

// flush waits until all that was fetched has been written, or dropped.
func flush(c *Cache) {
	idle(c)
	for c.disk.queued.Load() > 0 {
		runtime.Gosched()
	}
}

// lies measures what really lies there, and counts complete files.
func lies(t testing.TB, c *Cache) (bytes, files int64) {
	t.Helper()
	names, err := os.ReadDir(c.disk.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(c.disk.dir, n.Name()), &st); err != nil {
			continue // evicted meanwhile
		}
		bytes += st.Blocks * 512
		if _, _, ok := parseName(n.Name()); ok {
			files++
		}
	}
	return bytes, files
}

func TestDiskKeepsAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	stores := []*store{{t: t, name: "small", size: 700}, {t: t, name: "page", size: 4096}, {t: t, name: "large", size: 5*mib + 3}}
	c, _ := newDiskCache(t, dir, 100*mib)
	for _, s := range stores {
		readWhole(t, c, s)
	}
	if got := c.Stats().Disk; got.Files != 3 || got.Writes != 3 || got.Bytes != 8192+5*mib+4096 || got.Off != "" {
		t.Errorf("stats: %+v", got)
	}
	if f, ok := c.OpenDisk(stores[2].file()); !ok {
		t.Error("a complete file cannot be opened")
	} else {
		if got, err := io.ReadAll(f); err != nil || int64(len(got)) != stores[2].size {
			t.Errorf("%d bytes on disk, %v", len(got), err)
		} else {
			check(t, stores[2], 0, len(got), got)
		}
		f.Close()
	}
	c.Close()
	if err := os.WriteFile(filepath.Join(c.disk.dir, partName(ID{1})), []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}

	c, _ = newDiskCache(t, dir, 100*mib)
	<-c.disk.scanned
	for _, s := range stores {
		before := len(s.requests())
		if !c.Has(s.file()) || !c.Warm(s.file()) && s.size <= mib {
			t.Errorf("%s is not known after a restart", s.name)
		}
		readWhole(t, c, s)
		if got := len(s.requests()) - before; got != 0 {
			t.Errorf("%s: %d requests after a restart", s.name, got)
		}
	}
	if got := c.Stats(); got.Disk.Hits == 0 || got.Disk.Bad != 0 || got.UsedBytes != 0 {
		t.Errorf("stats: %+v", got)
	}
	if names, _ := filepath.Glob(filepath.Join(c.disk.dir, "*"+partSuffix)); len(names) != 0 {
		t.Errorf("left over: %v", names)
	}
	if _, ok := c.OpenDisk(File{ID: stores[0].file().ID, Size: 701}); ok {
		t.Error("a file of another size was taken")
	}
}

// Under any load, what lies on disk never takes more than the cap, and what is read is
// right, even from files that are evicted meanwhile.
func TestDiskCapHolds(t *testing.T) {
	const most = 6 * mib
	c, _ := newDiskCache(t, t.TempDir(), most)
	var stores []*store
	for i := range 40 {
		stores = append(stores, &store{t: t, name: string(rune('A' + 1000 + i)), size: []int64{1, 5000, 300 * kib, 2*mib + 5, 8 * mib}[i%5]})
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	stop := make(chan struct{})
	var watch, wg sync.WaitGroup
	watch.Go(func() {
		for {
			c.disk.mu.Lock() // nothing is removed between two looks
			got, _ := lies(t, c)
			c.disk.mu.Unlock()
			if got > most {
				t.Errorf("%d bytes on disk, want at most %d", got, most)
			}
			if got := c.Stats().Disk.Bytes; got > most {
				t.Errorf("%d bytes are counted, want at most %d", got, most)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for w := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			for range 8 {
				s := stores[rng.IntN(len(stores))]
				r := c.Open(s.file())
				for range 10 {
					mustRead(t, r, s, rng.Int64N(s.size), 1+rng.IntN(500*kib))
				}
				for off := int64(0); off < s.size; off += mib {
					mustRead(t, r, s, off, mib)
				}
				r.Close()
			}
		})
	}
	wg.Wait()
	close(stop)
	watch.Wait()
	flush(c)
	for _, name := range []string{"u", "v", "x", "y"} { // more than fits beside incomplete files
		s := &store{t: t, name: name, size: 2 * mib}
		readWhole(t, c, s)
		stores = append(stores, s)
	}
	got := c.Stats().Disk
	if got.Evictions == 0 || got.Hits == 0 || got.Bad != 0 || got.Off != "" {
		t.Errorf("stats: %+v", got)
	}
	if _, files := lies(t, c); files != got.Files {
		t.Errorf("%d files on disk, %d are known", files, got.Files)
	}
	newer := true // the last one, which nothing came after
	for _, s := range slices.Backward(stores[40:]) {
		f := s.file()
		here := c.disk.has(&f)
		if here && !newer || !here && s.name == "y" {
			t.Errorf("%s: there is %v, the one after it %v", s.name, here, newer)
		}
		newer = here
	}
	c.Close()
	if c.Stats().UsedBytes != 0 {
		t.Error("blocks are still charged")
	}
}

func TestDiskLowersItsCap(t *testing.T) {
	dir := t.TempDir()
	c, _ := newDiskCache(t, dir, 0)
	for i := range 5 {
		readWhole(t, c, &store{t: t, name: string(rune('a' + i)), size: mib})
	}
	c.Close()
	c, _ = newDiskCache(t, dir, 3*mib)
	<-c.disk.scanned
	if got := c.Stats().Disk; got.Files != 3 || got.Bytes != 3*mib {
		t.Errorf("stats: %+v", got)
	}
}

// Two processes never work in one folder.
func TestDiskSlots(t *testing.T) {
	dir := t.TempDir()
	a, _ := newDiskCache(t, dir, 0)
	b, _ := newDiskCache(t, dir, 0)
	if a.disk.dir == b.disk.dir {
		t.Errorf("both work in %s", a.disk.dir)
	}
	first := a.disk.dir
	a.Close()
	if c, _ := newDiskCache(t, dir, 0); c.disk.dir != first {
		t.Errorf("%s is free, but %s was taken", first, c.disk.dir)
	}
}

// A disk that takes nothing holds nobody up, and not more memory than it may.
func TestDiskTooSlow(t *testing.T) {
	c := newCache(t, 64*mib)
	d := &disk{room: 3 * mib, max: 1 << 40, queue: make(chan offer, 100), scanned: make(chan struct{}), done: make(chan struct{})}
	close(d.scanned)
	c.disk = d
	s := &store{t: t, name: "f", size: 20 * mib}
	readPlain(t, c, s)
	if got := c.Stats().Disk.Dropped; got < 17 || d.queued.Load() > d.room {
		t.Errorf("%d blocks were dropped, %d bytes are in the queue", got, d.queued.Load())
	}
}

// readPlain reads s from start to end.
func readPlain(t testing.TB, c *Cache, s *store) {
	t.Helper()
	r := c.Open(s.file())
	defer r.Close()
	for off := int64(0); off < s.size; off += mib {
		mustRead(t, r, s, off, mib)
	}
}

// A folder that cannot be used is told of once, and nobody who reads notices.
func TestDiskCannotBeUsed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, log := newDiskCache(t, name, 0)
	s := &store{t: t, name: "f", size: 3 * mib}
	readWhole(t, c, s)
	if got := c.Stats().Disk; got.Off == "" || got.Files != 0 {
		t.Errorf("stats: %+v", got)
	}
	if got := strings.Count(log.String(), "\n"); got != 1 {
		t.Errorf("%d lines of log: %s", got, log)
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("0123456789abcdef0123456789abcdef-89abcdef")
	f.Add("0123456789ABCDEF0123456789abcdef-+9abcdef")
	f.Fuzz(func(t *testing.T, name string) {
		if id, sum, ok := parseName(name); ok {
			if got := (&diskFile{id: id, sum: sum}).name(); got != name {
				t.Errorf("%q is printed as %q", name, got)
			}
		}
	})
}
