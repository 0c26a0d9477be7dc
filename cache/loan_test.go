package cache

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// Memory is used again, for other bytes of the same and of other files, but never as
// long as a Loan of it lasts, whatever is let go or fails meanwhile.
func TestLoansLast(t *testing.T) {
	for _, limit := range []int64{MinBytes, 16 * mib} {
		seed := rand.Uint64()
		t.Logf("seed %d, cap %d MiB", seed, limit>>20)
		c := newCache(t, limit)
		var mu sync.Mutex
		places := make(map[*byte]int64) // where each block's memory was seen first
		again := 0
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(w)))
				s := &store{t: t, name: string(rune('a' + w/2)), size: 24*mib + 5}
				r := c.Open(s.file())
				defer r.Close()
				type lent struct {
					Loan
					off int64
				}
				var held []lent
				for i := range int64(150) {
					off := i * 128 * kib
					if rng.IntN(10) == 0 {
						off = rng.Int64N(s.size - mib)
					}
					l, err := r.Borrow(t.Context(), off, make([]byte, 128*kib))
					if err != nil {
						t.Error(err)
						return
					}
					if off%mib == 0 && l.b != nil && l.b.key.n == blockSize {
						mu.Lock()
						if at, ok := places[&l.Bytes[0]]; ok && at != off {
							again++
						}
						places[&l.Bytes[0]] = off
						mu.Unlock()
					}
					held = append(held, lent{l, off})
					for len(held) > rng.IntN(12) {
						n := rng.IntN(len(held))
						check(t, s, held[n].off, 128*kib, held[n].Bytes)
						held[n].Loan.Return()
						held = slices.Delete(held, n, n+1)
					}
				}
				for _, l := range held {
					check(t, s, l.off, 128*kib, l.Bytes)
					l.Return()
				}
			})
		}
		wg.Wait()
		if again == 0 && limit > MinBytes {
			t.Error("no memory was used again")
		}
		audit(t, c)
		if got := len(c.spare.free); got > c.spare.limit {
			t.Errorf("%d blocks are spare, want %d at most", got, c.spare.limit)
		}
	}
}

// What Read gives is the caller's for good.
func TestReadsLast(t *testing.T) {
	c := newCache(t, MinBytes)
	s := &store{t: t, name: "f", size: 24 * mib}
	r := c.Open(s.file())
	var all [][]byte
	for off := int64(0); off < s.size; off += 256 * kib {
		got, err := r.Read(t.Context(), off, 256*kib)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got)
	}
	r.Close()
	idle(c)
	for i, got := range all {
		check(t, s, int64(i)*256*kib, 256*kib, got)
	}
}

func TestReturnTwice(t *testing.T) {
	c := newCache(t, MinBytes)
	s := &store{t: t, name: "f", size: 10 * mib}
	r := c.Open(s.file())
	l, err := r.Borrow(t.Context(), 5*mib, make([]byte, 10))
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	idle(c)
	c.tier.blocks.Clear()
	check(t, s, 5*mib, 10, l.Bytes)
	b := l.b
	l.Return()
	after := b.refs.Load()
	l.Return()
	if got := b.refs.Load(); got != after || l.Bytes != nil {
		t.Errorf("a second Return took the block from somebody else: %d look at it, want %d; %d bytes are lent", got, after, len(l.Bytes))
	}
}

// A read that has its bytes leaves a body that is nearly over to come to its end: to cut
// it off would cost the connection. What came is kept.
func TestShortRestIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan int64)
		s := &store{t: t, name: "f", size: 1 << 30}
		s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			return &gated{ctx: ctx, body: s.body(off, n), let: let}, nil
		}
		c, err := New(Config{MaxBytes: 16 * mib})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r := c.Open(s.file())
		defer r.Close()
		const off = 100 * mib
		read := func(ctx context.Context) chan error {
			end := make(chan error, 1)
			go func() {
				_, err := r.Read(ctx, off, 4*kib)
				end <- err
			}()
			synctest.Wait()
			return end
		}
		ctx, cancel := context.WithCancel(t.Context())
		end := read(ctx)
		cancel()
		if err := <-end; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		synctest.Wait()
		if got := c.Stats(); got.InFlight != 0 || got.UsedBytes != 0 {
			t.Errorf("a read that was given up before its body began: %+v", got)
		}
		end = read(t.Context())
		let <- 4 * kib
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := c.Stats(); got.InFlight != 1 {
			t.Errorf("the rest was cut off: %+v", got)
		}
		close(let)
		synctest.Wait()
		c.tier.blocks.Wait()
		mustRead(t, r, s, off+grain-4*kib, 4*kib)
		if got := c.Stats(); got.InFlight != 0 || got.Fetches != 2 {
			t.Errorf("stats: %+v", got)
		}
	})
}

// However fast a run is, it has no more than mostGets under way.
func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{t: t, name: "f", size: 512 * mib}
		let := make(chan int64)
		s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			if off < 4*mib {
				return s.body(off, n), nil
			}
			return &gated{ctx: ctx, body: s.body(off, n), let: let}, nil
		}
		c, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r := c.Open(s.file())
		defer r.Close()
		most := int64(0)
		for off := int64(0); off < 4*mib; off += 128 * kib {
			mustRead(t, r, s, off, 128*kib)
			synctest.Wait()
			most = max(most, c.Stats().InFlight)
		}
		if most < streams || most > mostGets {
			t.Errorf("%d GETs were under way, want %d to %d", most, streams, mostGets)
		}
		close(let)
		for off := int64(4 * mib); off < 64*mib; off += mib {
			mustRead(t, r, s, off, mib)
		}
	})
}
