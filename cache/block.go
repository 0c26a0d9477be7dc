package cache

import (
	"container/list"
	"context"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"
)

// block is a range of a file, on its way or whole. Bytes that have arrived never
// change, so data[:filled] may be read without the lock once filled was seen under it,
// while the rest is still being written.
type block struct {
	c      *Cache
	key    key
	charge int64        // what it takes of the budget, until the last owner lets go
	owners atomic.Int32 // its place in Cache.live, the tier, the queue to the disk
	refs   atomic.Int32 // who may look at data: the owners as one, each read, each Loan

	// Guarded by Cache.mu.
	asked   bool   // fetched for a read, not ahead of one
	fetch   *fetch // nil once it is whole or has failed
	users   int    // reads and sessions that want it
	data    []byte
	filled  int
	err     error
	waiters []*waiter
	warm    *list.Element // its place in Cache.warm, nil if it has none
	since   time.Time     // when it was warmed
}

// waiter is a read that needs the first need bytes.
type waiter struct {
	need  int
	ready chan struct{}
}

// newBlock makes a block that its first owner may look at.
func (c *Cache) newBlock(k key) *block {
	b := &block{c: c, key: k, charge: k.n + overhead}
	b.refs.Store(1)
	return b
}

// retain adds an owner, unless the last one has just gone.
func (b *block) retain() bool { return addUnlessZero(&b.owners) }

func addUnlessZero(count *atomic.Int32) bool {
	for {
		n := count.Load()
		if n == 0 {
			return false
		}
		if count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release takes an owner away and tells whether that was the last.
func (b *block) release() bool {
	if b.owners.Add(-1) > 0 {
		return false
	}
	b.drop() // first, so that who gets the charge finds the memory
	b.c.budget.release(b.charge)
	return true
}

// wake lets the waiters go that have what they need, or all after a failure.
func (b *block) wake() {
	b.waiters = slices.DeleteFunc(b.waiters, func(w *waiter) bool {
		ok := b.err != nil || b.filled >= w.need
		if ok {
			close(w.ready)
		}
		return ok
	})
}

// The methods of Cache below want c.mu held.

// find returns the block k if it is live or kept.
func (c *Cache) find(k key) *block {
	if b := c.live[k]; b != nil {
		return b
	}
	return c.tier.get(k)
}

// look is find for who looks at the bytes, and drops the block after that.
func (c *Cache) look(k key) *block {
	if b := c.find(k); b != nil && b.hold() {
		return b
	}
	return nil
}

// use counts one more read or session that wants the live block b.
func (c *Cache) use(b *block) {
	b.users++
	if b.fetch != nil {
		b.fetch.wanted++
	}
}

// leave undoes use. A fetch that nobody wants is cancelled unless it is about to end, a whole block that nobody
// uses is left to the tier. It returns the bytes that come back to the budget, now or
// when the cancelled fetch has ended.
func (c *Cache) leave(b *block) (freed int64) {
	b.users--
	if f := b.fetch; f != nil {
		f.wanted--
		if f.wanted == 0 && !f.ending() {
			return c.abandon(f)
		}
		return 0
	}
	if b.users == 0 && b.err == nil {
		return c.settle(b)
	}
	return 0
}

// settle takes a whole block without users off the live ones.
func (c *Cache) settle(b *block) (freed int64) {
	delete(c.live, b.key)
	if b.release() {
		return b.charge
	}
	return 0
}

// get returns the block k, once its first need bytes are there, and whether it had to
// wait for them. The caller drops the block. c.mu is held, but not while it waits.
//
// A block that was only read ahead may fail for reasons that say nothing about this
// read (a connection cut half way), so then the read asks for itself, once.
func (c *Cache) get(ctx context.Context, f *File, k key, need int) (b *block, waited bool, err error) {
	for retried := false; ; retried = true {
		b, err := c.claim(ctx, f, k)
		if err != nil {
			return nil, true, err
		}
		if b.filled >= need {
			return b, waited, nil
		}
		waited = true
		err = c.await(ctx, b, need)
		if err == nil {
			return b, waited, nil
		}
		b.drop()
		if b.asked || retried || ctx.Err() != nil {
			return nil, waited, err
		}
	}
}

// claim finds block k or starts to fetch it, waiting for memory if it must. The caller
// drops the block. He may hold no use of any block, since others could be waiting for that one.
func (c *Cache) claim(ctx context.Context, f *File, k key) (*block, error) {
	if c.closed {
		return nil, fs.ErrClosed
	}
	if b := c.look(k); b != nil {
		return b, nil
	}
	b := c.newBlock(k)
	if !c.budget.try(b.charge) {
		g := c.budget.enqueue(b.charge)
		c.reclaim()
		c.mu.Unlock()
		err := c.budget.wait(ctx, c.done, g)
		c.mu.Lock()
		if err != nil {
			return nil, err
		}
		if c.closed {
			c.budget.release(b.charge)
			return nil, fs.ErrClosed
		}
		if other := c.look(k); other != nil {
			c.budget.release(b.charge)
			return other, nil
		}
	}
	b.asked = true
	c.start(f, []*block{b}, false)
	b.refs.Add(1)
	return b, nil
}

// await waits for the first need bytes of a live block.
func (c *Cache) await(ctx context.Context, b *block, need int) error {
	if need > grain {
		c.resume(b)
	}
	w := &waiter{need, make(chan struct{})}
	b.waiters = append(b.waiters, w)
	c.use(b)
	c.mu.Unlock()
	var err error
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.mu.Lock()
	if i := slices.Index(b.waiters, w); i >= 0 {
		b.waiters = slices.Delete(b.waiters, i, i+1)
	}
	switch {
	case b.filled >= need:
		err = nil
	case b.err != nil:
		err = b.err
	}
	c.leave(b)
	return err
}
