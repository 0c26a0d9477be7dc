package cache

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
)

// errLong says that a store sent more than it was asked for.
var errLong = fmt.Errorf("store sent more bytes than asked for: %w", io.ErrUnexpectedEOF)

// ending is how many bytes it takes less time to wait for than to open a connection.
const ending = 128 << 10

// fetch is one ranged GET that fills consecutive blocks, each of which is shown as it
// arrives.
type fetch struct {
	c      *Cache
	file   File
	blocks []*block
	cancel context.CancelFunc

	left  atomic.Int64  // bytes that have not come yet
	begun chan struct{} // closed when it is its successor's turn
	goOn  chan struct{} // closed when more than a grain is wanted; nil: from the start

	// Guarded by Cache.mu.
	wanted  int // users of the blocks that are not whole yet
	resumed bool
	ended   bool
}

// start fetches blocks, consecutive ranges of f whose charges are acquired; a wary fetch
// takes a grain and hesitates. Fetches begin in the order of start: so what is needed
// first has the connections that are open already. The caller uses at least one of the
// blocks before it lets go of c.mu, which is held; c is open.
func (c *Cache) start(f *File, blocks []*block, wary bool) *fetch {
	ctx, cancel := context.WithCancel(context.Background())
	ft := &fetch{c: c, file: *f, blocks: blocks, cancel: cancel, begun: make(chan struct{})}
	if wary {
		ft.goOn = make(chan struct{})
	}
	for _, b := range blocks {
		b.fetch = ft
		b.owners.Store(1)
		c.live[b.key] = b
	}
	c.running[ft] = struct{}{}
	ft.left.Store(ft.size())
	before := c.begun
	c.begun = ft.begun
	c.count.fetches.Add(1)
	c.fetches.Go(func() {
		defer cancel()
		if before != nil {
			<-before
		}
		close(ft.begun)
		c.finish(ft, ft.fill(ctx))
	})
	return ft
}

// size is the bytes that the fetch asks for.
func (f *fetch) size() int64 {
	last := f.blocks[len(f.blocks)-1]
	return last.key.off + last.key.n - f.blocks[0].key.off
}

// ending tells whether the body has begun and is nearly over: then it is taken to its
// end though nobody wants it, for to cut it off would cost the connection.
func (f *fetch) ending() bool {
	left := f.left.Load()
	return left <= ending && left < f.size()
}

// fill reads the body into the blocks.
func (f *fetch) fill(ctx context.Context) error {
	last := f.blocks[len(f.blocks)-1]
	body, err := f.file.Get(ctx, f.blocks[0].key.off, f.size())
	if err != nil {
		return err
	}
	defer body.Close()
	for _, b := range f.blocks {
		// Memory of its own for each block, so that none keeps its neighbours alive.
		if err := f.fillBlock(ctx, body, b, f.c.spare.get(b.key.n), b == last); err != nil {
			return err
		}
	}
	return nil
}

func (f *fetch) fillBlock(ctx context.Context, body io.Reader, b *block, data []byte, last bool) error {
	to := len(data)
	if f.goOn != nil && b == f.blocks[0] {
		to = min(to, grain)
	}
	for at, idle := 0, 0; at < len(data); {
		if at == to {
			if err := f.hesitate(ctx); err != nil {
				return err
			}
			to = len(data)
		}
		n, err := body.Read(data[at:to])
		at += n
		f.left.Add(-int64(n))
		f.c.count.fetched.Add(int64(n))
		switch {
		case at == len(data) && last:
			// The last bytes are shown only when the body ends where it should.
			err = atEnd(body, err)
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		case n > 0:
			idle = 0
		default:
			if idle++; err == nil && idle == 100 {
				err = io.ErrNoProgress
			}
		}
		if err != nil {
			return err
		}
		if err := f.c.show(f, b, data, at); err != nil {
			return err
		}
	}
	return nil
}

// atEnd checks that a body, whose last Read returned err, has ended without an error.
func atEnd(body io.Reader, err error) error {
	var one [1]byte
	for range 100 {
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var n int
		if n, err = body.Read(one[:]); n > 0 {
			return errLong
		}
	}
	return io.ErrNoProgress
}

// show lets readers see the first n bytes of b; a whole block goes to the tier too. It
// fails when the fetch was abandoned.
func (c *Cache) show(f *fetch, b *block, data []byte, n int) error {
	c.mu.Lock()
	if b.err != nil {
		c.mu.Unlock()
		return b.err
	}
	b.data, b.filled = data, n
	b.wake()
	if n < len(data) {
		c.mu.Unlock()
		return nil
	}
	b.fetch = nil
	b.owners.Add(1) // the tier
	f.wanted -= b.users
	if b.users == 0 {
		c.settle(b)
	}
	if f.wanted == 0 && b != f.blocks[len(f.blocks)-1] {
		c.abandon(f)
	}
	if c.disk != nil {
		b.owners.Add(1)
	}
	c.mu.Unlock()
	c.tier.put(b)
	if c.disk != nil {
		c.disk.offer(&f.file, b)
	}
	return nil
}

// abandon cancels a fetch whose remaining blocks nobody wants, and returns the bytes
// that come back to the budget when it has ended. c.mu is held.
func (c *Cache) abandon(f *fetch) (freed int64) {
	f.cancel()
	c.keepHead(f)
	for _, b := range f.blocks {
		if b.fetch == f {
			c.fail(b, context.Canceled)
			freed += b.charge
		}
	}
	return freed
}

// fail takes a block that will not be filled off the live ones. Its charge stays until
// the fetch has ended, since that may still write to it. c.mu is held.
func (c *Cache) fail(b *block, err error) {
	b.fetch, b.err = nil, err
	delete(c.live, b.key)
	b.wake()
	if b.warm != nil {
		c.cool(b)
	}
}

// finish ends a fetch: blocks that are not whole fail with err.
func (c *Cache) finish(f *fetch, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, f)
	f.ended = true
	if c.closed {
		err = fs.ErrClosed
	}
	failed := false
	for _, b := range f.blocks {
		if b.fetch == f {
			c.fail(b, err)
			failed = true
		}
		if b.err != nil {
			b.release()
		}
	}
	if failed {
		c.count.failures.Add(1)
	}
}
