package cache

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSequentialRequests(t *testing.T) {
	s := &store{t: t, name: "f", size: 64 * mib}
	c := newCache(t, 256*mib)
	r := c.Open(s.file())
	for off := int64(0); off < s.size; off += 128 * kib {
		mustRead(t, r, s, off, 128*kib)
	}
	r.Close()
	idle(c)
	gets := s.requests()
	if got := s.fetched(); got != s.size {
		t.Errorf("fetched %d bytes of a file of %d", got, s.size)
	}
	if gets[0] != (span{0, 2 * mib}) {
		t.Errorf("first request: %v", gets[0])
	}
	if len(gets) > 64 {
		t.Errorf("%d requests for 64 MiB: %v", len(gets), gets)
	}
	for _, g := range gets {
		if g.off%mib != 0 || g.n > maxWindow/streams {
			t.Errorf("request %v", g)
		}
	}
	audit(t, c)
}

// Reading the first bytes of a file and stopping costs little.
func TestHeadIsCheap(t *testing.T) {
	for _, tt := range []struct{ reads, n, limit int64 }{
		{1, 4 * kib, 2 * mib},
		{1, 128 * kib, 2 * mib},
		{2, 128 * kib, 2 * mib},
		{4, 128 * kib, 3 * mib},
		{8, 128 * kib, 16 * mib},
		{16, 128 * kib, 33 * mib},
	} {
		s := &store{t: t, name: "f", size: 1 << 30}
		c := newCache(t, 256*mib)
		r := c.Open(s.file())
		for i := range tt.reads {
			mustRead(t, r, s, i*tt.n, int(tt.n))
		}
		r.Close()
		idle(c)
		if got := s.fetched(); got > tt.limit {
			t.Errorf("%d reads of %d bytes asked for %d KiB", tt.reads, tt.n, got>>10)
		}
	}
}

func TestScatteredReads(t *testing.T) {
	s := &store{t: t, name: "f", size: 1 << 30}
	c := newCache(t, 64*mib)
	r := c.Open(s.file())
	rng := rand.New(rand.NewPCG(7, 7))
	for range manyJumps {
		mustRead(t, r, s, rng.Int64N(s.size), 4*kib)
	}
	idle(c)
	before := len(s.requests())
	for range 200 {
		mustRead(t, r, s, rng.Int64N(s.size/4096)*4096, 4*kib)
	}
	mustRead(t, r, s, s.size-10, 4*kib)
	gets := s.requests()[before:]
	if len(gets) > 201 {
		t.Errorf("201 reads made %d requests", len(gets))
	}
	for _, g := range gets {
		if g.n > grain || g.off%grain != 0 {
			t.Errorf("scattered 4 KiB read asked for %v", g)
		}
	}
	// A long run makes it sequential again.
	off := int64(500 * mib)
	for range 40 {
		mustRead(t, r, s, off, 128*kib)
		off += 128 * kib
	}
	idle(c)
	if last := slices.MaxFunc(s.requests()[before+len(gets):], func(a, b span) int { return int(a.n - b.n) }); last.n < mib {
		t.Errorf("after a run of 5 MiB requests are still %v", last)
	}
	r.Close()
	audit(t, c)
}

func TestScatteredSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan int64)
		s := &store{t: t, name: "f", size: 1 << 30}
		c, err := New(Config{MaxBytes: 64 * mib})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r := c.Open(s.file())
		defer r.Close()
		for i := range int64(manyJumps) {
			mustRead(t, r, s, i*100*mib, 10)
		}
		idle(c)
		before := len(s.requests())
		s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			return &gated{ctx: ctx, body: s.body(off, n), let: let}, nil
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { mustRead(t, r, s, 700*mib+5, 4*kib) })
		}
		synctest.Wait()
		close(let)
		wg.Wait()
		if got := s.requests()[before:]; len(got) != 1 || got[0].n != grain {
			t.Errorf("8 equal reads asked for %v", got)
		}
	})
}

