package identity

import (
	"math/bits"

	"lukechampine.com/blake3/guts"
)

// A group is what the processor hashes at one go: 16 chunks side by side.
const (
	groupChunks = guts.MaxSIMD
	groupSize   = groupChunks * guts.ChunkSize
)

type chaining = [8]uint32

// tree is the left part of a BLAKE3 tree: the roots of the full subtrees so far, at most
// one of each height. The bits of groups tell of which heights.
type tree struct {
	groups uint64
	stack  [64]chaining
}

// push adds a full subtree of 1<<height groups. What came before must be a multiple of
// that many.
func (t *tree) push(cv chaining, height int) {
	i := height
	for ; t.groups&(1<<i) != 0; i++ {
		cv = guts.ChainingValue(guts.ParentNode(t.stack[i], cv, &guts.IV, 0))
	}
	t.stack[i] = cv
	t.groups += 1 << height
}

// chunks is the number of chunks in the tree: the counter of the next one.
func (t *tree) chunks() uint64 { return t.groups * groupChunks }

// join puts the last part, which may not be empty unless all is, on the right side.
func (t *tree) join(last guts.Node) guts.Node {
	for i := bits.TrailingZeros64(t.groups); i < bits.Len64(t.groups); i++ {
		if t.groups&(1<<i) != 0 {
			last = guts.ParentNode(t.stack[i], guts.ChainingValue(last), &guts.IV, 0)
		}
	}
	return last
}

// close is the Sum of a tree that ends with last.
func (t *tree) close(last guts.Node) Sum {
	last = t.join(last)
	last.Flags |= guts.FlagRoot
	out := guts.WordsToBytes(guts.CompressNode(last))
	return Sum(out[:len(Sum{})])
}

// Hasher computes a Sum of what is written to it, in one goroutine and without memory of
// its own. The zero Hasher is ready; a copy goes on by itself. It is large: 20 KiB.
type Hasher struct {
	tree tree
	n    int // bytes in buf
	buf  [groupSize]byte
}

// New returns a Hasher to which nothing was written.
func New() *Hasher { return new(Hasher) }

// Write never fails. A group waits until there is a byte after it, since the last one
// closes the tree.
func (h *Hasher) Write(p []byte) (int, error) {
	n := len(p)
	if h.n > 0 {
		k := copy(h.buf[h.n:], p)
		h.n += k
		p = p[k:]
		if len(p) == 0 {
			return n, nil
		}
		h.group(&h.buf)
		h.n = 0
	}
	for ; len(p) > groupSize; p = p[groupSize:] {
		h.group((*[groupSize]byte)(p))
	}
	h.n = copy(h.buf[:], p)
	return n, nil
}

func (h *Hasher) group(p *[groupSize]byte) {
	h.tree.push(guts.ChainingValue(guts.CompressBuffer(p, groupSize, &guts.IV, h.tree.chunks(), 0)), 0)
}

// Sum tells of all that was written so far. More may be written after it.
func (h *Hasher) Sum() Sum {
	return h.tree.close(guts.CompressBuffer(&h.buf, h.n, &guts.IV, h.tree.chunks(), 0))
}

// Len is the number of bytes that were written.
func (h *Hasher) Len() int64 { return int64(h.tree.groups)*groupSize + int64(h.n) }

// Reset makes h as New does.
func (h *Hasher) Reset() { h.tree.groups, h.n = 0, 0 }
