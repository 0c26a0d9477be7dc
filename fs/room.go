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
	asked      time.Time // when it was last asked for, or zero
}

const (
	roomFor  = time.Minute      // how long an answer is believed
	roomWait = 30 * time.Second // how long an answer may take
)

const pebibyte = 1 << 50

// Statfs tells how much room the provider leaves, as far as it has told; the next call knows
// more. Where it does not tell, room is endless.
func (n *objectNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	s := n.store
	s.use.mu.Lock()
	s.measureRoom()
	r := s.use.room
	s.use.mu.Unlock()
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
	s.tree.beside.run(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, roomWait)
		defer cancel()
		used, free, err := m.Usage(ctx)
		if err != nil {
			s.tree.log.Debug("the provider does not tell how full it is", "volume", s.uri, "err", err)
			return
		}
		s.use.mu.Lock()
		defer s.use.mu.Unlock()
		s.use.room = room{used: max(0, used), free: free, known: true, asked: s.use.room.asked}
	})
}