// Two runs through one handle, as of a player that reads sound and picture, are both
// sequential; so are the kernel's reads that overtake each other.
func TestInterleavedRuns(t *testing.T) {
	s := &store{t: t, name: "f", size: 256 * mib}
	c := newCache(t, 256*mib)
	r := c.Open(s.file())
	for off := int64(0); off < 32*mib; off += 256 * kib {
		for _, base := range []int64{0, 128 * mib} {
			mustRead(t, r, s, base+off+128*kib, 128*kib)
			mustRead(t, r, s, base+off, 128*kib)
		}
	}
	if r.jumps != 0 {
		t.Errorf("%d jumps were seen in two runs", r.jumps)
	}
	r.Close()
	idle(c)
	seen := make(map[int64]bool)
	grains := int64(0)
	for _, g := range s.requests() {
		if g.n < mib {
			grains += g.n
			continue
		}
		for off := g.off; off < g.off+g.n; off += mib {
			if seen[off] {
				t.Errorf("block at %d MiB was fetched twice", off>>20)
			}
			seen[off] = true
		}
	}
	if grains > 512*kib {
		t.Errorf("%d bytes were fetched in grains by two runs", grains)
	}
}

func TestSkipKeepsTheRun(t *testing.T) {
	s := &store{t: t, name: "f", size: 256 * mib}
	c := newCache(t, 256*mib)
	r := c.Open(s.file())
	off := int64(0)
	for range 64 {
		mustRead(t, r, s, off, 128*kib)
		off += 128 * kib
	}
	window := r.sessions[0].window
	mustRead(t, r, s, off+window/2, 128*kib)
	if r.sessions[1] != nil || r.jumps != 0 {
		t.Error("a skip inside the window began a new run")
	}
	r.Close()
	idle(c)
}

// An idle handle's read-ahead yields to a read that needs the memory.
func TestReadTakesFromReadAhead(t *testing.T) {
	s := &store{t: t, name: "f", size: 64 * mib}
	c := newCache(t, MinBytes)
	var handles []*Reader
	for range 8 {
		r := c.Open(s.file())
		handles = append(handles, r)
		off := int64(len(handles)) * 5 * mib
		for i := range int64(12) {
			mustRead(t, r, s, off+i*128*kib, 128*kib)
		}
	}
	for _, r := range handles {
		r.Close()
	}
	audit(t, c)
}

// What a read waits for memory for, read-ahead may not take: while one queues, no
// session becomes the owner of anything, and those that own too much give it up.
func TestQueueStopsReadAhead(t *testing.T) {
	s := &store{t: t, name: "f", size: 64 * mib}
	c := newCache(t, 16*mib)
	r := c.Open(s.file())
	for off := int64(0); off < 4*mib; off += 128 * kib {
		mustRead(t, r, s, off, 128*kib)
	}
	idle(c)
	run := r.sessions[0]
	window, held := run.window, len(run.held)
	c.mu.Lock()
	free := c.budget.limit - c.budget.inUse()
	g := c.budget.enqueue(free + 2*mib)
	c.reclaim()
	if run.window >= window || len(run.held) >= held || run.ahead > int64(held) {
		t.Errorf("window %d of %d, %d of %d blocks", run.window, window, len(run.held), held)
	}
	c.budget.enqueue(c.budget.limit) // cannot be served while the first is
	n := len(run.held)
	run.plan(c, &r.file, 20*mib, 20*mib+1)
	if len(run.held) > n || c.live[blockKey(&r.file, 20)] != nil {
		t.Error("a session took memory before a read that queues for it")
	}
	c.reclaim()
	run.plan(c, &r.file, 0, 1) // kept by the tier: it may be read, not held
	if len(run.held) != 0 {
		t.Errorf("%d blocks are held while a read waits for all memory", len(run.held))
	}
	c.budget.queue = nil
	select {
	case <-g.ready:
		c.budget.release(g.n)
	default:
	}
	c.mu.Unlock()
	r.Close()
	audit(t, c)
}

