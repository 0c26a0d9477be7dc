package cache

import (
	"context"
	"slices"
	"time"
)

// Who reads the first bytes of a large file wants all of it, or no more than to see
// what it is. So the first block is asked for, but of its body no more is taken than a
// grain until a read shows that it goes on: then the rest comes without another round
// trip. If none does, the request is cut off.
const (
	// sniff is the most that is read to see what a file is.
	sniff = 64 << 10

	// linger is how long a body is kept waiting. It occupies a connection.
	linger = 250 * time.Millisecond
)

// hesitate waits until the fetch is to go on. It fails when nobody wants it to.
func (f *fetch) hesitate(ctx context.Context) error {
	t := time.NewTimer(linger)
	defer t.Stop()
	select {
	case <-f.goOn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
	}
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	select {
	case <-f.goOn:
		return nil
	default:
	}
	f.c.abandon(f)
	return context.Canceled
}

// The methods below want c.mu held.

// resume lets the fetch of b, if there is one, take more than a grain.
func (c *Cache) resume(b *block) {
	if f := b.fetch; f != nil && f.goOn != nil && !f.resumed {
		f.resumed = true
		close(f.goOn)
	}
}

// keepHead keeps the grain that a fetch has taken which hesitates, as if it had been
// asked for alone.
func (c *Cache) keepHead(f *fetch) {
	b := f.blocks[0]
	if f.goOn == nil || f.resumed || b.fetch != f || b.filled < grain {
		return
	}
	head := c.newBlock(key{f.file.ID, 0, grain})
	if c.tier.get(head.key) != nil || !c.budget.try(head.charge) {
		return
	}
	head.data, head.filled = slices.Clone(b.data[:grain]), grain
	head.owners.Store(1)
	c.tier.put(head)
}
