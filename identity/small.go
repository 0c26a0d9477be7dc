package identity

import (
	"encoding/binary"

	"lukechampine.com/blake3/guts"
)

// Small computes both facts of a small file from one read. Fill Bytes, then ask for the
// identity. It is 120 KiB and serves one file after the other; one goroutine at a time.
type Small struct {
	// The size lies before the bytes, as the fingerprint wants it, and there is room for a
	// whole group behind them, so that nothing need be copied.
	buf [8 + SmallSize + groupSize]byte
}

// Bytes is where the file goes: one byte longer than SmallSize, so that a file which has
// grown is noticed.
func (s *Small) Bytes() []byte { return s.buf[8 : 8+SmallSize+1] }

// Identity tells of the first n of Bytes, n from 1 to SmallSize.
func (s *Small) Identity(n int) (Sum, Print) {
	binary.LittleEndian.PutUint64(s.buf[:8], uint64(n))
	return s.sum(8, n), printFrom(s.sum(0, n+8))
}

func (s *Small) sum(off, n int) Sum {
	var t tree
	for ; n > groupSize; n, off = n-groupSize, off+groupSize {
		t.push(guts.ChainingValue(s.group(off, groupSize, &t)), 0)
	}
	return t.close(s.group(off, n, &t))
}

func (s *Small) group(off, n int, t *tree) guts.Node {
	return guts.CompressBuffer((*[groupSize]byte)(s.buf[off:]), n, &guts.IV, t.chunks(), 0)
}
