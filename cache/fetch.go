package cache

import (
	"context"
	"fmt"
	"io"
	"io/fs"
)

// errLong says that a store sent more than it was asked for.
var errLong = fmt.Errorf("store sent more bytes than asked for: %w", io.ErrUnexpectedEOF)

// fetch is one ranged GET that fills consecutive blocks, each of which is shown as it
// arrives.
type fetch struct {
	c      *Cache
	file   File
	blocks []*block
	cancel context.CancelFunc

	goOn chan struct{} // closed when more than a grain is wanted; nil: from the start

	// Guarded by Cache.mu.
	wanted  int // users of the blocks that are not whole yet
	resumed bool
}

// start fetches blocks, consecutive ranges of f whose charges are acquired; a wary fetch
// takes a grain and hesitates. The caller uses at least one of the blocks before it lets
// go of c.mu, which is held; c is open.
func (c *Cache) start(f *File, blocks []*block, wary bool) {
	ctx, cancel := context.WithCancel(context.Background())
	ft := &fetch{c: c, file: *f, blocks: blocks, cancel: cancel}
	if wary {
		ft.goOn = make(chan struct{})
	}
	for _, b := range blocks {
		b.fetch = ft
		b.owners.Store(1)
		c.live[b.key] = b
	}
	c.running[ft] = struct{}{}
	c.count.fetches.Add(1)
	c.fetches.Go(func() {
		defer cancel()
		c.finish(ft, ft.fill(ctx))
	})
}

// fill reads the body into the blocks.
func (f *fetch) fill(ctx context.Context) error {
	last := f.blocks[len(f.blocks)-1]
	off := f.blocks[0].key.off
	body, err := f.file.Get(ctx, off, last.key.off+last.key.n-off)
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
