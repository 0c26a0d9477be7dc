package staging

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"sd/backends"
)

// File is one object that is being written. It is safe for concurrent use. Methods
// after Close give fs.ErrClosed.
//
// Locks, in their order: journal, io, mu. Journal keeps the order of what is written
// to the journal. Whoever reads or writes bytes of layers holds io for reading; whoever
// must know that nobody does holds it for writing. None is held across a request.
type File struct {
	store   *Store
	volume  string
	backend backends.Backend // nil if a former process left the file
	folder  *folder

	journal sync.Mutex
	io      sync.RWMutex

	mu     sync.Mutex
	name   string
	layers []*layer // bottom first
	base   *base    // nil: there is nothing below the layers
	size   int64
	cond   backends.Cond

	meta    backends.Meta // its ModTime is mtime
	mtime   time.Time
	timeSet bool // by SetMeta, after the last write

	seq, dataSeq         uint64 // count the changes, and those of bytes
	doneSeq, doneDataSeq uint64 // what the store has
	ackSeq               uint64 // what the journal has
	acked                moment // that in full, where ackSeq > 0
	gens                 []uint64

	over     string   // the name of the record of what a rename replaced
	record   string   // the path of the journal record, "" if there is none
	obsolete []*layer // the record names them still, f does not
	stream   *stream
	commit   *commit
	tried    []attempt        // what commits sent that may have arrived
	sentTo   backends.Backend // by the last commit

	entry     backends.Entry
	committed bool // there is an entry: the object, or the Base
	discarded bool
	closed    bool
	freed     bool
	recovered bool  // a former process left it
	kept      bool  // Keep failed to write the record
	lost      error // why nothing is uploaded any more: a conflict

	since    time.Time
	attempts int
	reason   error
}

// try remembers what is about to be sent. It needs mu.
func (f *File) try(a attempt) {
	const most = 8
	if n := len(f.tried); n > 0 && f.tried[n-1] == a {
		return
	}
	f.tried = append(slices.Clip(f.tried[max(0, len(f.tried)-most+1):]), a)
}

// moment is what a File was at one moment, but for its layers: those that were acked.
type moment struct {
	seq, dataSeq uint64
	size         int64
	meta         backends.Meta
	timeSet      bool
	gens         []uint64
}

// now returns the present moment. It needs mu.
func (f *File) now() moment {
	m := moment{f.seq, f.dataSeq, f.size, f.meta, f.timeSet, slices.Clone(f.gens)}
	m.meta.ModTime = f.mtime
	return m
}

// ackedLayers are the layers that the journal names. It needs mu.
func (f *File) ackedLayers() []*layer {
	n := 0
	for n < len(f.layers) && f.layers[n].acked {
		n++
	}
	return f.layers[:n:n]
}

// attempt is what a commit makes of the object, where that can be told from others.
type attempt struct {
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mtime"`
	BLAKE3  string    `json:"blake3,omitempty"`
	Sum     checksum  `json:"sum,omitempty"`
}

func (f *File) fail(op string, err error) error {
	return &iofs.PathError{Op: op, Path: f.name, Err: err}
}

// ReadAt fills p from off on. It returns less only at the end of the file, and 0 there
// and past it, with no error. It blocks as long as Base.Read does.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return 0, f.fail("read", iofs.ErrClosed)
	}
	done := 0
	for done < len(p) {
		n, err := f.readSome(ctx, p[done:], off+int64(done))
		done += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// readSome reads at least one byte, unless the end is met: then it says io.EOF.
func (f *File) readSome(ctx context.Context, p []byte, off int64) (int, error) {
	for {
		f.io.RLock()
		f.mu.Lock()
		if f.freed {
			f.mu.Unlock()
			f.io.RUnlock()
			return 0, f.fail("read", iofs.ErrClosed)
		}
		if off >= f.size {
			f.mu.Unlock()
			f.io.RUnlock()
			return 0, io.EOF
		}
		l, end := segment(f.layers, off, min(f.size, off+int64(len(p))))
		base := f.base
		f.mu.Unlock()
		q := p[:end-off]
		if l != nil {
			err := readZeros(l.file, q, off)
			f.io.RUnlock()
			return len(q), err
		}
		f.io.RUnlock()
		n, err := base.read(ctx, q, off)
		if err == nil || !f.rebased(ctx, base) {
			return n, err
		}
	}
}

// rebased tells whether f lies over another Base by now. If a commit is under way, it
// may be what replaced the object: its end tells.
func (f *File) rebased(ctx context.Context, b *base) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.commit; c != nil && f.base == b {
		f.mu.Unlock()
		select {
		case <-c.done:
		case <-ctx.Done():
		}
		f.mu.Lock()
	}
	return f.base != b && ctx.Err() == nil
}

