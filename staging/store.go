package staging

import (
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sd/backends"
)

// Config says where a Store keeps its bytes and whom it tells. Dir is required.
type Config struct {
	// Dir is the root of journals and data; it is made if it is missing. A Store holds
	// one folder in it, and adopts at Open those that no live process holds.
	Dir string
	// MaxBytes is the cap of all staged bytes; 0 is 10 GiB, at most half of what is
	// free on the disk.
	MaxBytes int64
	// WriteBack makes Flush return when bytes and intent are on the local disk.
	WriteBack bool
	// Device names this device in the names of conflict copies.
	Device string
	// Uploads is how many files of one volume are uploaded at once in the background;
	// 0 is 48. Volumes do not share it, so that one that stalls delays no other.
	Uploads int
	// PartSize is the size of the first thousand parts of an upload, and the size up to
	// which a file is put in one piece; 0 is 8 MiB.
	PartSize int64
	// Backend finds the store of a volume. It is asked at each attempt of a background
	// upload. nil: only files that Create was given a store for can be uploaded.
	Backend func(ctx context.Context, volume string) (backends.Backend, error)
	// Read makes what reads the object e, as Base.Read does: of files that a former
	// process left, and of what a commit made. nil asks the store for each read.
	Read func(volume string, e backends.Entry) func(ctx context.Context, p []byte, off int64) (int, error)
	// Committed is told that a background upload made name. Conflict is told that ours
	// was stored as copy. Both may be nil, and are called with no lock held.
	Committed func(volume, name string, e backends.Entry)
	Conflict  func(volume, name, copy string)
	// Log gets what no caller is told; nil is slog.Default().
	Log *slog.Logger
	// RetryMin and RetryMax bound the pause between attempts; 0 is 1 s and 5 min.
	RetryMin, RetryMax time.Duration
	// Patience is how long a write waits for room while no upload ends; 0 is 30 s.
	Patience time.Duration
}

func (c *Config) defaults() {
	if c.Uploads <= 0 {
		c.Uploads = 48
	}
	if c.PartSize <= 0 {
		c.PartSize = 8 << 20
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.RetryMin <= 0 {
		c.RetryMin = time.Second
	}
	if c.RetryMax <= 0 {
		c.RetryMax = 5 * time.Minute
	}
	if c.Patience <= 0 {
		c.Patience = 30 * time.Second
	}
}

// A Store keeps the files that are being written. It is safe for concurrent use.
type Store struct {
	cfg    Config
	own    *folder // where new files go
	budget budget
	trash  trash // of records
	spare  trash // of small layers

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	tag     string // begins the names of this process's files
	lastID  atomic.Uint64
	adopted []*folder
	bad     []bad

	life    sync.Mutex
	ended   bool
	running sync.WaitGroup

	mu           sync.Mutex
	started      bool
	closed       bool
	files        map[*File]struct{}
	queues       map[string]*queue
	recovered    []*File
	orphans      []orphan
	idle         chan struct{} // closed when no job is left; nil while nobody waits
	done, failed int64
}

// Base is the unmodified object under a File.
type Base struct {
	Entry backends.Entry // with its whole Name, its Version and Size
	// Read fills p from off on; it gives exactly len(p) unless the end is met. It is
	// called from several goroutines, and may block on the store.
	Read func(ctx context.Context, p []byte, off int64) (int, error)
}

// base is a Base whose reads are checked.
type base struct {
	Base
	foreign bool // it is another object than the one that is written: see Copy
}

// read gives at least one byte, or an error.
func (b *base) read(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := b.Read(ctx, p, off)
	if n > 0 {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = &iofs.PathError{Op: "read", Path: b.Entry.Name, Err: io.ErrUnexpectedEOF}
	}
	return 0, err
}

// Create begins to stage name of a volume, whose store is b. base is the object as it
// is; nil stands for a new object that must not exist yet, and which the next Sync or
// Flush makes even if nothing is written. m is what the object carries so far. The
// caller owns one reference, and gives it back by Close.
func (s *Store) Create(volume, name string, b backends.Backend, of *Base, m backends.Meta) (*File, error) {
	f := &File{store: s, volume: volume, backend: b, folder: s.own, name: name, meta: m, mtime: m.ModTime, since: time.Now()}
	if of != nil {
		f.base = &base{Base: *of}
		f.size = of.Entry.Size
		f.cond = backends.Cond{Version: of.Entry.Version}
		f.entry, f.committed = of.Entry, true
		if f.mtime.IsZero() {
			f.mtime = of.Entry.ModTime
		}
	} else {
		f.cond = backends.Cond{Absent: true}
		f.seq, f.dataSeq = 1, 1
		if f.mtime.IsZero() {
			f.mtime = time.Now()
		}
	}
	return f, s.add(f)
}

// add takes f in, unless the Store is closed.
func (s *Store) add(f *File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("staging is closed: %w", iofs.ErrClosed)
	}
	s.files[f] = struct{}{}
	return nil
}

// reader makes what reads e through the store.
func (s *Store) reader(f *File, e backends.Entry) *base {
	if s.cfg.Read != nil {
		return &base{Base: Base{Entry: e, Read: s.cfg.Read(f.volume, e)}}
	}
	return &base{Base: Base{Entry: e, Read: func(ctx context.Context, p []byte, off int64) (int, error) {
		b, err := f.store.backendOf(ctx, f)
		if err != nil {
			return 0, err
		}
		body, _, err := b.Get(ctx, e.Name, e.Version, off, int64(len(p)))
		if err != nil {
			return 0, err
		}
		defer body.Close()
		return io.ReadFull(body, p)
	}}}
}

// backendOf finds the store that f lies in.
func (s *Store) backendOf(ctx context.Context, f *File) (backends.Backend, error) {
	if s.cfg.Backend == nil {
		if f.backend == nil {
			return nil, fmt.Errorf("volume %s: %w", f.volume, iofs.ErrNotExist)
		}
		return f.backend, nil
	}
	return s.cfg.Backend(ctx, f.volume)
}
