package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

// Random reads of several handles, with faults and interruptions, under caps from the
// least to roomy: every answer is right or an error that was injected, nothing hangs,
// and the budget holds and comes back.
func TestRandomReads(t *testing.T) {
	for _, limit := range []int64{MinBytes, 6 * mib, 40 * mib} {
		seed := rand.Uint64()
		t.Logf("seed %d, cap %d MiB", seed, limit>>20)
		c := newCache(t, limit)
		var stores []*store
		for i, size := range []int64{700, 900 * kib, 5*mib + 3, 30 * mib} {
			s := &store{t: t, name: string(rune('a' + i)), size: size}
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				switch rng.IntN(30) {
				case 0:
					return nil, errStore
				case 1:
					return s.body(off, rng.Int64N(n)), nil
				}
				return s.body(off, n), nil
			}
			stores = append(stores, s)
		}
		peak := int64(0)
		var wg sync.WaitGroup
		for w := range 5 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(100+w)))
				for range 4 {
					s := stores[rng.IntN(len(stores))]
					randomHandle(t, rng, c, s)
					used := c.Stats().UsedBytes
					c.mu.Lock()
					peak = max(peak, used)
					c.mu.Unlock()
				}
			})
		}
		wg.Wait()
		if peak > limit {
			t.Errorf("used %d of %d bytes", peak, limit)
		}
		audit(t, c)
		c.mu.Lock()
		if len(c.live) != 0 || c.recent.Len() != 0 || len(c.running) != 0 {
			t.Errorf("left over: %d blocks, %d sessions, %d fetches", len(c.live), c.recent.Len(), len(c.running))
		}
		c.mu.Unlock()
		c.Close()
		if got := c.Stats().UsedBytes; got != 0 {
			t.Errorf("%d bytes are still charged after Close", got)
		}
	}
}

// randomHandle reads through one handle from two goroutines, sequentially for a while,
// then anywhere.
func randomHandle(t *testing.T, rng *rand.Rand, c *Cache, s *store) {
	r := c.Open(s.file())
	defer r.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 2 {
		seed := rng.Uint64()
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 0))
			off := int64(0)
			for range 16 {
				n := 1 + rng.IntN(300*kib)
				if rng.IntN(20) == 0 {
					n *= 10
				}
				if rng.IntN(4) == 0 {
					off = rng.Int64N(s.size)
				}
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(10) == 0 {
					go cancel()
				}
				lent := rng.IntN(2) == 0
				var l Loan
				var err error
				if lent {
					l, err = r.Borrow(ctx, off, make([]byte, n))
				} else {
					l.Bytes, err = r.Read(ctx, off, n)
				}
				cancel()
				switch {
				case err == nil:
					want := make([]byte, max(0, min(int64(n), s.size-off)))
					contentAt(off, want)
					if lent && rng.IntN(4) == 0 { // others are let go meanwhile
						_, _ = r.Read(t.Context(), rng.Int64N(s.size), 100*kib)
					}
					if !bytes.Equal(l.Bytes, want) {
						t.Errorf("%s: read of [%d,+%d) is wrong", s.name, off, n)
						return
					}
					if lent {
						l.Return()
					}
				case !errors.Is(err, errStore) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, context.Canceled):
					t.Errorf("%s: read of [%d,+%d): %v", s.name, off, n, err)
					return
				}
				off += int64(n)
			}
		})
	}
}
