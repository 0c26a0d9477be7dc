package transfer

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/actions/stores"
)

const (
	// inBuffer is how large a file may be to be read and written at one go, which is faster than
	// to let the kernel copy it.
	inBuffer = 128 << 10
	// stretch is how much the kernel copies in one call: between two of them a copy can end.
	stretch = 16 << 20
)

var localBuffers = sync.Pool{New: func() any { return new([inBuffer]byte) }}

// bytes fills the new file, the cheapest way first: shared blocks, then a copy in the kernel,
// then reading and writing. Holes stay holes.
func (c *localCopy) bytes(ctx context.Context) error {
	c.method = steps.LocalCopy
	size := c.was.Size
	if size == 0 {
		return nil
	}
	if c.done == 0 && c.clone() {
		c.method, c.done = steps.Clone, size
		c.task.progress(size)
		return nil
	}
	w := stretches{localCopy: c, last: time.Now()}
	if !c.sparse() {
		return w.copy(ctx, size)
	}
	if err := unix.Ftruncate(c.out, size); err != nil {
		return c.refused(err)
	}
	for c.done < size {
		data, err := unix.Seek(c.in, c.done, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // a hole up to the end
			data, err = size, nil
		}
		if err != nil { // a file system that does not know its holes
			return w.copy(ctx, size)
		}
		if data = min(data, size); data > c.done {
			c.task.progress(data - c.done)
			c.done = data
		}
		if data == size {
			return nil
		}
		hole, err := unix.Seek(c.in, data, unix.SEEK_HOLE)
		if err != nil {
			hole = size
		}
		if err := w.copy(ctx, min(hole, size)); err != nil {
			return err
		}
	}
	return nil
}

// sparse tells whether the source has fewer blocks than bytes.
func (c *localCopy) sparse() bool { return c.was.Blocks*512 < c.was.Size }

// clone shares the source's blocks, if the file system can.
func (c *localCopy) clone() bool {
	d, dev := c.at.disk, uint64(c.was.Dev)
	if !d.can(d.noClone, dev) {
		return false
	}
	err := unix.IoctlFileClone(c.out, c.in)
	if err != nil && !errors.Is(err, unix.EINVAL) && without(err) { // EINVAL may be about this file alone
		d.cannot(d.noClone, dev)
	}
	return err == nil
}

// stretches copies piece by piece.
type stretches struct {
	*localCopy
	last time.Time // of save
}

// copy copies from where the copy stands up to end.
func (w *stretches) copy(ctx context.Context, end int64) error {
	for w.done < end {
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), w.save())
		}
		n, err := w.move(min(stretch, end-w.done))
		w.done += n
		w.task.progress(n)
		if err != nil {
			return err
		}
		if n == 0 {
			return &ChangedError{Side: Source, Name: w.task.Source.Name, Was: w.task.Source.Version}
		}
		if time.Since(w.last) >= saveEvery {
			w.last = time.Now()
			if err := w.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// move copies at most n bytes from where the copy stands. None and no error is the end of the
// source.
func (w *stretches) move(n int64) (int64, error) {
	d, dev := w.at.disk, uint64(w.was.Dev)
	if n <= inBuffer || !d.can(d.noRanges, dev) {
		return w.readWrite(n)
	}
	from, to := w.done, w.done
	for {
		k, err := unix.CopyFileRange(w.in, &from, w.out, &to, int(n), 0)
		switch {
		case err == unix.EINTR:
			continue
		case err == nil && k > 0:
			return int64(k), nil
		case err != nil && !without(err):
			return 0, w.refused(err)
		case err != nil:
			d.cannot(d.noRanges, dev)
		}
		return w.readWrite(n)
	}
}

func (w *stretches) readWrite(n int64) (done int64, err error) {
	buf := localBuffers.Get().(*[inBuffer]byte)
	defer localBuffers.Put(buf)
	for done < n {
		p := buf[:min(n-done, inBuffer)]
		k, err := unix.Pread(w.in, p, w.done+done)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, stores.LocalError("read", w.task.Source.Name, err)
		}
		if k == 0 {
			return done, nil
		}
		for p = p[:k]; len(p) > 0; {
			m, err := unix.Pwrite(w.out, p, w.done+done)
			if err != nil && err != unix.EINTR {
				return done, w.refused(err)
			}
			m = max(m, 0)
			p, done = p[m:], done+int64(m)
			w.through += int64(m)
		}
	}
	return done, nil
}

// sameBytes tells whether two open files of n bytes are equal.
func sameBytes(ctx context.Context, a, b int, n int64) bool {
	x, y := localBuffers.Get().(*[inBuffer]byte), localBuffers.Get().(*[inBuffer]byte)
	defer localBuffers.Put(x)
	defer localBuffers.Put(y)
	for off := int64(0); off < n; {
		if ctx.Err() != nil {
			return false
		}
		k, err := unix.Pread(a, x[:], off)
		if err != nil || k == 0 {
			return false
		}
		for got := 0; got < k; {
			m, err := unix.Pread(b, y[got:k], off+int64(got))
			if err != nil || m == 0 {
				return false
			}
			got += m
		}
		if !bytes.Equal(x[:k], y[:k]) {
			return false
		}
		off += int64(k)
	}
	return true
}
