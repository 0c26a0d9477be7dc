package staging

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path"
	"slices"
	"time"
	"unicode/utf8"

	"sd/backends"
)

// isConflict tells whether the store refused a commit for what it found at the name.
func (c *commit) isConflict(err error) bool {
	return errors.Is(err, backends.ErrChanged) || errors.Is(err, iofs.ErrExist) ||
		c.cond.Version != "" && errors.Is(err, iofs.ErrNotExist)
}

// resolve deals with a commit that found something else than expected. That may be our
// own: its reply was lost. What somebody else deleted is made anew. What somebody else
// wrote keeps the name, and ours is stored beside it: then lost says so.
func (c *commit) resolve(cause error) (e backends.Entry, lost, err error) {
	there, err := c.backend.Stat(c.ctx, c.name)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		if c.metaOnly {
			return e, cause, cause
		}
		c.cond = backends.Cond{Absent: true}
		e, err = c.upload()
		return e, nil, err
	case err != nil:
		return e, nil, err
	case c.cond.Version != "" && there.Version == c.cond.Version:
		return e, nil, cause // something else is wrong
	}
	ours, err := c.ours(there)
	if err != nil {
		return e, nil, err
	}
	if ours {
		c.dropUpload()
		there.Name = c.name
		m := c.meta
		if there.Meta != nil {
			m = *there.Meta
		}
		there.Meta = &m
		return there, nil, nil
	}
	if c.isTried(there) {
		// What shows the Base was never written here, so the object that was sent has the
		// same bytes there.
		c.cond, c.entry = backends.Cond{Version: there.Version}, there
		c.entry.Name = c.name
		if c.view.base != nil && !c.view.borrows() {
			c.view.base = c.file.store.reader(c.file, c.entry)
		}
		e, err = c.upload()
		return e, nil, err
	}
	if c.metaOnly {
		return e, cause, cause // no byte of ours is in danger
	}
	copied, err := c.putBeside()
	if err != nil {
		return e, nil, fmt.Errorf("%w, and ours could not be stored beside it: %w", cause, err)
	}
	c.copied = copied
	lost = fmt.Errorf("another writer was first; ours is stored as %q: %w", copied, backends.ErrChanged)
	return e, lost, lost
}

// dropUpload gives up the upload in parts of a commit that turned out to be done.
func (c *commit) dropUpload() {
	c.file.mu.Lock()
	defer c.file.mu.Unlock()
	if c.stream != nil && c.stream == c.file.stream {
		c.file.dropStream()
	}
	c.stream = nil
}

// isTried tells whether e is what an earlier commit of this File sent.
func (c *commit) isTried(e backends.Entry) bool {
	return e.Kind != backends.Dir && slices.ContainsFunc(c.tried, func(t attempt) bool {
		if t.Size != e.Size {
			return false
		}
		if t.Sum.is(&e) {
			return true
		}
		if t.BLAKE3 != "" && e.Meta != nil && e.Meta.BLAKE3 != "" {
			return t.BLAKE3 == e.Meta.BLAKE3
		}
		return !t.ModTime.IsZero() && t.ModTime.Equal(timeOf(e))
	})
}

// ours tells whether the object e holds what this commit wants it to hold.
func (c *commit) ours(e backends.Entry) (bool, error) {
	if e.Kind == backends.Dir || e.Size != c.view.size {
		return false, nil
	}
	if c.metaOnly {
		if e.Meta == nil { // of what it carries, the store tells the time alone
			return sameTime(c.meta.ModTime, e.ModTime) && !otherSum(&c.entry, &e), nil
		}
		return sameMeta(*e.Meta, c.meta), nil
	}
	whole := c.view.local(0, c.view.size)
	if want := md5Of(e); want != "" && whole {
		h := md5.New()
		if _, err := io.Copy(h, c.view.section(c.ctx, 0, c.view.size)); err != nil {
			return false, err
		}
		return hex.EncodeToString(h.Sum(nil)) == want, nil
	}
	if e.Meta != nil && e.Meta.BLAKE3 != "" && whole {
		digest, err := sum(c.ctx, &c.view, nil)
		return digest == e.Meta.BLAKE3, err
	}
	if !whole && c.sentAs(&e) {
		return true, nil
	}
	// Bytes that were to come from the Base cannot be compared any more. Then the time,
	// which is exact as far as it is told, has to be ours too.
	if !whole && (!c.isTime(&e) || c.view.borrows() && !timeOf(e).Equal(c.meta.ModTime)) {
		return false, nil // bytes of another object may have come after those that were sent
	}
	for off := int64(0); off < c.view.size; {
		l, end := segment(c.view.layers, off, c.view.size)
		if l != nil {
			if same, err := c.compare(e, off, end-off); !same || err != nil {
				return false, err
			}
		}
		off = end
	}
	return true, nil
}

