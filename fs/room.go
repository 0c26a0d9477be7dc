package fs

import (
	"context"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/backends"
)

// room is how full a volume is, as its provider told last. use.mu guards it.
type room struct {
	used, free int64 // free is less than 0 where the provider does not tell
	known      bool
	asked      time.Time     // when it was last asked for, or zero
	first      chan struct{} // closed when the first answer is there, or none comes; nil before it is asked for
}

const (
	roomFor  = time.Minute      // how long an answer is believed
	roomWait = 30 * time.Second // how long an answer may take
	roomHold = 2 * time.Second  // how long the first df waits for it
)

const pebibyte = 1 << 50

// Statfs tells how much room the provider leaves, as it has told last; the next call knows
// more. Only while it has told nothing yet, a moment is waited for it. Where it does not tell,
// room is endless.
func (n *objectNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	s := n.store
	s.use.mu.Lock()
	s.measureRoom()
	r := s.use.room
	s.use.mu.Unlock()
	if !r.known && r.first != nil {
		select {
		case <-r.first:
		case <-ctx.Done():
		case <-time.After(roomHold - time.Since(r.asked)):
		}
		s.use.mu.Lock()
		r = s.use.room
		s.use.mu.Unlock()
	}
	free, total := int64(pebibyte), int64(pebibyte)
	if r.known {
		if r.free >= 0 {
			free = r.free
		}
		total = r.used + free
	}
	const block = 4096
	out.Bsize, out.Frsize, out.NameLen = block, block, 255
	out.Blocks, out.Bfree, out.Bavail = uint64(total)/block, uint64(free)/block, uint64(free)/block
	return 0
}

// measureRoom asks the provider in the background, where what it told is too old. use.mu is
// held.
func (s *store) measureRoom() {
	m, ok := s.backend().(backends.Meter)
	if !ok || time.Since(s.use.room.asked) < roomFor {
		return
	}
	s.use.room.asked = time.Now()
	answered := func() {}
	if s.use.room.first == nil {
		first := make(chan struct{})
		s.use.room.first, answered = first, func() { close(first) }
	}
	if !s.tree.beside.run(func(ctx context.Context) {
		defer answered()
		ctx, cancel := context.WithTimeout(ctx, roomWait)
		defer cancel()
		used, free, err := m.Usage(ctx)
		if err != nil {
			s.tree.log.Debug("the provider does not tell how full it is", "volume", s.uri, "err", err)
			return
		}
		s.use.mu.Lock()
		defer s.use.mu.Unlock()
		s.use.room.used, s.use.room.free, s.use.room.known = max(0, used), free, true
	}) {
		answered()
	}
}
