package cache

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// quickCheck is the size up to which a file is verified while its first reader waits;
// a larger one is verified in the background, and read from the store meanwhile.
const quickCheck = 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errEnded = errors.New("the cache is being closed")

// OpenDisk opens the file that holds all of f and nothing else, for reading only, if
// there is one whose content has been verified. It stays readable whatever becomes of
// the cache; the caller closes it and must not write to it. It blocks for disk I/O: for
// the start of the process, to find what lies there, and to verify a file of up to
// 64 MiB that this process has not used before. A larger one is verified in the
// background, and not there before that is done.
func (c *Cache) OpenDisk(f File) (*os.File, bool) {
	file := c.disk.open(context.Background(), &f)
	return file, file != nil
}

// has tells whether f seems to be there, without I/O.
func (d *disk) has(f *File) bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.index.files[f.ID]
	return e != nil && e.size == f.Size && (e.trusted.Load() || e.size <= quickCheck)
}

// open is OpenDisk; nil if there is none.
func (d *disk) open(ctx context.Context, f *File) *os.File {
	if d == nil {
		return nil
	}
	select {
	case <-d.scanned:
	case <-ctx.Done():
		return nil
	case <-d.done:
		return nil
	}
	d.mu.Lock()
	e := d.index.files[f.ID]
	if e == nil {
		d.mu.Unlock()
		return nil
	}
	if e.size != f.Size { // cut short, or grown
		d.mu.Unlock()
		d.spoilt(e)
		return nil
	}
	d.index.recent.MoveToFront(e.place)
	touch := time.Since(e.used) > touchAfter
	if touch {
		e.used = time.Now()
	}
	d.mu.Unlock()

	if !e.trusted.Load() {
		if e.size > quickCheck {
			d.checkSoon(e)
			return nil
		}
		if !e.check() {
			return nil
		}
	}
	name := filepath.Join(d.dir, e.name())
	if touch {
		_ = os.Chtimes(name, time.Time{}, time.Now()) // else it is evicted a little early
	}
	file, err := os.Open(name)
	if err != nil {
		d.discard(e)
		return nil
	}
	return file
}

// checkOnce gives the function that verifies e the first time it is called, discards e
// if it is bad, and tells whether it was good.
func (d *disk) checkOnce(e *diskFile) func() bool {
	return sync.OnceValue(func() bool {
		f, err := os.Open(filepath.Join(d.dir, e.name()))
		if err == nil {
			defer f.Close()
			var sum uint32
			if sum, err = checksum(f, e.size, d.done); err == nil && sum == e.sum {
				e.trusted.Store(true)
				return true
			}
		}
		if err != errEnded {
			d.spoilt(e)
		}
		return false
	})
}

// spoilt discards a file that is not what it should be.
func (d *disk) spoilt(e *diskFile) {
	if d.discard(e) {
		d.bad.Add(1)
	}
}

// checkSoon verifies e in the background.
func (d *disk) checkSoon(e *diskFile) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.checking {
		return
	}
	e.checking = true
	select {
	case <-d.done:
	default:
		d.work.Go(func() { e.check() })
	}
}

// checksum is the CRC-32C of a file that must have exactly size bytes.
func checksum(f *os.File, size int64, done <-chan struct{}) (uint32, error) {
	buf := make([]byte, min(size+1, 256<<10))
	sum, off := uint32(0), int64(0)
	for {
		n, err := f.ReadAt(buf, off)
		sum = crc32.Update(sum, castagnoli, buf[:n])
		off += int64(n)
		switch {
		case err == io.EOF && off == size:
			return sum, nil
		case err == io.EOF || off > size:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		}
		select {
		case <-done:
			if size > quickCheck {
				return 0, errEnded
			}
		default:
		}
	}
}

// onDisk gives the reader's file on disk, or nil, and lets go of memory once it is
// there. It does no more than look into a table while the file is not.
func (r *Reader) onDisk(ctx context.Context) *os.File {
	if f := r.disk.Load(); f != nil {
		return f
	}
	f := r.c.disk.open(ctx, &r.file)
	if f == nil {
		return nil
	}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if r.closed || r.c.closed || !r.disk.CompareAndSwap(nil, f) {
		f.Close()
		return r.disk.Load()
	}
	r.endRuns()
	return f
}

// readDisk answers a read of [off, end) from disk. If that fails, the file on disk is
// given up and the store has to be asked.
func (r *Reader) readDisk(f *os.File, off, end int64, buf []byte) ([]byte, bool) {
	n := end - off
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := f.ReadAt(buf, off); err != nil {
		if !errors.Is(err, os.ErrClosed) && r.disk.CompareAndSwap(f, nil) {
			f.Close()
			r.c.disk.forget(r.file.ID)
		}
		return nil, false
	}
	r.c.disk.hits.Add(1)
	r.c.count.hits.Add(1)
	r.c.count.served.Add(n)
	return buf, true
}

// forget discards a file that could not be read.
func (d *disk) forget(id ID) {
	d.mu.Lock()
	e := d.index.files[id]
	d.mu.Unlock()
	if e != nil {
		d.spoilt(e)
	}
}
