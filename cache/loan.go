package cache

import (
	"context"
	"sync"
)

// Loan is bytes that a Reader lends: they may lie in the cache itself, whose memory is
// used for other bytes after Return.
type Loan struct {
	Bytes []byte // never to be written to
	b     *block // nil: they lie elsewhere
}

// Borrow is ReadInto for callers who say when they are done with the bytes: they are
// valid until Return of the Loan, which has one holder. It goes with every answer but an
// error; a Loan that is never returned costs no more than the re-use of its memory.
func (r *Reader) Borrow(ctx context.Context, off int64, buf []byte) (Loan, error) {
	return r.borrow(ctx, off, len(buf), buf)
}

// Return ends the Loan; a second time does nothing. It never blocks for I/O.
func (l *Loan) Return() {
	if b := l.b; b != nil {
		l.b, l.Bytes = nil, nil
		b.drop()
	}
}

// hold lets one more look at the bytes of b, unless its memory may be in use for another
// block already.
func (b *block) hold() bool { return addUnlessZero(&b.refs) }

// drop undoes hold. The last one gives the memory away.
func (b *block) drop() {
	if b.refs.Add(-1) == 0 {
		b.c.spare.put(b.data)
	}
}

// maxSpare is the most that waits to be used again.
const maxSpare = 32 << 20

// spare is the memory of former blocks, all of them whole ones, for the next ones: fresh
// memory has to be cleared, by the kernel and once more by the runtime.
type spare struct {
	limit int          // of them
	spoil func([]byte) // for tests: told of what nobody may look at any more

	mu   sync.Mutex
	free [][]byte
}

// get gives n bytes. They hold anything.
func (s *spare) get(n int64) []byte {
	if n == blockSize {
		s.mu.Lock()
		defer s.mu.Unlock()
		if last := len(s.free) - 1; last >= 0 {
			p := s.free[last]
			s.free[last] = nil
			s.free = s.free[:last]
			return p
		}
	}
	return make([]byte, n)
}

// put takes memory that nobody looks at.
func (s *spare) put(p []byte) {
	if s.spoil != nil {
		s.spoil(p)
	}
	if len(p) != blockSize {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < s.limit {
		s.free = append(s.free, p)
	}
}
