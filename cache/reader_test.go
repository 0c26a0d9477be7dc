package cache

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func TestReadEdges(t *testing.T) {
	for _, size := range []int64{0, 1, grain, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 5} {
		s := &store{t: t, name: "f", size: size}
		c := newCache(t, 16*mib)
		r := c.Open(s.file())
		for _, off := range []int64{0, 1, grain - 1, blockSize - 3, blockSize, 2*blockSize + 1, size - 1, size, size + 1} {
			for _, n := range []int{0, 1, 4096, grain + 1, blockSize, 2*blockSize + 2, 5 * blockSize} {
				if off >= 0 && off < size {
					mustRead(t, r, s, off, n)
				} else if got, err := r.Read(t.Context(), max(off, size), n); err != nil || len(got) != 0 {
					t.Errorf("size %d: read past the end gave %d bytes, %v", size, len(got), err)
				}
			}
		}
		if _, err := r.Read(t.Context(), -1, 1); err == nil {
			t.Error("a negative offset was read")
		}
		r.Close()
		if _, err := r.Read(t.Context(), 0, 1); size > 0 && !errors.Is(err, fs.ErrClosed) {
			t.Errorf("closed Reader: got %v, want %v", err, fs.ErrClosed)
		}
		audit(t, c)
	}
}

func TestReadInto(t *testing.T) {
	s := &store{t: t, name: "f", size: 4 * mib}
	r := newCache(t, 32*mib).Open(s.file())
	buf := make([]byte, 300*kib)
	inside, err := r.ReadInto(t.Context(), 5, buf)
	if err != nil || &inside[0] == &buf[0] {
		t.Errorf("bytes of one block were copied (%v)", err)
	}
	check(t, s, 5, len(buf), inside)
	across, err := r.ReadInto(t.Context(), mib-7, buf)
	if err != nil || &across[0] != &buf[0] {
		t.Errorf("bytes of two blocks did not go to the caller's buffer (%v)", err)
	}
	check(t, s, mib-7, len(buf), across)
	if cap(inside) != len(inside) {
		t.Error("appending to a result could write to the cache")
	}
}

func TestSmallFileIsOneRequest(t *testing.T) {
	for _, size := range []int64{1, 5000, mib} {
		s := &store{t: t, name: "small", size: size}
		c := newCache(t, 16*mib)
		r := c.Open(s.file())
		for off := int64(0); off < size; off += 128 * kib {
			mustRead(t, r, s, off, 128*kib)
		}
		r.Close()
		idle(c)
		mustRead(t, c.Open(s.file()), s, 0, 10)
		if got, want := s.requests(), []span{{0, size}}; !slices.Equal(got, want) {
			t.Errorf("requests: got %v, want %v", got, want)
		}
		if got := c.Stats().UsedBytes; got != size+overhead {
			t.Errorf("a file of %d bytes is charged %d", size, got)
		}
	}
}

// The first bytes of a block are served while the rest is still on its way.
func TestFirstBytesStream(t *testing.T) {
	let := make(chan int64)
	s := &store{t: t, name: "f", size: 8 * mib}
	s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
		return &gated{ctx: ctx, body: s.body(off, n), let: let}, nil
	}
	r := newCache(t, 32*mib).Open(s.file())
	go func() { let <- 128 * kib }()
	mustRead(t, r, s, 0, 128*kib)
	if got, want := s.requests(), []span{{0, 2 * mib}}; !slices.Equal(got, want) {
		t.Errorf("requests: got %v, want %v", got, want)
	}
	mustRead(t, r, s, 64*kib, 64*kib)
	close(let)
	mustRead(t, r, s, mib-10, 20)
}

func TestOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan int64)
		s := &store{t: t, name: "f", size: mib}
		s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			return &gated{ctx: ctx, body: s.body(off, n), let: let}, nil
		}
		c, err := New(Config{MaxBytes: 16 * mib})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var wg sync.WaitGroup
		for i := range 20 {
			r := c.Open(s.file())
			wg.Go(func() {
				defer r.Close()
				mustRead(t, r, s, int64(i*1000), 50_000)
			})
		}
		synctest.Wait()
		close(let)
		wg.Wait()
		if got := s.requests(); len(got) != 1 {
			t.Errorf("20 readers of one block made %d requests, want 1", len(got))
		}
		if got := c.Stats(); got.Misses != 20 || got.Hits != 0 || got.BytesServed != 20*50_000 || got.BytesFetched != mib {
			t.Errorf("stats: %+v", got)
		}
	})
}

