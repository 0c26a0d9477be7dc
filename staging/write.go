package staging

import (
	"context"
	"errors"
	iofs "io/fs"
	"math"
	"syscall"
	"time"

	"sd/backends"
)

// full turns a full disk into backends.ErrNoSpace.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errors.Join(backends.ErrNoSpace, err)
	}
	return err
}

// WriteAt writes p at off. Over the Store's cap, or with a full disk, it waits as long
// as uploads of other files can make room, then fails with backends.ErrNoSpace.
func (f *File) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 || off > math.MaxInt64-int64(len(p)) {
		return 0, f.fail("write", backends.ErrTooLarge)
	}
	return f.roomy(ctx, func() (int, int64, error) {
		f.io.RLock()
		defer f.io.RUnlock()
		return f.write(p, off)
	})
}

// Append writes p at the present end, which it returns as off. Nobody else's write
// comes between.
func (f *File) Append(ctx context.Context, p []byte) (off int64, n int, err error) {
	n, err = f.roomy(ctx, func() (int, int64, error) {
		f.io.Lock()
		defer f.io.Unlock()
		off = f.Size()
		if off > math.MaxInt64-int64(len(p)) {
			return 0, 0, backends.ErrTooLarge
		}
		return f.write(p, off)
	})
	return off, n, err
}

// roomy tries a change until there is room for it. The change tells how many bytes it
// lacks where it fails with errRoom.
func (f *File) roomy(ctx context.Context, change func() (int, int64, error)) (int, error) {
	for {
		n, lacks, err := change()
		if err == nil {
			return n, nil
		}
		if n > 0 || !errors.Is(err, backends.ErrNoSpace) {
			return n, f.fail("write", err)
		}
		if err := f.store.makeRoom(ctx, f, lacks, !errors.Is(err, errRoom)); err != nil {
			return 0, f.fail("write", err)
		}
	}
}

// write needs io, at least for reading.
func (f *File) write(p []byte, off int64) (n int, lacks int64, err error) {
	if len(p) == 0 {
		return 0, 0, nil
	}
	end := off + int64(len(p))
	f.mu.Lock()
	l, held, err := f.prepare(off, end)
	f.mu.Unlock()
	if err != nil {
		return 0, held, err
	}
	n, err = l.file.WriteAt(p, off)
	f.mu.Lock()
	defer f.mu.Unlock()
	added := l.valid.add(off, off+int64(n))
	l.paid += added
	l.synced.Store(false)
	f.store.budget.release(held - added)
	f.touch(off, end)
	if n > 0 {
		end = off + int64(n)
		f.size = max(f.size, end)
		l.size = f.size
		f.changed()
		if added > 0 {
			f.completed(l, off, end)
		}
	}
	return n, 0, full(err)
}

// prepare finds the layer that takes [off, end) and holds budget for what is new in
// it. It needs mu.
func (f *File) prepare(off, end int64) (l *layer, held int64, err error) {
	if f.closed {
		return nil, 0, iofs.ErrClosed
	}
	if l, err = f.top(); err != nil {
		return nil, 0, err
	}
	held = l.valid.missing(off, end)
	if !f.store.budget.try(held) {
		return nil, held, errRoom
	}
	f.touch(off, end)
	return l, held, nil
}

// changed counts a change of bytes, now. It needs mu.
func (f *File) changed() {
	f.seq++
	f.dataSeq++
	f.mtime, f.timeSet = time.Now(), false
}

// Truncate makes the file size bytes long; what is new is zeros.
func (f *File) Truncate(ctx context.Context, size int64) error {
	if size < 0 {
		return f.fail("truncate", iofs.ErrInvalid)
	}
	f.io.Lock()
	defer f.io.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.fail("truncate", iofs.ErrClosed)
	}
	l, err := f.top()
	if err == nil {
		err = f.resize(l, size)
	}
	if err != nil {
		return f.fail("truncate", err)
	}
	f.changed()
	return nil
}

