package cache

import (
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// folder is a listing of small files and what was asked of each.
type folder struct {
	t     testing.TB
	c     *Cache
	order Order
	files []*store
}

func newFolder(t testing.TB, c *Cache, n int, size int64) *folder {
	d := &folder{t: t, c: c}
	for i := range n {
		d.files = append(d.files, &store{t: t, name: string(rune(i)), size: size})
	}
	return d
}

// read opens the ith file, as a mount does, and reads it.
func (d *folder) read(i int) {
	d.t.Helper()
	from, to := d.order.Opened(i)
	for n := from; n < min(to, len(d.files)); n++ {
		if !d.c.Warm(d.files[n].file()) {
			d.order.Stopped(n)
			break
		}
	}
	r := d.c.Open(d.files[i].file())
	defer r.Close()
	mustRead(d.t, r, d.files[i], 0, int(d.files[i].size))
}

// fetched counts the files that were asked for, and fails for one that was so twice.
func (d *folder) fetched() (n int) {
	d.t.Helper()
	d.c.fetches.Wait()
	for i, s := range d.files {
		gets := len(s.requests())
		if gets > 1 {
			d.t.Errorf("file %d was fetched %d times", i, gets)
		}
		n += min(gets, 1)
	}
	return n
}

// In the time of a bubble nothing takes time but the wire.
func TestFilesInOrder(t *testing.T) {
	const opened = 1000
	for _, tt := range []struct {
		readers int
		rate    float64 // files a second, at least
	}{{1, 290}, {16, 900}} {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Config{MaxBytes: 32 * mib})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			d := newFolder(t, c, opened+200, 16*kib)
			for _, s := range d.files {
				s.open = (&link{rtt: 30 * time.Millisecond, rate: 82 * mib, total: 1000 * mib}).get(s)
			}
			queue := make(chan int)
			var wg sync.WaitGroup
			for range tt.readers {
				wg.Go(func() {
					for i := range queue {
						d.read(i)
					}
				})
			}
			begin := time.Now()
			for i := range opened {
				queue <- i
			}
			close(queue)
			wg.Wait()
			rate := opened / time.Since(begin).Seconds()
			t.Logf("%d readers: %.0f files a second", tt.readers, rate)
			if rate < tt.rate {
				t.Errorf("%d readers: %.0f files a second, want %.0f", tt.readers, rate, tt.rate)
			}
			if got := d.fetched(); got < opened || got > opened+mostFiles {
				t.Errorf("%d readers: %d files were fetched for %d that were opened", tt.readers, got, opened)
			}
			got := c.Stats()
			if got.Warmed < opened*8/10 || got.WarmedUsed < got.Warmed-mostFiles || got.WarmedBytes != got.Warmed*16*kib {
				t.Errorf("%d readers: stats %+v", tt.readers, got)
			}
			audit(t, c)
		})
	}
}

func TestFilesAtRandom(t *testing.T) {
	const n = 1000
	c := newCache(t, 64*mib)
	d := newFolder(t, c, n, 4*kib)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	opened := rand.New(rand.NewPCG(seed, 1)).Perm(n)[:n/2]
	for _, i := range opened {
		d.read(i)
	}
	if got := d.fetched(); got > len(opened)+25 {
		t.Errorf("%d files were fetched for %d opened at random", got, len(opened))
	}
}

func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name     string
		opens    []int
		from, to int // what is given out in all
	}{
		{"one", []int{7}, 0, 0},
		{"the same again", []int{7, 7, 7, 7, 7, 7}, 0, 0},
		{"two", []int{7, 8}, 0, 0},
		{"three", []int{7, 8, 9}, 10, 14},
		{"doubling", []int{0, 1, 2, 3, 4}, 3, 5 + 16},
		{"full", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 10 + mostFiles},
		{"every other", []int{0, 2, 4, 6, 8, 10, 12}, 13, 13 + firstFiles},
		{"backwards", []int{1000, 900, 800, 700, 600, 500, 400}, 0, 0},
		{"wide steps", []int{0, 20, 40, 60, 80, 100, 120, 140}, 0, 0},
		{"shuffled", []int{2, 0, 1, 3, 5, 4, 6}, 7, 7 + firstFiles},
		{"elsewhere", []int{0, 1, 500, 501, 502}, 503, 503 + firstFiles},
		{"two runs", []int{0, 500, 1, 501, 2, 502, 3}, 503, 503 + firstFiles},
	} {
		var o Order
		from, to := 0, 0
		for _, i := range tt.opens {
			f, n := o.Opened(i)
			if f >= n {
				continue
			}
			if from == 0 {
				from = f
			}
			to = max(to, n)
		}
		if from != tt.from || to != tt.to {
			t.Errorf("%s: got [%d,%d), want [%d,%d)", tt.name, from, to, tt.from, tt.to)
		}
	}
}