var errStore = errors.New("store is in flames")

func TestFailureIsNotKept(t *testing.T) {
	short := func(s *store, off, n int64) io.ReadCloser { return s.body(off, n-1) }
	long := func(s *store, off, n int64) io.ReadCloser {
		return io.NopCloser(io.MultiReader(s.body(off, n), s.body(0, 1)))
	}
	late := func(s *store, off, n int64) io.ReadCloser {
		return io.NopCloser(io.MultiReader(s.body(off, n), &failing{errStore}))
	}
	for _, tt := range []struct {
		name string
		open func(s *store, off, n int64) (io.ReadCloser, error)
		want error
	}{
		{"refused", func(*store, int64, int64) (io.ReadCloser, error) { return nil, errStore }, errStore},
		{"short", func(s *store, off, n int64) (io.ReadCloser, error) { return short(s, off, n), nil }, io.ErrUnexpectedEOF},
		{"empty", func(s *store, off, n int64) (io.ReadCloser, error) { return s.body(off, 0), nil }, io.ErrUnexpectedEOF},
		{"long", func(s *store, off, n int64) (io.ReadCloser, error) { return long(s, off, n), nil }, io.ErrUnexpectedEOF},
		{"bad end", func(s *store, off, n int64) (io.ReadCloser, error) { return late(s, off, n), nil }, errStore},
		{"stuck", func(s *store, off, n int64) (io.ReadCloser, error) { return io.NopCloser(&failing{nil}), nil }, io.ErrNoProgress},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &store{t: t, name: "f", size: mib}
			s.open = func(_ context.Context, off, n int64) (io.ReadCloser, error) { return tt.open(s, off, n) }
			c := newCache(t, 16*mib)
			r := c.Open(s.file())
			if _, err := r.Read(t.Context(), mib-100, 100); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if got := c.Stats(); got.UsedBytes != 0 || got.Failures != 1 {
				idle(c)
				if got := c.Stats(); got.UsedBytes != 0 || got.Failures != 1 {
					t.Errorf("after a failure: %+v", got)
				}
			}
			s.open = nil
			mustRead(t, r, s, mib-100, 100)
			r.Close()
			audit(t, c)
		})
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// A GET that only reads ahead may fail without failing the read that comes by later.
func TestReadAheadFailureIsRetried(t *testing.T) {
	s := &store{t: t, name: "f", size: 40 * mib}
	var mu sync.Mutex
	seen := make(map[int64]bool)
	s.open = func(_ context.Context, off, n int64) (io.ReadCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		if !seen[off] && off > 0 {
			seen[off] = true
			return s.body(off, n/2), nil
		}
		return s.body(off, n), nil
	}
	c := newCache(t, 64*mib)
	r := c.Open(s.file())
	failed := 0
	for off := int64(0); off < s.size; {
		got, err := r.Read(t.Context(), off, 128*kib)
		if err != nil {
			failed++ // the first GET for a block that nobody read ahead
			continue
		}
		check(t, s, off, 128*kib, got)
		off += 128 * kib
	}
	if failed > 3 {
		t.Errorf("%d reads failed because of read-ahead", failed)
	}
	r.Close()
	audit(t, c)
}

// A read that waits for a GET which was only reading ahead asks again when that fails;
// its own failure it reports.
func TestOnlyOwnFailureCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := make(chan error)
		s := &store{t: t, name: "f", size: 3 * mib}
		c, err := New(Config{MaxBytes: 16 * mib})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r := c.Open(s.file())
		defer r.Close()
		s.open = func(_ context.Context, off, n int64) (io.ReadCloser, error) {
			if off >= 2*mib {
				if err := <-fail; err != nil {
					return nil, err
				}
			}
			return s.body(off, n), nil
		}
		for off := int64(0); off < 2*mib; off += 256 * kib {
			mustRead(t, r, s, off, 256*kib)
		}
		read := func() chan error {
			end := make(chan error, 1)
			go func() {
				_, err := r.Read(t.Context(), 2*mib, 10)
				end <- err
			}()
			synctest.Wait()
			return end
		}
		end := read()
		fail <- errStore // the read-ahead
		fail <- errStore // the read itself
		if err := <-end; !errors.Is(err, errStore) {
			t.Errorf("got %v, want %v", err, errStore)
		}
		end = read()
		fail <- nil
		if err := <-end; err != nil {
			t.Errorf("third request: %v", err)
		}
	})
}

func TestInterruptedRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan int64)
		gone := make(chan struct{})
		s := &store{t: t, name: "f", size: mib}
		s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			context.AfterFunc(ctx, func() { close(gone) })
			return &gated{ctx: ctx, body: s.body(off, n), let: let}, nil
		}
		c, err := New(Config{MaxBytes: 16 * mib})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		read := func(ctx context.Context, r *Reader) chan error {
			end := make(chan error, 1)
			go func() {
				_, err := r.Read(ctx, 0, mib)
				end <- err
			}()
			synctest.Wait()
			return end
		}
		a, b := c.Open(s.file()), c.Open(s.file())
		ctx, interrupt := context.WithCancel(t.Context())
		first, second := read(ctx, a), read(t.Context(), b)
		interrupt()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted read: got %v", err)
		}
		a.Close()
		close(let)
		if err := <-second; err != nil {
			t.Errorf("the other read: got %v", err)
		}
		b.Close()
		synctest.Wait()
		c.tier.blocks.Del(blockKey(&File{ID: s.file().ID, Size: s.size}, 0).hash())

		let, gone = make(chan int64), make(chan struct{})
		a = c.Open(s.file())
		ctx, interrupt = context.WithCancel(t.Context())
		first = read(ctx, a)
		interrupt()
		<-first
		synctest.Wait()
		select {
		case <-gone:
			t.Error("the fetch ended while the handle is open and wants it")
		default:
		}
		a.Close()
		<-gone
		synctest.Wait()
		if got := c.Stats(); got.InFlight != 0 || got.UsedBytes != 0 {
			t.Errorf("after the last one left: %+v", got)
		}
	})
}

// A GET of several blocks ends after the last one that somebody waits for.
func TestFetchStopsWhenTheRestIsUnwanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan int64)
		s := &store{t: t, name: "f", size: 8 * mib}
		s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			return &gated{ctx: ctx, body: s.body(off, n), let: let}, nil
		}
		c, err := New(Config{MaxBytes: 16 * mib})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r := c.Open(s.file())
		end := make(chan error)
		go func() {
			_, err := r.Read(t.Context(), 0, mib)
			end <- err
		}()
		synctest.Wait()
		r.Close()
		let <- mib
		if err := <-end; err != nil {
			t.Errorf("the read under way: %v", err)
		}
		synctest.Wait()
		if got := c.Stats(); got.InFlight != 0 || got.BytesFetched != mib || got.Failures != 0 {
			t.Errorf("stats: %+v", got)
		}
	})
}

func TestCloseEndsReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{t: t, name: "f", size: 64 * mib}
		s.open = func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			return &gated{ctx: ctx, body: s.body(off, n)}, nil
		}
		c, err := New(Config{MaxBytes: MinBytes})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 10 { // some wait for bytes, some for memory
			wg.Go(func() {
				r := c.Open(s.file())
				defer r.Close()
				if _, err := r.Read(t.Context(), int64(i)*5*mib, 10); !errors.Is(err, fs.ErrClosed) {
					t.Errorf("got %v, want %v", err, fs.ErrClosed)
				}
			})
		}
		synctest.Wait()
		c.Close()
		wg.Wait()
		c.Close()
		if got := c.Stats(); got.UsedBytes != 0 || got.InFlight != 0 {
			t.Errorf("after Close: %+v", got)
		}
		if _, err := c.Open(s.file()).Read(t.Context(), 0, 1); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got %v, want %v", err, fs.ErrClosed)
		}
	})
}

func TestTooSmall(t *testing.T) {
	if _, err := New(Config{MaxBytes: MinBytes - 1}); err == nil {
		t.Error("a cache that cannot work was made")
	}
	if c := newCache(t, 0); c.Stats().MaxBytes != DefaultBytes {
		t.Errorf("default: %d", c.Stats().MaxBytes)
	}
}
