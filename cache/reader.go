package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
)

const (
	grain = 64 << 10 // scattered reads fetch multiples of this

	// manyJumps in a row, with no run of a block between them, make a handle scattered:
	// it takes more to believe that a run goes on.
	manyJumps = 3
)

// Reader reads one File for one handle and learns how the handle reads. It is safe for
// concurrent use; reads do not wait for one another.
type Reader struct {
	c    *Cache
	file File
	disk atomic.Pointer[os.File] // nil while the file is not on disk

	// Guarded by Cache.mu.
	closed   bool
	jumps    int         // since the last long run
	sessions [2]*session // the one in use last comes first
}

// Read returns the bytes [off, off+n) of the file: less than n only at the end of the
// file, none past it. It blocks until they are there, the store fails, or ctx ends
// (then with ctx.Err(); what others wait for is still fetched).
//
// The result may alias the cache: never write to it. It stays valid for good, but keeps
// a whole block alive, so let go of it soon.
func (r *Reader) Read(ctx context.Context, off int64, n int) ([]byte, error) {
	l, err := r.borrow(ctx, off, n, nil)
	return l.Bytes, err
}

// ReadInto is Read of len(buf) bytes, for callers who have a buffer anyway: bytes that
// lie in one block are returned in place, as by Read, and buf is untouched; only bytes
// from several blocks are copied, into buf, and so are those of a file on disk.
func (r *Reader) ReadInto(ctx context.Context, off int64, buf []byte) ([]byte, error) {
	l, err := r.Borrow(ctx, off, buf)
	return l.Bytes, err
}

// Close ends the read-ahead. Reads under way go on; later ones fail with fs.ErrClosed.
func (r *Reader) Close() {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.closed = true
	r.endRuns()
	if f := r.disk.Swap(nil); f != nil {
		f.Close()
	}
}

// endRuns gives up what was read ahead. c.mu is held.
func (r *Reader) endRuns() {
	for i, s := range r.sessions {
		if s != nil {
			s.end(r.c)
			r.sessions[i] = nil
		}
	}
}

func (r *Reader) borrow(ctx context.Context, off int64, n int, buf []byte) (Loan, error) {
	if off < 0 || n < 0 {
		return Loan{}, errors.New("read before the start of a file")
	}
	if off >= r.file.Size || n == 0 {
		return Loan{}, nil
	}
	end := off + min(int64(n), r.file.Size-off)

	c := r.c
	if c.disk != nil {
		if f := r.onDisk(ctx); f != nil {
			if out, ok := r.readDisk(f, off, end, buf); ok {
				return Loan{Bytes: out}, nil
			}
		}
	}
	c.mu.Lock()
	if r.closed || c.closed {
		c.mu.Unlock()
		return Loan{}, fs.ErrClosed
	}
	whole, sequential := r.expect(off, end)
	var l Loan
	var waited bool
	var err error
	if whole {
		l, waited, err = r.gather(ctx, off, end, buf)
	} else {
		l, waited, err = r.lend(ctx, r.fragment(off, end), off, end)
	}
	c.mu.Unlock()

	switch {
	case !waited:
		c.count.hits.Add(1)
	case sequential:
		c.count.stalls.Add(1)
		fallthrough
	default:
		c.count.misses.Add(1)
	}
	if err != nil {
		return Loan{}, err
	}
	c.count.served.Add(int64(len(l.Bytes)))
	return l, nil
}

// lend gives the bytes [off, end), which lie in k, in place. c.mu is held, but not while
// it waits.
func (r *Reader) lend(ctx context.Context, k key, off, end int64) (l Loan, waited bool, err error) {
	b, waited, err := r.c.get(ctx, &r.file, k, int(end-k.off))
	if err != nil {
		return Loan{}, waited, err
	}
	return Loan{b.data[off-k.off : end-k.off : end-k.off], b}, waited, nil
}

// gather reads from blocks: in place if [off, end) lies in one, else copied together.
// c.mu is held, but neither while it waits nor while it copies.
func (r *Reader) gather(ctx context.Context, off, end int64, buf []byte) (l Loan, waited bool, err error) {
	var out []byte
	for at := off; at < end; {
		k := blockKey(&r.file, at/blockSize)
		to := min(end, k.off+k.n)
		part, w, err := r.lend(ctx, k, at, to)
		waited = waited || w
		if err != nil {
			return Loan{}, waited, err
		}
		if at == off && to == end {
			return part, waited, nil
		}
		r.c.mu.Unlock()
		if out == nil {
			if buf == nil {
				buf = make([]byte, end-off)
			}
			out = buf[:0]
		}
		out = append(out, part.Bytes...)
		part.Return()
		r.c.mu.Lock()
		at = to
	}
	return Loan{Bytes: out}, waited, nil
}

// expect notes that [off, end) is read now, and has what will be needed fetched as far
// as memory is free. It tells whether to read whole blocks, and whether the read goes
// on from earlier ones. c.mu is held.
func (r *Reader) expect(off, end int64) (whole, sequential bool) {
	s := r.session(off, end)
	sequential = s.read > 0
	if s.read >= blockSize {
		r.jumps = 0
	}
	if r.inGrains(s, off, end) {
		return false, sequential
	}
	s.plan(r.c, &r.file, off, end)
	return true, sequential
}

// inGrains tells whether the read [off, end), the last one of s, shall fetch no more
// than the grains that it needs: until its run has gone on for a while, and for longer
// in a handle that jumps about. Another handle's run from the start of the file fetches
// a block, in its own way, but takes the first grain if that was kept.
func (r *Reader) inGrains(s *session, off, end int64) bool {
	proof := int64(grain)
	if r.jumps >= manyJumps {
		proof = 4 * grain
	}
	if r.file.Size <= blockSize || s.read >= proof || fragmentLen(off, end) >= blockSize || r.present(off, end) {
		return false
	}
	return !s.head || r.jumps >= manyJumps || r.c.find(r.fragment(off, end)) != nil
}

// session returns the run of reads that [off, end) goes on with, or begins one in place
// of the one that was used longest ago.
func (r *Reader) session(off, end int64) *session {
	a, b := r.sessions[0], r.sessions[1]
	switch {
	case a == nil:
	case a.near(off):
		r.c.recent.MoveToFront(a.place)
		a.advance(r, off, end)
		return a
	case b != nil && b.near(off):
		r.sessions[0], r.sessions[1] = b, a
		r.c.recent.MoveToFront(b.place)
		b.advance(r, off, end)
		return b
	default:
		r.jumps++
	}
	if b == nil {
		b = newSession(r.c)
	}
	r.sessions[0], r.sessions[1] = b, a
	b.restart(r.c, off, end)
	return b
}

// present tells whether all blocks of [off, end) are here or on their way.
func (r *Reader) present(off, end int64) bool {
	for n := off / blockSize; n*blockSize < end; n++ {
		if r.c.find(blockKey(&r.file, n)) == nil {
			return false
		}
	}
	return true
}

// fragment is what a scattered read of [off, end) fetches.
func (r *Reader) fragment(off, end int64) key {
	k := key{id: r.file.ID, off: off / grain * grain}
	k.n = min(fragmentLen(off, end), r.file.Size-k.off)
	return k
}

func fragmentLen(off, end int64) int64 {
	return (end+grain-1)/grain*grain - off/grain*grain
}
