package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sd/backends"
	"sd/cache"
	"sd/resolver"
)

// openCopy is a copy of a content that is being read: a file of this device, or an object.
type openCopy struct {
	tree   *tree
	source resolver.Source
	file   *os.File      // of this device
	reader *cache.Reader // of an object
	noted  atomic.Bool   // bytes of it were given out

	mu  sync.Mutex
	err error // why it is read no more
}

// openCopy opens a copy, which has to be the version that was proven. Of an object the first
// byte is asked for, so that one that is gone or cannot be reached says so.
func (t *tree) openCopy(ctx context.Context, s resolver.Source) (*openCopy, error) {
	c := &openCopy{tree: t, source: s}
	if s.Here {
		f, err := s.Open(ctx)
		if err != nil {
			return nil, err
		}
		c.file = f
		return c, nil
	}
	if s.Volume == nil || s.Volume.Backend == nil {
		return nil, fmt.Errorf("open %s: %w", s.Path, backends.ErrOffline)
	}
	c.reader = t.cache.Open(c.object())
	first, err := c.reader.Borrow(ctx, 0, make([]byte, 1))
	if err != nil {
		c.reader.Close()
		return nil, err
	}
	first.Return()
	return c, nil
}

// object says how an object is fetched: by the version whose content was proven. It shares
// what is cached with those who read the object under its own name.
func (c *openCopy) object() cache.File {
	v, name, version, size := c.source.Volume, c.source.Name, c.source.File.Version, c.source.File.Size
	return cache.File{
		ID:   cache.NewID(v.Fingerprint, name, version),
		Size: size,
		Get: func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			began := time.Now()
			body, e, err := v.Backend.Get(ctx, name, version, off, n)
			if err != nil {
				return nil, err
			}
			if e.Size != size || e.Version != version {
				body.Close()
				return nil, &iofs.PathError{Op: "get", Path: name, Err: backends.ErrChanged}
			}
			c.tree.resolver.Measured(v.Fingerprint, time.Since(began))
			return body, nil
		},
	}
}

// Up to these sizes a content is read whole and compared with its id before any byte of it is
// given out. Of an object no more is fetched for that than is anyway.
const (
	verifiedFile   = 1 << 20
	verifiedObject = 64 << 10
)

func (c *openCopy) verified() int64 {
	if c.file == nil {
		return verifiedObject
	}
	return verifiedFile
}

// read fills dest from off on, or fails. dest is within the content.
func (c *openCopy) read(ctx context.Context, dest []byte, off int64) (cache.Loan, error) {
	if c.file == nil {
		l, err := c.reader.Borrow(ctx, off, dest)
		if err == nil && len(l.Bytes) != len(dest) {
			l.Return()
			err = io.ErrUnexpectedEOF
		}
		return l, err
	}
	if !c.source.Remote() {
		return cache.Loan{Bytes: dest}, c.readFile(dest, off)
	}
	// A server that does not answer keeps whoever waits for it, and the memory.
	dest = make([]byte, len(dest))
	done := make(chan error, 1)
	go func() { done <- c.readFile(dest, off) }()
	timer := time.NewTimer(remoteRead)
	defer timer.Stop()
	select {
	case err := <-done:
		return cache.Loan{Bytes: dest}, err
	case <-ctx.Done():
		return cache.Loan{}, ctx.Err()
	case <-timer.C:
		return cache.Loan{}, fmt.Errorf("read %s: no answer within %v: %w", c.source.Path, remoteRead, backends.ErrOffline)
	}
}

// remoteRead is how long a file system on a server may take for a read.
const remoteRead = 5 * time.Second

// readFile fills dest and then makes sure that the file is still the version that was proven.
// Whoever changes a file changes its times first, so bytes that were read before the times
// are found to be the old ones are old as well.
func (c *openCopy) readFile(dest []byte, off int64) error {
	n, err := c.file.ReadAt(dest, off)
	if changed := c.source.Check(c.file); changed != nil {
		return changed
	}
	if n < len(dest) && err == nil {
		err = io.ErrUnexpectedEOF
	}
	if n == len(dest) {
		err = nil
	}
	return err
}

// failed notes why the copy is read no more.
func (c *openCopy) failed(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
	}
	c.mu.Unlock()
	if first {
		c.tree.refused(c.source, err)
	}
}

func (c *openCopy) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *openCopy) close() {
	if c.file != nil {
		c.file.Close()
	} else {
		c.reader.Close()
	}
}

// refused notes that a copy could not be read for that reason. One that has changed is a copy
// no more, until it is identified anew. What is gone, or has other attributes alone, is left
// to the next scan, which can tell where it went.
func (t *tree) refused(s resolver.Source, err error) {
	var changed *resolver.ChangedError
	var wrong *wrongBytes
	switch {
	case errors.As(err, &wrong):
		t.stale.add(s, wrong)
		t.log.Error("a copy has rotten", "copy", s.Path, "err", err)
		return
	case errors.As(err, &changed) && changed.Attributes:
	case errors.Is(err, backends.ErrChanged):
		t.stale.add(s, nil)
	}
	t.log.Debug("a copy is passed over", "copy", s.Path, "err", err)
}