// resize needs io and mu.
func (f *File) resize(l *layer, size int64) error {
	if err := l.file.Truncate(size); err != nil {
		return full(err)
	}
	if size < f.size {
		f.touch(size, f.size)
		l.under = min(l.under, size)
		f.refund(l, l.valid.remove(size, math.MaxInt64))
	}
	f.size, l.size = size, size
	l.synced.Store(false)
	return nil
}

// refund gives n bytes of a layer back to the budget. It needs mu.
func (f *File) refund(l *layer, n int64) {
	l.paid -= n
	f.store.budget.release(n)
}

// Zero makes n bytes at off zeros. Past the end it makes the file longer, unless
// keepSize.
func (f *File) Zero(ctx context.Context, off, n int64, keepSize bool) error {
	if off < 0 || n < 0 || off > math.MaxInt64-n {
		return f.fail("zero", iofs.ErrInvalid)
	}
	_, err := f.roomy(ctx, func() (int, int64, error) {
		f.io.Lock()
		defer f.io.Unlock()
		f.mu.Lock()
		defer f.mu.Unlock()
		lacks, err := f.zero(off, off+n, keepSize)
		return 0, lacks, err
	})
	return err
}

// zero needs io and mu.
func (f *File) zero(off, end int64, keepSize bool) (lacks int64, err error) {
	if f.closed {
		return 0, iofs.ErrClosed
	}
	l, err := f.top()
	if err != nil {
		return 0, err
	}
	// Where l hides what lies below, a hole is enough. Elsewhere it has to be valid.
	below := min(end, l.under)
	held := int64(0)
	if off < below {
		held = l.valid.missing(off, below)
	}
	if !f.store.budget.try(held) {
		return held, errRoom
	}
	if hole := min(end, f.size); off < hole {
		err := reach(l.file, hole)
		if err == nil {
			err = punch(l.file, off, hole-off)
		}
		if err != nil {
			f.store.budget.release(held)
			return 0, full(err)
		}
		f.touch(off, hole)
		l.synced.Store(false)
		l.paid += l.valid.add(off, min(below, hole))
		f.refund(l, l.valid.remove(max(off, l.under), hole))
	}
	if end > f.size && !keepSize {
		if err := f.resize(l, end); err != nil {
			return 0, err
		}
	}
	f.changed()
	return 0, nil
}

// Absorb pulls all that shows of the Base into the staging folder: the file depends on
// the store no more. It blocks on Base.Read, and counts against the cap as writes do.
func (f *File) Absorb(ctx context.Context) error {
	buf := make([]byte, 1<<20)
	for off := int64(0); ; {
		off = f.nextRemote(off)
		if off < 0 {
			return nil
		}
		n, err := f.readSome(ctx, buf, off)
		if err != nil {
			return f.fail("read", err)
		}
		if _, err := f.roomy(ctx, func() (int, int64, error) {
			lacks, err := f.fill(buf[:n], off)
			return 0, lacks, err
		}); err != nil {
			return err
		}
		off += int64(n)
	}
}

// nextRemote returns the first byte from off on that shows the Base, or -1.
func (f *File) nextRemote(off int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.base == nil {
		return -1
	}
	for off < f.size {
		l, end := segment(f.layers, off, f.size)
		if l == nil {
			return off
		}
		off = end
	}
	return -1
}

// fill puts bytes of the Base where the Base shows still. They go to the bottom layer,
// also where that is frozen, since it shows nothing new.
func (f *File) fill(p []byte, off int64) (lacks int64, err error) {
	f.io.Lock()
	defer f.io.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, iofs.ErrClosed
	}
	if len(f.layers) == 0 {
		if _, err := f.top(); err != nil {
			return 0, err
		}
	}
	bottom := f.layers[0]
	for end := min(f.size, off+int64(len(p))); off < end; {
		l, until := segment(f.layers, off, end)
		q := p[:until-off]
		if l == nil {
			held := bottom.valid.missing(off, until)
			if !f.store.budget.try(held) {
				return held, errRoom
			}
			if _, err := bottom.file.WriteAt(q, off); err != nil {
				f.store.budget.release(held)
				return 0, full(err)
			}
			bottom.paid += bottom.valid.add(off, until)
			bottom.synced.Store(false)
		}
		p, off = p[len(q):], until
	}
	return 0, nil
}
