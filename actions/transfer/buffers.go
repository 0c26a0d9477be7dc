package transfer

import (
	"context"
	"math/bits"
	"sync"

	"golang.org/x/sync/semaphore"
)

const (
	defaultBuffers = 96 << 20
	smallestBuffer = 16 << 10
)

// buffers lends memory for file content, up to a bound for all borrowers together, who wait
// in turn. What was given back is kept for the next, within the same bound.
type buffers struct {
	bound int64
	turn  *semaphore.Weighted

	mu    sync.Mutex
	total int64            // lent and kept, bytes
	kept  map[int][][]byte // by the logarithm of the size
}

func newBuffers(bound int64) *buffers {
	if bound <= 0 {
		bound = defaultBuffers
	}
	bound = max(bound, partUnit)
	return &buffers{bound: bound, turn: semaphore.NewWeighted(bound), kept: make(map[int][][]byte)}
}

// buffer is memory on loan.
type buffer struct {
	b     []byte
	class int
	paid  int64
	from  *buffers
}

// get lends n bytes, and blocks until they are free or ctx ends. More than the bound is lent
// to one borrower at a time.
func (p *buffers) get(ctx context.Context, n int64) (*buffer, error) {
	class := bits.Len64(uint64(max(n, smallestBuffer) - 1))
	paid := min(int64(1)<<class, p.bound)
	if err := p.turn.Acquire(ctx, paid); err != nil {
		return nil, context.Cause(ctx)
	}
	b := p.take(class)
	if b == nil {
		b = make([]byte, 1<<class)
	}
	return &buffer{b: b[:n], class: class, paid: paid, from: p}, nil
}

// take finds one that is kept, else makes room for a new one.
func (p *buffers) take(class int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if list := p.kept[class]; len(list) > 0 {
		b := list[len(list)-1]
		p.kept[class] = list[:len(list)-1]
		return b
	}
	p.total += 1 << class
	for other, list := range p.kept {
		for p.total > p.bound && len(list) > 0 {
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			p.total -= 1 << other
		}
		p.kept[other] = list
	}
	return nil
}

// put gives the memory back. The borrower must not touch it any more.
func (b *buffer) put() {
	p := b.from
	p.mu.Lock()
	if p.total > p.bound {
		p.total -= 1 << b.class
	} else {
		p.kept[b.class] = append(p.kept[b.class], b.b[:1<<b.class])
	}
	p.mu.Unlock()
	p.turn.Release(b.paid)
}
