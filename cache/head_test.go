package cache

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// Seeing what a file is takes a grain, whatever is asked for.
func TestSniff(t *testing.T) {
	for _, reads := range [][]int64{{1}, {4 * kib}, {64 * kib}, {1, 16 * kib}, {1, 4 * kib, 16 * kib, 32 * kib}} {
		s := &store{t: t, name: "f", size: 1 << 30}
		s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			return &gated{ctx: ctx, body: s.body(off, n), left: n}, nil
		}
		c := newCache(t, 64*mib)
		for range 2 { // the second time it is still known
			r := c.Open(s.file())
			off := int64(0)
			for _, n := range reads {
				mustRead(t, r, s, off, int(n))
				off += n
			}
			r.Close()
			idle(c)
		}
		if got := c.Stats(); got.BytesFetched > grain || got.Failures != 0 {
			t.Errorf("reads of %v: fetched %d bytes, %d failures", reads, got.BytesFetched, got.Failures)
		}
		audit(t, c)
	}
}

// A handle that stops for long at the start gives its connection up, and goes on later.
func TestSniffAndGoOn(t *testing.T) {
	for _, pause := range []time.Duration{0, linger / 2, 2 * linger} {
		synctest.Test(t, func(t *testing.T) {
			s := &store{t: t, name: "f", size: 8 * mib}
			c, err := New(Config{MaxBytes: 64 * mib})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			r := c.Open(s.file())
			defer r.Close()
			mustRead(t, r, s, 0, 1)
			time.Sleep(pause)
			synctest.Wait()
			if got := c.Stats(); got.BytesFetched != grain || pause < linger && got.InFlight != 1 || pause > linger && got.InFlight != 0 {
				t.Errorf("after %v: %+v", pause, got)
			}
			for off := int64(0); off < s.size; off += 64 * kib {
				mustRead(t, r, s, off, 64*kib)
			}
			got := c.Stats()
			if limit := s.size + grain; pause > linger && got.BytesFetched > limit || pause < linger && got.BytesFetched != s.size {
				t.Errorf("after %v: fetched %d of %d bytes", pause, got.BytesFetched, s.size)
			}
		})
	}
}

// Random reads of any handle, the first one too, fetch no more than they need.
func TestRandomReadsFetchLittle(t *testing.T) {
	s := &store{t: t, name: "f", size: 1 << 30}
	c := newCache(t, 64*mib)
	rng := rand.New(rand.NewPCG(3, 9))
	r := c.Open(s.file())
	defer r.Close()
	mustRead(t, r, s, 0, 1) // as opening does
	for i := range int64(50) {
		before := c.Stats().BytesFetched
		mustRead(t, r, s, 4*mib+rng.Int64N((s.size-4*mib)/4096)*4096, 4*kib)
		idle(c)
		if got := c.Stats().BytesFetched - before; got > grain {
			t.Errorf("read %d fetched %d bytes", i, got)
		}
	}
	if got := c.Stats(); got.BytesFetched > 51*grain {
		t.Errorf("50 reads fetched %d bytes", got.BytesFetched)
	}
}