// top returns the layer that takes writes, which is made if need be. It needs mu, and
// io at least for reading.
func (f *File) top() (*layer, error) {
	if n := len(f.layers); n > 0 && !f.layers[n-1].frozen() {
		return f.layers[n-1], nil
	}
	path := f.path(dataSuffix)
	file, err := f.store.spare.take(path), error(nil)
	if file != nil {
		err = file.Truncate(0)
	} else {
		file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return nil, full(err)
	}
	l := &layer{file: file, path: path, size: f.size, under: f.size}
	f.layers = append(f.layers[:len(f.layers):len(f.layers)], l)
	return l, nil
}

// Size is the size in bytes, with what is not committed yet.
func (f *File) Size() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size
}

// ModTime is when the file was last written, or what SetMeta said since.
func (f *File) ModTime() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mtime
}

// Dirty tells whether there is something, bytes or Meta, that the store does not have.
func (f *File) Dirty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dirty()
}

func (f *File) dirty() bool { return !f.discarded && f.seq > f.doneSeq }

// Meta is what the object carries, or will carry when it is committed.
func (f *File) Meta() backends.Meta {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.meta
	m.ModTime = f.mtime
	return m
}

// SetMeta changes what the object will carry; that alone makes the file dirty. A
// ModTime set here stays until the next write. change must not call f, and must not
// change a map or pointer of the Meta in place.
func (f *File) SetMeta(change func(*backends.Meta)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.meta
	m.ModTime = f.mtime
	change(&m)
	f.timeSet = f.timeSet || !m.ModTime.Equal(f.mtime)
	f.meta, f.mtime = m, m.ModTime
	f.seq++
}

// Replaces says what the next commit must find at the name: this version, or nothing,
// or (with neither) anything.
func (f *File) Replaces(version string, absent bool) {
	f.journal.Lock()
	defer f.journal.Unlock()
	f.mu.Lock()
	f.cond = backends.Cond{Absent: absent, Version: version}
	f.mu.Unlock()
	if err := f.rejournal(); err != nil {
		f.store.cfg.Log.Warn("the journal was not brought up to date", "error", err)
	}
}

// Moved says that the object, clean or the base of what is dirty, lies elsewhere now:
// the caller renamed it in the store to e.Name. A running upload must have ended.
func (f *File) Moved(e backends.Entry) {
	f.journal.Lock()
	defer f.journal.Unlock()
	f.mu.Lock()
	f.dropStream()
	f.name, f.entry, f.committed = e.Name, e, true
	f.cond = backends.Cond{Version: e.Version}
	if f.base != nil && !f.base.foreign {
		f.base = f.store.reader(f, e)
	}
	f.mu.Unlock()
	if err := f.rejournal(); err != nil {
		f.store.cfg.Log.Warn("the journal was not brought up to date", "error", err)
	}
}

// Entry is the last committed state, or the Base; false if there is none.
func (f *File) Entry() (backends.Entry, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.entry, f.committed
}

// Name is the name in the store that the next commit writes to.
func (f *File) Name() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.name
}

// Volume is the fingerprint that Create was given.
func (f *File) Volume() string { return f.volume }

// State is "clean", "dirty", "uploading" or "failed", and why it failed.
func (f *File) State() (state string, reason error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.lost != nil:
		return "failed", f.lost
	case f.commit != nil:
		return "uploading", f.reason
	case !f.dirty():
		return "clean", nil
	case f.reason != nil:
		return "failed", f.reason
	}
	return "dirty", nil
}
