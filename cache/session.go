package cache

import (
	"container/list"
	"maps"
	"slices"
)

const (
	// streams is how many GETs one session has under way when its window is full. At
	// 30 ms round trip a stream of about 80 MiB/s with GETs of maxWindow/streams =
	// 4 MiB brings 50 MiB/s, so 16 of them 800 MiB/s.
	streams   = 16
	maxWindow = 64 << 20

	// mostGets bounds them while the window grows: more would wait for new connections.
	mostGets = streams * 3 / 2

	// easyWindow is how far the window grows without a stall. Beyond, only a reader
	// that is faster than the store gets more.
	easyWindow = 32 << 20

	// eager is the window for each byte read in sequence: a file of which only the
	// first n bytes are read costs no more than a block and eager*n. Who has read as
	// much as keenAfter wants all of it, more often than not, and connections that are
	// opened soon are there when they are needed.
	eager     = 4
	keen      = 16
	keenAfter = 512 << 10

	// The kernel sends the reads of its own read-ahead together, and they arrive in
	// any order: a read counts as part of a run that is a bit behind or before it, and
	// blocks just passed are not forgotten yet.
	behind = 2 << 20
	before = 1 << 20
)

// session is one run of nearly sequential reads. It owns the blocks from a bit behind
// the last read up to its window. All is guarded by Cache.mu.
type session struct {
	next   int64 // the end of the furthest read
	read   int64 // bytes read since the run began, but for its first read
	window int64 // bytes beyond next to have fetched
	head   bool  // it began at the start of the file
	wary   bool  // it began with a small read at the start, and may end there
	passed int64 // blocks before this one are let go
	ahead  int64 // the first block that was not yet asked for
	held   map[int64]*block
	gets   []*fetch      // that it has begun, and perhaps a few that have ended
	place  *list.Element // in Cache.recent
}

func newSession(c *Cache) *session {
	s := &session{held: make(map[int64]*block)}
	s.place = c.recent.PushFront(s)
	return s
}

// restart begins a new run with the read [off, end).
func (s *session) restart(c *Cache, off, end int64) {
	s.drop(c)
	c.recent.MoveToFront(s.place)
	s.next, s.read, s.window, s.ahead = end, 0, 0, 0
	s.passed = off / blockSize
	s.head = off == 0
	if s.wary = s.head && end <= sniff; s.head && !s.wary {
		s.window = blockSize // who starts at the start goes on more often than not
	}
}

// near tells whether a read at off goes on with the run.
func (s *session) near(off int64) bool {
	return off >= s.next-behind && off <= s.next+max(s.window, before)
}

// advance notes the read [off, end) and grows the window.
func (s *session) advance(r *Reader, off, end int64) {
	if end <= s.next {
		return
	}
	s.read += min(end-off, end-s.next)
	s.next = end
	if s.wary && s.read > sniff {
		s.wary = false
		s.window = blockSize
		if b := s.held[0]; b != nil {
			r.c.resume(b)
		}
	}

	grown := eager * s.read
	if s.read >= keenAfter {
		grown = keen * s.read
	}
	want := min(grown, easyWindow)
	if s.window >= easyWindow {
		b := r.c.live[blockKey(&r.file, off/blockSize)]
		if b == nil || int64(b.filled) < min(end-b.key.off, b.key.n) {
			want = min(grown, 2*s.window)
		}
	}
	s.window = max(s.window, min(want, r.c.window))
}

