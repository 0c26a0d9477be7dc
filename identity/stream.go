package identity

import "sync"

const (
	// ahead is how far before the rest a piece may come: readers of a mount ask for the
	// next ones at the same time, and the answers pass in any order.
	ahead = 4 << 20
	// aheadPieces bounds the same in pieces.
	aheadPieces = 64
)

// Stream computes the Sum of a file whose bytes pass by anyway, as they are read through
// a mount or copied. It wants them from the first to the last; a piece may be early by a
// little and may come again, but a jump ends it. Safe for concurrent use. The zero Stream
// has seen a jump: use NewStream.
type Stream struct {
	mu     sync.Mutex
	size   int64
	hasher *Hasher // nil once it has given up
	early  map[int64][]byte
	held   int // bytes in early
	sum    Sum
	done   bool
}

// NewStream waits for a file of size bytes.
func NewStream(size int64) *Stream {
	s := &Stream{size: size}
	if size > 0 {
		s.hasher = New()
	}
	return s
}

// Pass says that p lies at off of the file. It keeps nothing of p. All that passes must be
// of one version.
func (s *Stream) Pass(off int64, p []byte) {
	if len(p) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hasher == nil {
		return
	}
	next := s.hasher.Len()
	switch end := off + int64(len(p)); {
	case off < 0 || end > s.size:
		s.giveUp() // not the file that was promised
	case end <= next: // again
	case off <= next:
		s.write(p[next-off:])
	case end-next > ahead:
		s.giveUp()
	default:
		s.hold(off, p)
	}
}

// write needs mu.
func (s *Stream) write(p []byte) {
	s.hasher.Write(p)
	for s.reach() {
	}
	if s.hasher.Len() == s.size {
		s.sum, s.done = s.hasher.Sum(), true
		s.giveUp()
	}
}

// reach takes an early piece that the rest has come up to. It needs mu.
func (s *Stream) reach() bool {
	next := s.hasher.Len()
	for off, p := range s.early {
		if off > next {
			continue
		}
		delete(s.early, off)
		s.held -= len(p)
		if end := off + int64(len(p)); end > next {
			s.hasher.Write(p[next-off:])
			return true
		}
	}
	return false
}

// hold needs mu.
func (s *Stream) hold(off int64, p []byte) {
	old := s.early[off]
	if len(old) >= len(p) {
		return
	}
	if s.held += len(p) - len(old); s.held > ahead || (old == nil && len(s.early) >= aheadPieces) {
		s.giveUp()
		return
	}
	if s.early == nil {
		s.early = make(map[int64][]byte)
	}
	s.early[off] = append([]byte(nil), p...)
}

// giveUp frees what is held. It needs mu.
func (s *Stream) giveUp() { s.hasher, s.early, s.held = nil, nil, 0 }

// Done gives the Sum once all bytes have passed, else false.
func (s *Stream) Done() (Sum, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum, s.done
}

// Waiting tells whether Pass can still lead to a Sum.
func (s *Stream) Waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hasher != nil
}
