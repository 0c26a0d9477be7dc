package identity

import (
	"fmt"
	"math/bits"
	"sync"

	"lukechampine.com/blake3/guts"
)

// Assembly computes the Sum of a file whose parts are hashed in any order and side by
// side, as a transfer in parts has them. Each part is of the same size but the last. What
// is known of a part is 32 bytes (Root), so that a transfer can be left and gone on with.
// Safe for concurrent use, each part by one goroutine.
type Assembly struct {
	size, part int64

	mu    sync.Mutex
	roots map[int64]chaining // of whole parts before the last
	last  *guts.Node         // of the last part, which closes the tree
}

// NewAssembly is for a file of size bytes in parts of part bytes: a power of two, 16 KiB at
// least. Another part size is a mistake in the program, and panics.
func NewAssembly(size, part int64) *Assembly {
	if part < groupSize || bits.OnesCount64(uint64(part)) != 1 {
		panic(fmt.Sprintf("identity: parts of %d bytes make no tree", part))
	}
	return &Assembly{size: size, part: part, roots: make(map[int64]chaining)}
}

// Parts is the number of parts.
func (a *Assembly) Parts() int64 { return (a.size + a.part - 1) / a.part }

// Span is where part i lies.
func (a *Assembly) Span(i int64) Span {
	return Span{i * a.part, min(a.part, a.size-i*a.part)}
}

// Part returns a Hasher of part i, to which all its bytes are to be written, in order. The
// Assembly has the part once they are; a part that was begun and not finished does no harm.
func (a *Assembly) Part(i int64) *PartHasher {
	return &PartHasher{of: a, i: i, left: a.Span(i).Len, first: uint64(i*a.part) / guts.ChunkSize}
}

// Root is what the Assembly knows of a part: false while that is nothing, and for the last
// part, which must be hashed again by who goes on.
func (a *Assembly) Root(i int64) (root [32]byte, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	cv, ok := a.roots[i]
	for j, word := range cv {
		root[4*j], root[4*j+1], root[4*j+2], root[4*j+3] = byte(word), byte(word>>8), byte(word>>16), byte(word>>24)
	}
	return root, ok
}

// Know takes over what another Assembly of the same file and parts told of a part.
func (a *Assembly) Know(i int64, root [32]byte) {
	var cv chaining
	for j := range cv {
		cv[j] = uint32(root[4*j]) | uint32(root[4*j+1])<<8 | uint32(root[4*j+2])<<16 | uint32(root[4*j+3])<<24
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if i < a.Parts()-1 {
		a.roots[i] = cv
	}
}

// Has tells whether a part is known.
func (a *Assembly) Has(i int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i == a.Parts()-1 {
		return a.last != nil
	}
	_, ok := a.roots[i]
	return ok
}

// Sum is that of the whole file, once all parts are known, else false. An empty file has
// none.
func (a *Assembly) Sum() (Sum, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil || int64(len(a.roots)) != a.Parts()-1 {
		return Sum{}, false
	}
	var t tree
	height := bits.TrailingZeros64(uint64(a.part / groupSize))
	for i := range a.Parts() - 1 {
		t.push(a.roots[i], height)
	}
	return t.close(*a.last), true
}

// PartHasher hashes one part of an Assembly. It is large: 20 KiB.
type PartHasher struct {
	of    *Assembly
	i     int64
	first uint64 // chunk of the file
	left  int64  // bytes still to come
	tree  tree
	n     int // bytes in buf
	buf   [groupSize]byte
}

// Write never fails. Bytes beyond the end of the part are not looked at.
func (h *PartHasher) Write(p []byte) (int, error) {
	n := len(p)
	p = p[:min(int64(n), h.left)]
	if len(p) == 0 {
		return n, nil
	}
	h.left -= int64(len(p))
	if h.n > 0 {
		k := copy(h.buf[h.n:], p)
		h.n += k
		p = p[k:]
		if len(p) > 0 { // the buffer is full, and is not the end
			h.group(&h.buf)
			h.n = 0
		}
	}
	for ; len(p) > groupSize; p = p[groupSize:] {
		h.group((*[groupSize]byte)(p))
	}
	if len(p) > 0 {
		h.n = copy(h.buf[:], p)
	}
	if h.left == 0 {
		h.close()
	}
	return n, nil
}

func (h *PartHasher) group(p *[groupSize]byte) {
	h.tree.push(guts.ChainingValue(guts.CompressBuffer(p, groupSize, &guts.IV, h.first+h.tree.chunks(), 0)), 0)
}

// close gives the part to the Assembly.
func (h *PartHasher) close() {
	node := h.tree.join(guts.CompressBuffer(&h.buf, h.n, &guts.IV, h.first+h.tree.chunks(), 0))
	a := h.of
	a.mu.Lock()
	defer a.mu.Unlock()
	if h.i == a.Parts()-1 {
		a.last = &node
		return
	}
	a.roots[h.i] = guts.ChainingValue(node)
}
