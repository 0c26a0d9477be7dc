package cache

import (
	"container/list"
	"time"
)

// staleWarm is how long a warmed file that nobody has read is safe from newer ones.
const staleWarm = 10 * time.Second

// warmed are the small files that were fetched before anybody asked, oldest first. It
// is an owner of their blocks until a reader takes one over. Cache.mu guards it.
type warmed struct {
	limit  int64
	bytes  int64
	blocks *list.List // of *block
}

// Warm has f, a file of at most a block (1 MiB), fetched for a Reader to come, and
// tells whether it is here or on its way. It never blocks and takes only memory that
// is free: false says that there is none, and so will be the answer for other files
// until those that are warm have been read. The next Reader of f finds the bytes, or
// waits for them, without a request of its own; should the fetch fail, it asks again.
func (c *Cache) Warm(f File) bool {
	if f.Size > blockSize {
		return false
	}
	if f.Size <= 0 || c.disk.has(&f) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	k := blockKey(&f, 0)
	if c.find(k) != nil {
		return true
	}
	b := c.newBlock(k)
	for c.warm.bytes+b.charge > c.warm.limit {
		if !c.coolOldest(staleWarm) {
			return false
		}
	}
	if !c.budget.try(b.charge) {
		return false
	}
	c.start(&f, []*block{b}, false)
	c.use(b)
	b.warm = c.warm.blocks.PushBack(b)
	b.since = time.Now()
	c.warm.bytes += b.charge
	c.count.warmed.Add(1)
	c.count.warmedBytes.Add(f.Size)
	return true
}

// Has tells whether the first bytes of f are here or on their way, so that reading them
// costs no request. It never blocks.
func (c *Cache) Has(f File) bool {
	if f.Size <= 0 || c.disk.has(&f) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	return c.find(blockKey(&f, 0)) != nil || c.find(key{f.ID, 0, min(grain, f.Size)}) != nil
}

// The methods below want c.mu held.

// cool takes b off the warmed ones. A fetch that nobody else wants is cancelled. It
// returns what leave does.
func (c *Cache) cool(b *block) (freed int64) {
	c.warm.blocks.Remove(b.warm)
	b.warm = nil
	c.warm.bytes -= b.charge
	return c.leave(b)
}

// taken notes that a reader has become an owner of b, if b was warmed for it.
func (c *Cache) taken(b *block) {
	if b.warm != nil {
		c.count.warmedUsed.Add(1)
		c.cool(b)
	}
}

// coolOldest gives up the file that was warmed first, if that is so long ago or failed.
func (c *Cache) coolOldest(age time.Duration) bool {
	e := c.warm.blocks.Front()
	if e == nil {
		return false
	}
	b := e.Value.(*block)
	if b.err == nil && time.Since(b.since) < age {
		return false
	}
	c.cool(b)
	return true
}

// coolFor gives warmed files up, oldest first, until the reads that wait for memory
// can all be served. It returns what comes back when cancelled fetches have ended.
func (c *Cache) coolFor() (coming int64) {
	for e := c.warm.blocks.Front(); e != nil && c.budget.short() > coming; e = c.warm.blocks.Front() {
		b := e.Value.(*block)
		whole := b.fetch == nil
		if freed := c.cool(b); !whole {
			coming += freed
		}
	}
	return coming
}
