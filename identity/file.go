package identity

import (
	"context"
	"io"
	"sync"

	"lukechampine.com/blake3/guts"
)

const (
	partSize   = 1 << 20 // what one goroutine hashes by itself, a full subtree
	partHeight = 6       // 1<<6 groups
	readSize   = 256 << 10
)

// File reads all of r and returns both its facts. Files of more than a part are hashed by
// as many goroutines as there are processors; memory is a fixed amount for each. progress,
// if not nil, is called with the number of bytes of each step, from these goroutines, one
// call at a time. A file that ends before size is io.ErrUnexpectedEOF; whether it is longer,
// or was changed meanwhile, the caller must find out. Empty ones are ErrEmpty.
func File(ctx context.Context, r io.ReaderAt, size int64, progress func(n int64)) (Sum, Print, error) {
	if size <= 0 {
		return Sum{}, 0, ErrEmpty
	}
	if progress == nil {
		progress = func(int64) {}
	}
	if size <= SmallSize {
		return small(r, int(size), progress)
	}
	p := newPass(r, size, progress)
	n := workers(int(min((size+partSize-1)/partSize, 1<<20)))
	var wg sync.WaitGroup
	for range n - 1 {
		wg.Go(func() { p.work(ctx) })
	}
	p.work(ctx)
	wg.Wait()
	if p.err != nil {
		return Sum{}, 0, p.err
	}
	return p.tree.close(p.last), p.print(size), nil
}

var smalls = sync.Pool{New: func() any { return new(Small) }}

func small(r io.ReaderAt, size int, progress func(int64)) (Sum, Print, error) {
	s := smalls.Get().(*Small)
	defer smalls.Put(s)
	if err := readFull(r, s.Bytes()[:size], 0); err != nil {
		return Sum{}, 0, err
	}
	progress(int64(size))
	sum, print := s.Identity(size)
	return sum, print, nil
}

// pass is one file on its way through the goroutines. Parts are taken in order; what is
// ready too early waits as 32 bytes.
type pass struct {
	r        io.ReaderAt
	size     int64
	progress func(int64)
	collector

	mu    sync.Mutex
	next  int64 // the part that is to be read
	ready map[int64]chaining
	done  int64 // parts in the tree
	tree  tree
	last  guts.Node // the last part, which closes the tree
	err   error
}

func newPass(r io.ReaderAt, size int64, progress func(int64)) *pass {
	return &pass{
		r: r, size: size, progress: progress,
		collector: collector{PrintSpans(size), make([]byte, PrintSize)},
		ready:     make(map[int64]chaining),
	}
}

var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// work hashes parts until there are none.
func (p *pass) work(ctx context.Context) {
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	var node guts.Node
	part, n := int64(-1), int64(0)
	var err error
	for {
		if part, n = p.turn(part, n, node, err); n == 0 {
			return
		}
		if err = ctx.Err(); err == nil {
			node, err = p.part(part*partSize, n, buf)
		}
	}
}

// turn gives in what was made of a part, and takes the next.
func (p *pass) turn(part, n int64, node guts.Node, err error) (next, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if part >= 0 {
		if err != nil && p.err == nil {
			p.err = err
		}
		if err == nil {
			p.put(part, n, node)
			p.progress(n)
		}
	}
	off := p.next * partSize
	if p.err != nil || off >= p.size {
		return 0, 0
	}
	p.next++
	return p.next - 1, min(partSize, p.size-off)
}

// put needs mu.
func (p *pass) put(part, n int64, node guts.Node) {
	if part*partSize+n == p.size {
		p.last = node
		return
	}
	p.ready[part] = guts.ChainingValue(node)
	for {
		cv, ok := p.ready[p.done]
		if !ok {
			return
		}
		delete(p.ready, p.done)
		p.tree.push(cv, partHeight)
		p.done++
	}
}

// part hashes [off, off+n): the root of that subtree, not yet compressed.
func (p *pass) part(off, n int64, buf *[readSize]byte) (guts.Node, error) {
	var t tree
	first := uint64(off) / guts.ChunkSize
	end := off + n
	for {
		k := int(min(readSize, end-off))
		if err := readFull(p.r, buf[:k], off); err != nil {
			return guts.Node{}, err
		}
		p.take(off, buf[:k])
		off += int64(k)
		b := buf[:]
		for ; k > groupSize || (k == groupSize && off < end); k, b = k-groupSize, b[groupSize:] {
			t.push(guts.ChainingValue(compress(b, groupSize, first+t.chunks())), 0)
		}
		if off == end {
			return t.join(compress(b, k, first+t.chunks())), nil
		}
	}
}

func compress(b []byte, n int, counter uint64) guts.Node {
	return guts.CompressBuffer((*[groupSize]byte)(b), n, &guts.IV, counter, 0)
}
