package cache

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// pattern is what test files hold, over and over. Its length has no factor in common
// with any block or grain, so that misplaced bytes never look right.
var pattern = func() []byte {
	p := make([]byte, mib+7)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return append(p, p...)
}()

func contentAt(off int64, p []byte) {
	for len(p) > 0 {
		n := copy(p, pattern[off%(mib+7):])
		p, off = p[n:], off+int64(n)
	}
}

// store is a file in a fake store that records what is asked of it.
type store struct {
	t    testing.TB
	name string
	size int64
	// open answers a GET; nil gives the whole body at once.
	open func(ctx context.Context, off, n int64) (io.ReadCloser, error)

	mu   sync.Mutex
	gets []span
}

type span struct{ off, n int64 }

func (s *store) file() File {
	return File{ID: NewID("fp", s.name, "v1"), Size: s.size, Get: s.get}
}

func (s *store) get(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if off < 0 || n <= 0 || off+n > s.size {
		s.t.Errorf("GET of [%d,+%d) leaves the file of %d bytes", off, n, s.size)
	}
	s.mu.Lock()
	s.gets = append(s.gets, span{off, n})
	s.mu.Unlock()
	if s.open != nil {
		return s.open(ctx, off, n)
	}
	return s.body(off, n), nil
}

// body is a right answer, made while it is read.
func (s *store) body(off, n int64) io.ReadCloser {
	return io.NopCloser(&content{off, off + n})
}

func (s *store) requests() []span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]span(nil), s.gets...)
}

func (s *store) fetched() (n int64) {
	for _, g := range s.requests() {
		n += g.n
	}
	return n
}

type content struct{ off, end int64 }

func (c *content) Read(p []byte) (int, error) {
	if c.off == c.end {
		return 0, io.EOF
	}
	n := min(int64(len(p)), c.end-c.off)
	contentAt(c.off, p[:n])
	c.off += n
	return int(n), nil
}

// gated is a body that gives as many bytes as the test lets through.
type gated struct {
	ctx  context.Context
	body io.Reader
	let  chan int64 // closed: all the rest
	left int64
	open bool
}

func (g *gated) Read(p []byte) (int, error) {
	for g.left == 0 && !g.open {
		select {
		case n, ok := <-g.let:
			g.left, g.open = n, !ok
		case <-g.ctx.Done():
			return 0, g.ctx.Err()
		}
	}
	if !g.open {
		p = p[:min(int64(len(p)), g.left)]
	}
	n, err := g.body.Read(p)
	if !g.open {
		g.left -= int64(n)
	}
	return n, err
}

func (g *gated) Close() error { return nil }

func newCache(t testing.TB, maxBytes int64) *Cache {
	t.Helper()
	c, err := New(Config{MaxBytes: maxBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.spare.spoil = spoil
	return c
}

// spoil makes bytes wrong that nobody may look at any more.
func spoil(p []byte) { copy(p, poison) }

var poison = bytes.Repeat([]byte("poison"), blockSize/6+1)

// check compares what Read gave with the file.
func check(t testing.TB, s *store, off int64, n int, got []byte) {
	t.Helper()
	want := make([]byte, max(0, min(int64(n), s.size-off)))
	contentAt(off, want)
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: read of [%d,+%d) gave %d wrong bytes, want %d right ones", s.name, off, n, len(got), len(want))
	}
}

func mustRead(t testing.TB, r *Reader, s *store, off int64, n int) {
	t.Helper()
	got, err := r.Read(t.Context(), off, n)
	if err != nil {
		t.Fatalf("read of [%d,+%d): %v", off, n, err)
	}
	check(t, s, off, n, got)
}

// idle waits until nothing is fetched any more and the tier has settled.
func idle(c *Cache) {
	c.fetches.Wait()
	c.tier.blocks.Wait()
}

// audit adds up the charges of all blocks there are and compares with the budget.
func audit(t testing.TB, c *Cache) {
	t.Helper()
	idle(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	blocks := make(map[*block]bool)
	for _, b := range c.live {
		blocks[b] = true
	}
	c.tier.blocks.IterValues(func(b *block) bool {
		blocks[b] = true
		return false
	})
	sum := int64(0)
	for b := range blocks {
		sum += b.charge
		if len(b.data) != int(b.key.n) || b.charge < int64(cap(b.data)) {
			t.Errorf("block of %d bytes has %d and is charged %d", b.key.n, cap(b.data), b.charge)
		}
	}
	if used := c.budget.inUse(); used != sum || used > c.budget.limit {
		t.Errorf("budget says %d bytes of %d, blocks hold %d", used, c.budget.limit, sum)
	}
}
