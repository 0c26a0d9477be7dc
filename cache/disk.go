package cache

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	diskSlots = 64          // processes that can share Config.Dir
	diskPause = time.Minute // after a failed write nothing is written for so long
)

// disk keeps whole files in a folder, named by ID and checksum:
//
//	0123456789abcdef0123456789abcdef-89abcdef  the content, complete and nothing else
//	0123456789abcdef0123456789abcdef.part      a sparse file that is being filled
//
// Blocks reach it when they are whole, by a queue of bounded memory that drops what the
// disk is too slow for; so no reader waits for a write. What goes wrong is told in its
// stats and never to a reader: he is given the store's bytes instead.
//
// One goroutine writes and makes room; disk.mu guards the index and is not held during
// I/O.
type disk struct {
	dir  string
	lock *os.File // held while the process lives
	max  int64    // bytes
	room int64    // most that the queue may take of the budget
	log  *slog.Logger

	queue   chan offer
	queued  atomic.Int64 // charges of what is in it
	done    chan struct{}
	scanned chan struct{} // closed when the index is complete
	work    sync.WaitGroup

	hits, writes, evictions, bad, dropped atomic.Int64

	// The writer's own.
	parts  map[ID]*part
	logged bool

	mu     sync.Mutex
	index  index
	paused time.Time // nothing is written before
	reason string    // why
}

// DiskStats is what the tier on disk has done since New, and what it holds now.
type DiskStats struct {
	Dir       string // "" if there is none
	Off       string // why nothing is written at the moment, "" if all is well
	MaxBytes  int64  // Config.MaxDisk
	Bytes     int64  // taken of MaxBytes, in whole pages
	Files     int64  // complete ones
	Hits      int64  // reads answered from disk
	Writes    int64  // files completed
	Evictions int64  // files that made room for others
	Bad       int64  // files whose content had changed on disk; they were deleted
	Dropped   int64  // blocks that were not written, since the disk was too slow
}

// openDisk prepares the folder and starts the writer. It gives a disk that is off if
// that cannot be done. limit is that of the budget.
func openDisk(cfg Config, limit int64) *disk {
	d := &disk{
		max:     cfg.MaxDisk,
		room:    max(limit/8, blockSize+overhead),
		log:     cfg.Log,
		queue:   make(chan offer, 1024),
		done:    make(chan struct{}),
		scanned: make(chan struct{}),
		parts:   make(map[ID]*part),
		index:   newIndex(),
	}
	if d.max == 0 {
		d.max = DefaultDisk
	}
	if d.log == nil {
		d.log = slog.Default()
	}
	var err error
	if d.dir, d.lock, err = takeSlot(cfg.Dir); err != nil {
		d.dir = cfg.Dir
		d.pause(err)
		d.paused = time.Now().AddDate(100, 0, 0)
		close(d.scanned)
		return d
	}
	d.work.Go(d.run)
	return d
}

// takeSlot makes and locks the first sub-folder of dir that no live process holds.
func takeSlot(dir string) (string, *os.File, error) {
	for n := range diskSlots {
		slot := filepath.Join(dir, strconv.Itoa(n))
		if err := os.MkdirAll(slot, 0o700); err != nil {
			return "", nil, err
		}
		lock, err := os.OpenFile(filepath.Join(slot, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if errors.Is(err, unix.EROFS) { // what lies there can be read all the same
			lock, err = os.Open(filepath.Join(slot, "lock"))
		}
		if err != nil {
			return "", nil, err
		}
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return slot, lock, nil
		}
		lock.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return "", nil, &os.PathError{Op: "lock", Path: slot, Err: err}
		}
	}
	return "", nil, fmt.Errorf("%s is used by %d processes already: give another folder", dir, diskSlots)
}

// close ends the writer, once it has written what it was given. Open files stay readable.
func (d *disk) close() {
	if d == nil {
		return
	}
	d.mu.Lock()
	close(d.done) // nothing is begun after it
	d.mu.Unlock()
	d.work.Wait()
	if d.lock != nil {
		d.lock.Close()
	}
}

// pause stops writing for a while, and says why the first time.
func (d *disk) pause(err error) {
	d.mu.Lock()
	d.paused, d.reason = time.Now().Add(diskPause), err.Error()
	d.mu.Unlock()
	if !d.logged {
		d.logged = true
		d.log.Warn("the cache on disk is not written", "dir", d.dir, "err", err)
	}
}

// resting tells whether nothing may be written now.
func (d *disk) resting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.paused.IsZero() && time.Now().Before(d.paused)
}

// wrote notes that writing works.
func (d *disk) wrote() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paused, d.reason = time.Time{}, ""
}

func (d *disk) stats() DiskStats {
	if d == nil {
		return DiskStats{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return DiskStats{
		Dir: d.dir, Off: d.reason, MaxBytes: d.max,
		Bytes: d.index.bytes, Files: int64(len(d.index.files)),
		Hits: d.hits.Load(), Writes: d.writes.Load(), Evictions: d.evictions.Load(),
		Bad: d.bad.Load(), Dropped: d.dropped.Load(),
	}
}

// free tells how many bytes may be written until the disk is left with less than a
// twentieth free.
func (d *disk) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: d.dir, Err: err}
	}
	unit := int64(st.Bsize)
	return (int64(st.Bavail) - int64(st.Blocks)/20) * unit, nil
}