// link is a store behind a wire: each GET waits a round trip and then brings rate bytes
// a second, all together no more than total. Time is that of the synctest bubble.
type link struct {
	rtt         time.Duration
	rate, total float64

	mu   sync.Mutex
	free time.Time // when the shared wire is free
}

func (l *link) get(s *store) func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	return func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
		time.Sleep(l.rtt)
		return io.NopCloser(&wire{l, s.body(off, n)}), nil
	}
}

type wire struct {
	l    *link
	body io.Reader
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.body.Read(p[:min(len(p), 64*kib)])
	w.l.mu.Lock()
	start := time.Now()
	if w.l.free.After(start) {
		start = w.l.free
	}
	w.l.free = start.Add(time.Duration(float64(n) / w.l.total * 1e9))
	own := time.Now().Add(time.Duration(float64(n) / w.l.rate * 1e9))
	until := w.l.free
	w.l.mu.Unlock()
	if own.After(until) {
		until = own
	}
	time.Sleep(time.Until(until))
	return n, err
}

// In the time of a bubble nothing takes time but the wire, so what is seen is the
// number of round trips that the plan needs.
func TestRoundTrips(t *testing.T) {
	for _, tt := range []struct {
		name       string
		size, step int64
		first      time.Duration // for the first 128 KiB
		mib        time.Duration // for the first MiB
		least      float64       // MiB/s
	}{
		{"read in 128 KiB", 512 * mib, 128 * kib, 35 * time.Millisecond, 45 * time.Millisecond, 500},
		{"read in 1 MiB", 512 * mib, mib, 50 * time.Millisecond, 50 * time.Millisecond, 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &link{rtt: 30 * time.Millisecond, rate: 82 * mib, total: 1000 * mib}
				s := &store{t: t, name: "f", size: tt.size}
				s.open = l.get(s)
				c, err := New(Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				r := c.Open(s.file())
				defer r.Close()
				begin := time.Now()
				var first, mibAt time.Duration
				for off := int64(0); off < s.size; off += tt.step {
					if _, err := r.Read(t.Context(), off, int(tt.step)); err != nil {
						t.Fatal(err)
					}
					if off == 0 {
						first = time.Since(begin)
					}
					if off+tt.step == mib {
						mibAt = time.Since(begin)
					}
				}
				rate := float64(tt.size) / mib / time.Since(begin).Seconds()
				t.Logf("first read %v, first MiB %v, %.0f MiB/s, %d requests, %+v", first, mibAt, rate, len(s.requests()), c.Stats())
				if first > tt.first || mibAt > tt.mib || rate < tt.least {
					t.Errorf("first read %v, first MiB %v, %.0f MiB/s; want %v, %v, %v", first, mibAt, rate, tt.first, tt.mib, tt.least)
				}
			})
		})
	}
}

func FuzzFragment(f *testing.F) {
	f.Add(int64(0), int64(1), int64(1))
	f.Add(int64(grain-1), int64(2), int64(1<<40))
	f.Add(int64(1<<40), int64(blockSize), int64(1<<40+5))
	f.Fuzz(func(t *testing.T, off, n, size int64) {
		const limit = 1 << 50
		if off < 0 || n <= 0 || size <= 0 || size > limit || off >= size || n > 1<<31 {
			t.Skip()
		}
		end := off + min(n, size-off)
		r := &Reader{file: File{Size: size}}
		k := r.fragment(off, end)
		if k.off%grain != 0 || k.off > off || k.off+k.n < end || k.off+k.n > size || k.n > end-off+2*grain {
			t.Errorf("fragment of [%d,%d) in %d: %+v", off, end, size, k)
		}
		for at := off; at < end && at < off+8*blockSize; {
			b := blockKey(&r.file, at/blockSize)
			if b.off%blockSize != 0 || at < b.off || at >= b.off+b.n || b.n > blockSize || b.off+b.n > size {
				t.Fatalf("block of %d in %d: %+v", at, size, b)
			}
			at = min(end, b.off+b.n)
		}
	})
}
