package staging

import (
	"errors"
	iofs "io/fs"

	"sd/backends"
)

// Copy makes f end with the bytes of another object of its store, those from off to off+n,
// without fetching any: the next commit has the store copy them, under of's version. It does
// so only where off is the end of f and all that f shows before it comes from the same place
// in the same version, or where f is empty; else it returns false and f is as it was. The
// bytes are f's own once a commit has succeeded. Until then, see Borrows, the caller commits
// or absorbs f before it changes or removes the other object. If somebody else does, a file
// that is nothing but such bytes is given up: its commit says backends.ErrChanged.
func (f *File) Copy(of Base, off, n int64) bool {
	f.io.Lock()
	defer f.io.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed || f.discarded || f.commit != nil || n <= 0 || off != f.size || n > of.Entry.Size-off:
		return false
	case off == 0:
		if f.ackSeq > 0 || !f.borrow(of, n) { // what was acknowledged lies over another base
			return false
		}
	case !f.lend(of, n):
		return false
	}
	f.touch(off, off+n)
	f.changed()
	return true
}

// borrow puts f, which is empty, over the first n bytes of another object. It needs io and mu.
func (f *File) borrow(of Base, n int64) bool {
	for _, l := range f.layers {
		if l.frozen() || l.soiled {
			return false
		}
	}
	layers, under := f.layers, f.base
	f.layers, f.base, f.size = nil, &base{Base: of, foreign: true}, n
	if n < of.Entry.Size {
		if _, err := f.top(); err != nil {
			f.layers, f.base, f.size = layers, under, 0
			return false
		}
	}
	for _, l := range layers {
		f.drop(l)
	}
	f.dropStream()
	return true
}

// lend shows n more bytes of what f was put over by borrow. It needs io and mu.
func (f *File) lend(of Base, n int64) bool {
	if !f.borrows() || len(f.layers) != 1 || f.base.Entry.Name != of.Entry.Name || f.base.Entry.Version != of.Entry.Version {
		return false
	}
	l := f.layers[0]
	if l.frozen() || l.under != f.size {
		return false
	}
	f.size += n
	l.size, l.under = f.size, f.size
	return true
}

// Borrows tells whether f shows bytes of another object, which a commit has the store copy.
func (f *File) Borrows() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.borrows() && f.dirty()
}

// borrows needs mu.
func (f *File) borrows() bool { return f.base != nil && f.base.foreign }

// borrows tells whether v shows bytes of another object.
func (v *view) borrows() bool { return v.base != nil && v.base.foreign }

// whole tells whether v is another object, with all its bytes and no others.
func (v *view) whole() bool {
	return v.borrows() && v.size == v.base.Entry.Size && v.size > 0 && v.remote(0, v.size)
}

// copyWhole has the store copy another object, where the file is nothing else. Where the
// store cannot, it says errors.ErrUnsupported.
func (c *commit) copyWhole() (backends.Entry, error) {
	copier, ok := c.backend.(backends.Copier)
	if !ok || !c.view.whole() {
		return backends.Entry{}, errors.ErrUnsupported
	}
	from := c.view.base.Entry
	c.meta.BLAKE3 = ""
	if from.Meta != nil {
		c.meta.BLAKE3 = from.Meta.BLAKE3
	}
	c.note()
	e, err := copier.Copy(c.ctx, c.name, from.Name, backends.CopyOptions{
		Source: from.Version, Size: from.Size, Meta: &c.meta, Cond: c.cond,
	})
	if err == nil {
		c.dropUpload() // of what it was before
	}
	return c.named(e), c.baseChanged(c.ctx, err)
}

// originGone tells whether a commit can never succeed, because the file is nothing but bytes
// of an object that is no more.
func (c *commit) originGone(err error) bool {
	if !errors.Is(err, backends.ErrChanged) || !c.view.borrows() || !c.view.remote(0, c.view.size) {
		return false
	}
	from := c.view.base.Entry
	e, err := c.backend.Stat(c.ctx, from.Name)
	return errors.Is(err, iofs.ErrNotExist) || err == nil && e.Version != from.Version
}
