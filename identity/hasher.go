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
	first  uint64 // groups before the tree, where it is part of another
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
func (t *tree) chunks() uint64 { return (t.first + t.groups) * groupChunks }

// add pushes a group or wideSize bytes.
func (t *tree) add(b []byte) {
	height := 0
	if len(b) == wideSize {
		height = wideHeight
	}
	t.push(guts.ChainingValue(subtree(b, t.chunks())), height)
}

// addAll adds groups of b as long as there is a byte after them, and returns the rest, up to
// a group.
func (t *tree) addAll(b []byte) []byte {
	for len(b) > groupSize {
		n := groupSize
		if len(b) > wideSize && t.groups%(1<<wideHeight) == 0 {
			n = wideSize
		}
		t.add(b[:n])
		b = b[n:]
	}
	return b
}

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
		h.tree.add(h.buf[:])
		h.n = 0
	}
	h.n = copy(h.buf[:], h.tree.addAll(p))
	return n, nil
}

// Sum tells of all that was written so far. More may be written after it.
func (h *Hasher) Sum() Sum {
	return h.tree.close(lastGroup(h.buf[:], h.n, h.tree.chunks()))
}

// Len is the number of bytes that were written.
func (h *Hasher) Len() int64 { return int64(h.tree.groups)*groupSize + int64(h.n) }

// Reset makes h as New does.
func (h *Hasher) Reset() { h.tree.groups, h.n = 0, 0 }
