package cache

import (
	"context"
	"io/fs"
	"slices"
	"sync"
)

// budget shares out a fixed number of bytes, first come, first served. Whoever can do
// without (read-ahead) tries; whoever cannot (a read) queues.
type budget struct {
	limit int64

	mu    sync.Mutex
	used  int64
	queue []*grant
}

// grant is a place in the queue; ready is closed when its bytes are acquired.
type grant struct {
	n     int64
	ready chan struct{}
}

func newBudget(limit int64) *budget {
	return &budget{limit: limit}
}

// try acquires n bytes if they are free and nobody queues.
func (b *budget) try(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 || b.used+n > b.limit {
		return false
	}
	b.used += n
	return true
}

// enqueue asks for n bytes, n <= limit.
func (b *budget) enqueue(n int64) *grant {
	g := &grant{n, make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, g)
	b.serve()
	return g
}

// wait blocks until g is granted. If ctx or done ends first, g leaves the queue.
func (b *budget) wait(ctx context.Context, done <-chan struct{}, g *grant) error {
	var err error
	select {
	case <-g.ready:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-done:
		err = fs.ErrClosed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.queue, g); i >= 0 {
		b.queue = slices.Delete(b.queue, i, i+1)
	} else {
		b.used -= g.n
	}
	b.serve()
	return err
}

// release gives n bytes back.
func (b *budget) release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.serve()
}

// serve grants from the head of the queue. b.mu is held.
func (b *budget) serve() {
	for len(b.queue) > 0 && b.used+b.queue[0].n <= b.limit {
		g := b.queue[0]
		b.queue = slices.Delete(b.queue, 0, 1)
		b.used += g.n
		close(g.ready)
	}
}

// short tells how many bytes must come back until the queue is empty; 0 if it is.
func (b *budget) short() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return 0
	}
	n := b.used - b.limit
	for _, g := range b.queue {
		n += g.n
	}
	return n
}

// inUse tells how many bytes are acquired now.
func (b *budget) inUse() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}