// timeOf is the time that the writer of e gave it.
func timeOf(e backends.Entry) time.Time {
	if e.Meta != nil {
		return e.Meta.ModTime
	}
	return e.ModTime
}

// isTime tells whether e has the time that a commit of this File gave it.
func (c *commit) isTime(e *backends.Entry) bool {
	t, same := timeOf(*e), time.Time.Equal
	if e.Meta == nil {
		same = sameTime
	}
	return !t.IsZero() && (same(c.meta.ModTime, t) ||
		slices.ContainsFunc(c.tried, func(a attempt) bool { return same(a.ModTime, t) }))
}

// sentAs tells whether e has the checksum of what this commit, or one of the same bytes before
// it, has sent.
func (c *commit) sentAs(e *backends.Entry) bool {
	return c.checksum.is(e) || slices.ContainsFunc(c.tried, func(a attempt) bool {
		return a.Size == c.view.size && a.ModTime.Equal(c.meta.ModTime) && a.Sum.is(e)
	})
}

// md5Of is the MD5 of the bytes of e where the store tells, else "".
func md5Of(e backends.Entry) string {
	for _, s := range e.Sums {
		if s.Algorithm == "md5" {
			return s.Hex
		}
	}
	return ""
}

// compare reads n bytes of e at off and compares them with ours.
func (c *commit) compare(e backends.Entry, off, n int64) (bool, error) {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	theirs, _, err := c.backend.Get(ctx, c.name, e.Version, off, n)
	if err != nil {
		return false, err
	}
	defer theirs.Close()
	ours := c.view.section(ctx, off, n)
	var a, b [64 << 10]byte
	for n > 0 {
		k := min(n, int64(len(a)))
		if _, err := io.ReadFull(theirs, a[:k]); err != nil {
			return false, err
		}
		if _, err := io.ReadFull(ours, b[:k]); err != nil {
			return false, err
		}
		if !bytes.Equal(a[:k], b[:k]) {
			return false, nil
		}
		n -= k
	}
	return true, nil
}

// putBeside stores what was frozen under a name of its own, and returns that.
func (c *commit) putBeside() (string, error) {
	c.dropUpload()
	now := time.Now()
	for n := 1; ; n++ {
		beside := *c
		beside.name = conflictName(c.name, c.file.store.cfg.Device, now, n)
		beside.cond = backends.Cond{Absent: true}
		beside.stream, beside.beside = nil, true
		_, err := beside.upload()
		beside.endUpload(err)
		if !errors.Is(err, iofs.ErrExist) {
			return beside.name, err
		}
	}
}

// endUpload forgets the upload in parts of a conflict copy, or drops its parts.
func (c *commit) endUpload(err error) {
	if c.stream == nil {
		return
	}
	if err == nil {
		c.file.forgetUpload(c.stream.record)
	} else {
		c.stream.cancel()
		c.file.store.spawn(c.stream.abort)
	}
}

// conflictName is the n-th name to try for ours.
func conflictName(name, device string, at time.Time, n int) string {
	const maxName = 255
	suffix := fmt.Sprintf(" (conflict %s %s)", device, at.Format("2006-01-02 15.04.05"))
	if n > 1 {
		suffix += fmt.Sprintf(" %d", n)
	}
	dir, base := path.Split(name)
	if room := maxName - len(suffix); len(base) > room && room > 0 {
		base = base[:room]
		for len(base) > 0 {
			if r, size := utf8.DecodeLastRuneInString(base); r != utf8.RuneError || size != 1 {
				break
			}
			base = base[:len(base)-1]
		}
	}
	return dir + base + suffix
}
