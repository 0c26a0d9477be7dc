// Package cache keeps what was fetched from a store: the bytes of files in blocks
// (Cache, Reader) and what directories hold (Names).
//
// A file version never changes, so blocks are never invalidated, only forgotten. All
// memory of blocks, whether kept, read ahead or on its way, is taken from one budget
// before it is used, so Config.MaxBytes holds. Who owns a block:
//
//   - its fetch, until the last byte is there;
//   - every read that waits for it, and every session (one sequential run of a
//     Reader) that read it ahead or has just left it;
//   - Warm, until a Reader takes it over;
//   - the queue of what is to be written to disk;
//   - the tier of kept blocks (ristretto), which may refuse or drop it at any time.
//
// When the last owner lets go, its bytes go back to the budget. The memory is used for
// another block once nobody looks at it any more: reads that are being answered, and
// Loans, at most a block for each, which are not counted. What is handed out for good
// is left to the garbage collector.
//
// Cache.mu guards all state of blocks, fetches and sessions, and is never held during
// I/O. The locks of the budget and of the tier come after it.
package cache

import (
	"container/list"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// Sizes of a Cache, in bytes.
const (
	DefaultBytes = 160 << 20 // used for Config.MaxBytes 0
	MinBytes     = 4 << 20   // the least that works
	DefaultDisk  = 10 << 30  // used for Config.MaxDisk 0

	blockSize = 1 << 20 // what is fetched, kept and forgotten as one
	overhead  = 256     // a block costs this much beside its bytes

	maxAhead = 256 << 20 // the most of the budget that is kept free for reading ahead
)

// Config says how large a Cache may grow.
type Config struct {
	// MaxBytes caps the memory of all blocks; 0 is DefaultBytes. On top comes what waits
	// to be used again, an eighth of it and 32 MiB at most, and small or handed out
	// blocks that were let go until the garbage collector has found them.
	MaxBytes int64

	// Dir is a folder for whole files, kept across restarts; "" is none. It is made if
	// missing. Each process works in a sub-folder of its own (0, 1, …), the first one
	// that no live process holds, and finds there what an earlier one left.
	Dir string
	// MaxDisk caps what lies in that sub-folder, in bytes; 0 is DefaultDisk. Less is
	// used where the disk would be left with under a twentieth free.
	MaxDisk int64
	// Log is told when the folder cannot be used (any more), once; nil is slog.Default.
	Log *slog.Logger
}

// File is one immutable version of a file.
type File struct {
	ID   ID
	Size int64
	// Get opens exactly the n bytes at off of this version, n > 0, within Size. A body
	// of another length fails the reads that wait for it. Get is called from any
	// goroutine; its ctx lives as long as somebody wants the bytes.
	Get func(ctx context.Context, off, n int64) (io.ReadCloser, error)
}

// Cache is a cache of blocks. It is safe for concurrent use.
type Cache struct {
	budget  *budget
	spare   spare
	tier    *tier
	disk    *disk // nil without one
	window  int64 // the furthest that a session reads ahead
	done    chan struct{}
	fetches sync.WaitGroup
	count   counters

	mu      sync.Mutex
	closed  bool
	live    map[key]*block // being fetched, or owned by a read or a session
	running map[*fetch]struct{}
	begun   chan struct{} // of the last one that was started
	recent  *list.List    // of *session, last used first
	warm    warmed
}

// New makes a Cache that is empty but for what lies on disk. It fails only for a size
// below MinBytes: a folder that cannot be used is told of in Stats and in the log, and
// done without.
func New(cfg Config) (*Cache, error) {
	limit := cfg.MaxBytes
	if limit == 0 {
		limit = DefaultBytes
	}
	if limit < MinBytes {
		return nil, fmt.Errorf("a block cache of %d bytes is too small: give it %d MiB or more", limit, MinBytes>>20)
	}
	ahead := min(limit*3/4, maxAhead)
	t, err := newTier(limit - ahead)
	if err != nil {
		return nil, err
	}
	c := &Cache{
		budget:  newBudget(limit),
		spare:   spare{limit: int(min(limit/8, maxSpare) / blockSize)},
		tier:    t,
		window:  min(maxWindow, ahead/2),
		done:    make(chan struct{}),
		live:    make(map[key]*block),
		running: make(map[*fetch]struct{}),
		recent:  list.New(),
		warm:    warmed{limit: limit / 4, blocks: list.New()},
	}
	if cfg.Dir != "" {
		c.disk = openDisk(cfg, limit)
	}
	return c, nil
}

// Open returns a Reader of f, one for each handle, since it learns the handle's access
// pattern. It fetches nothing. The caller closes it.
func (c *Cache) Open(f File) *Reader {
	return &Reader{c: c, file: f}
}

// Close cancels all fetches, fails the reads that wait with fs.ErrClosed, and returns
// when nothing of the Cache runs any more. Later reads fail too.
func (c *Cache) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	close(c.done)
	for f := range c.running {
		f.cancel()
	}
	for c.coolOldest(-1) {
	}
	c.mu.Unlock()
	c.fetches.Wait()
	c.disk.close()
	c.tier.close()
}