// plan has the blocks of [off, end) and of the window fetched and holds them, in this
// order and as far as memory is free.
func (s *session) plan(c *Cache, f *File, off, end int64) {
	s.letGo(c)
	total := (f.Size-1)/blockSize + 1
	last := (end - 1) / blockSize
	size := max(1, s.window/streams/blockSize)
	if s.read == 0 {
		size = 2 // one GET for the first two blocks: the second comes without a pause
	}
	fresh := max(s.ahead, last+1)
	to := min(total, (s.next+s.window+blockSize-1)/blockSize)
	if to < fresh || to-fresh < size && to < total && s.read > 0 {
		to = fresh // not yet worth a GET
	}
	for n := off / blockSize; n < to; {
		if n > last && n < s.ahead {
			n = s.ahead
			continue
		}
		if n > last && s.busy() {
			s.ahead = max(n, last+1)
			return
		}
		if s.hold(c, f, n) {
			n++
			continue
		}
		run := int64(1)
		for run < size && n+run < to && !s.hold(c, f, n+run) {
			run++
		}
		started := s.fetch(c, f, n, run, last)
		if started == 0 {
			s.ahead = max(n, last+1)
			return
		}
		n += started
	}
	s.ahead = max(s.ahead, to)
}

// hold tells whether block n is here or on its way, and makes s an owner of it, unless
// a read waits for memory: then no session may own anything new, or that read could
// wait for it forever.
func (s *session) hold(c *Cache, f *File, n int64) bool {
	if b := s.held[n]; b != nil {
		if b.err == nil {
			return true
		}
		c.leave(b)
		delete(s.held, n)
	}
	k := blockKey(f, n)
	b := c.live[k]
	if b == nil {
		b = c.tier.get(k)
		if b == nil {
			return false
		}
		if c.budget.short() != 0 {
			return true
		}
		if !b.retain() {
			return false
		}
		c.live[k] = b
	} else if c.budget.short() != 0 {
		return true
	}
	c.use(b)
	s.held[n] = b
	c.taken(b)
	return true
}

// fetch starts one GET for up to run blocks from n on, as many as there is memory for,
// and tells how many. Blocks up to last are those of the read itself.
func (s *session) fetch(c *Cache, f *File, n, run, last int64) int64 {
	for ; run > 0; run /= 2 {
		blocks := make([]*block, run)
		charge := int64(0)
		for i := range blocks {
			b := c.newBlock(blockKey(f, n+int64(i)))
			b.asked = n+int64(i) <= last
			charge += b.charge
			blocks[i] = b
		}
		if !c.budget.try(charge) {
			continue
		}
		s.gets = append(s.gets, c.start(f, blocks, s.wary && n == 0 && f.Size > blockSize))
		for i, b := range blocks {
			c.use(b)
			s.held[n+int64(i)] = b
		}
		return run
	}
	return 0
}

// busy tells whether as many GETs are under way as one session may have.
func (s *session) busy() bool {
	s.gets = slices.DeleteFunc(s.gets, func(f *fetch) bool { return f.ended })
	return len(s.gets) >= mostGets
}

// letGo gives up the blocks that the run has passed.
func (s *session) letGo(c *Cache) {
	passed := max(0, s.next-behind) / blockSize
	if passed <= s.passed {
		return
	}
	s.passed = passed
	for n, b := range s.held {
		if n < passed {
			c.leave(b)
			delete(s.held, n)
		}
	}
}

// drop gives up all blocks.
func (s *session) drop(c *Cache) {
	for _, b := range s.held {
		c.leave(b)
	}
	clear(s.held)
}

// end gives up all blocks and takes s off the list.
func (s *session) end(c *Cache) {
	s.drop(c)
	c.recent.Remove(s.place)
}

// reclaim has warmed files and sessions given up until the reads that wait for memory
// can all be served: those idle longest first, each from its far end. c.mu is held.
func (c *Cache) reclaim() {
	coming := c.coolFor() // back to the budget when cancelled fetches have ended
	for e := c.recent.Back(); e != nil; e = e.Prev() {
		s := e.Value.(*session)
		unread := false
		for _, n := range slices.Backward(slices.Sorted(maps.Keys(s.held))) {
			if c.budget.short() <= coming {
				break
			}
			b := s.held[n]
			whole := b.fetch == nil
			delete(s.held, n)
			if freed := c.leave(b); !whole {
				coming += freed
			}
			s.ahead = min(s.ahead, n)
			unread = unread || n*blockSize >= s.next
		}
		if unread { // it was too far ahead
			s.window /= 2
			s.read = s.window / keen
		}
	}
}