// Whatever is opened, no index is given out twice in a run, none that was passed, and
// none further ahead than the window.
func FuzzOrder(f *testing.F) {
	f.Add([]byte{1, 1, 1, 1, 1, 1})
	f.Add([]byte{200, 1, 1, 1, 3, 250, 7, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var o Order
		at := 1000
		for _, s := range steps {
			at = max(at+int(int8(s)), 0)
			from, to := o.Opened(at)
			if from < to && (from <= at-mostFiles || to > at+1+mostFiles+shuffle || to-from > 2*mostFiles) {
				t.Errorf("opening %d gave [%d,%d)", at, from, to)
			}
			if len(o.runs) > runs {
				t.Errorf("%d runs", len(o.runs))
			}
			if s%7 == 0 && from < to {
				o.Stopped(from)
				if f, n := o.Opened(at + 1); f < n && f > from+1 {
					t.Errorf("stopped at %d, next is [%d,%d)", from, f, n)
				}
				at++
			}
		}
	})
}

// A file that is on its way is waited for, not asked for.
func TestWarmInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan int64)
		s := &store{t: t, name: "f", size: 16 * kib}
		s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			return &gated{ctx: ctx, body: s.body(off, n), let: let}, nil
		}
		c, err := New(Config{MaxBytes: 16 * mib})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if c.Has(s.file()) {
			t.Error("a file is there that nobody fetched")
		}
		for range 2 {
			if !c.Warm(s.file()) || !c.Has(s.file()) {
				t.Error("a small file was not fetched")
			}
		}
		r := c.Open(s.file())
		defer r.Close()
		end := make(chan struct{})
		go func() {
			mustRead(t, r, s, 0, 16*kib)
			close(end)
		}()
		synctest.Wait()
		close(let)
		<-end
		if got := s.requests(); len(got) != 1 {
			t.Errorf("requests: %v", got)
		}
		if got := c.Stats(); got.Warmed != 1 || got.WarmedUsed != 1 || c.warm.bytes != 0 {
			t.Errorf("stats: %+v, %d bytes are warm", got, c.warm.bytes)
		}
	})
}

// A failed fetch leaves no trace: the reader asks by itself.
func TestWarmFails(t *testing.T) {
	s := &store{t: t, name: "f", size: 16 * kib}
	s.open = func(context.Context, int64, int64) (io.ReadCloser, error) { return nil, errStore }
	c := newCache(t, 16*mib)
	c.Warm(s.file())
	idle(c)
	if c.Has(s.file()) || c.warm.bytes != 0 || c.warm.blocks.Len() != 0 {
		t.Errorf("after a failure %d bytes are warm", c.warm.bytes)
	}
	s.open = nil
	r := c.Open(s.file())
	mustRead(t, r, s, 0, 100)
	r.Close()
	audit(t, c)
}

// Files that nobody comes for are bounded, make room for others when they are old, and
// for a read that needs the memory at once.
func TestWarmIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config{MaxBytes: 8 * mib})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		d := newFolder(t, c, 300, 64*kib)
		warm := 0
		for c.Warm(d.files[warm].file()) {
			warm++
			c.fetches.Wait()
		}
		if c.warm.bytes > 2*mib || warm < 30 {
			t.Errorf("%d files of 64 KiB are warm, %d bytes", warm, c.warm.bytes)
		}
		time.Sleep(staleWarm)
		if !c.Warm(d.files[250].file()) || c.warm.bytes > 2*mib {
			t.Errorf("an old file did not make room: %d bytes", c.warm.bytes)
		}
		c.fetches.Wait()
		c.mu.Lock()
		free := c.budget.limit - c.budget.inUse()
		g := c.budget.enqueue(free + mib)
		c.reclaim()
		if left := c.warm.bytes; left > mib {
			t.Errorf("%d bytes stay warm while a read waits for memory", left)
		}
		c.budget.mu.Lock()
		c.budget.queue = nil
		c.budget.mu.Unlock()
		select {
		case <-g.ready:
			c.budget.release(g.n)
		default:
		}
		c.mu.Unlock()
		if big := (File{Size: mib + 1}); c.Warm(big) {
			t.Error("a large file was warmed")
		}
	})
}
