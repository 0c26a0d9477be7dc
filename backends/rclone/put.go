package rclone

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"
	"github.com/rclone/rclone/fs/object"
)

// grace is how much longer than usual the service may be silent over size bytes.
func grace(size int64) time.Duration { return time.Duration(size>>24) * time.Second }

// Put writes a file. Its condition is looked at right before; nothing is decided at the
// service. Where a service shows files that are being written, the bytes go to a hidden name
// first. Of m the time is kept, as far as the service takes one: the Entry tells it. It may be
// a second or so later than asked for, where nothing but time tells the new bytes from the old.
func (s *store) Put(ctx context.Context, name string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	e, err := s.put(ctx, name, r, size, m, c)
	return e, pathError("put", name, err)
}

func (s *store) put(ctx context.Context, name string, r io.ReadSeeker, size int64, m backends.Meta, cond backends.Cond) (backends.Entry, error) {
	if err := forWriting(name); err != nil {
		return backends.Entry{}, err
	}
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return backends.Entry{}, &sourceError{err}
	}
	unlock, err := s.writes.lock(ctx, s.key(name))
	if err != nil {
		return backends.Entry{}, err
	}
	defer unlock()
	body := &source{r: r, start: start, size: size}
	if s.remote.mayEndInDrive() && size < driveCutoff {
		// Google's library ends a request well whose source has failed, so that half a file
		// would be made.
		if err := body.readWhole(); err != nil {
			return backends.Entry{}, err
		}
	}
	old, err := s.target(ctx, name, cond)
	if err != nil {
		return backends.Entry{}, err
	}
	if old != nil && old.dir != nil {
		return backends.Entry{}, backends.ErrIsDir
	}
	if old != nil && old.file.Size() < 0 {
		return backends.Entry{}, &answerError{iofs.ErrPermission, "documents cannot be written"}
	}
	modified, err := s.clock.timeFor(ctx, s.key(name), old, size, m.ModTime)
	if err != nil {
		return backends.Entry{}, err
	}
	since := time.Now()
	o, err := s.upload(ctx, name, old, body, modified)
	s.seen.drop(s.key(name))
	if o != nil && o.Fs().Precision() == fs.ModTimeNotSupported && o.Fs().Hashes().Count() == 0 {
		s.clock.wrote(s.key(name), size)
	}
	if err != nil {
		if body.err != nil {
			return backends.Entry{}, &sourceError{body.err}
		}
		if o = s.lost(ctx, since, name, old, body, modified, err); o == nil {
			return backends.Entry{}, err
		}
	}
	return s.written(ctx, s.nameOf(name, old), o, size)
}

// target finds what is to be replaced, nil if there is nothing, and looks whether cond holds.
func (s *store) target(ctx context.Context, name string, cond backends.Cond) (*child, error) {
	old, err := s.look(ctx, "STAT", name)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		if cond.Version != "" {
			return nil, backends.ErrChanged
		}
		return nil, s.parents(ctx, name)
	case err != nil:
		return nil, err
	case cond.Absent:
		return nil, iofs.ErrExist
	case cond.Version == "":
		return old, nil
	case old.dir != nil:
		return nil, backends.ErrIsDir
	}
	return old, s.holds(ctx, name, old, cond.Version)
}

// holds checks that the file that was found is of a version.
func (s *store) holds(ctx context.Context, name string, found *child, version string) (err error) {
	e := describe(ctx, name, found.file)
	if e.Unsized {
		if e, err = s.export(ctx, name, found); err != nil {
			return err
		}
	}
	if e.Version != version {
		return backends.ErrChanged
	}
	return nil
}

// parents checks that no folder above name is a file.
func (s *store) parents(ctx context.Context, name string) error {
	_, err := meta(ctx, s, "STAT", func(ctx context.Context, c *conn) (any, error) {
		for dir, _ := split(name); dir != ""; dir, _ = split(dir) {
			if _, err := s.folder(ctx, c, dir); kindOrNil(err) != iofs.ErrNotExist {
				return nil, err
			}
		}
		return nil, nil
	})
	return err
}

// source is what a Put sends, for any number of attempts.
type source struct {
	r     io.ReadSeeker
	start int64
	size  int64

	left int64
	err  error // why it could not be read
}

// errShort says that a source had fewer bytes than it should. It is not io.ErrUnexpectedEOF,
// which libraries take for the end.
var errShort = fmt.Errorf("the source ended early: %w", io.ErrUnexpectedEOF)

// rewind begins anew.
func (b *source) rewind() error {
	b.left = b.size
	if _, b.err = b.r.Seek(b.start, io.SeekStart); b.err != nil {
		return &sourceError{b.err}
	}
	return nil
}

// readWhole keeps in memory what is to be sent.
func (b *source) readWhole() error {
	if err := b.rewind(); err != nil {
		return err
	}
	data, err := io.ReadAll(b)
	if err != nil {
		return &sourceError{err}
	}
	b.r, b.start = bytes.NewReader(data), 0
	return nil
}

func (b *source) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == io.EOF {
		err = nil
		if b.left > 0 {
			err = errShort
		}
	}
	if err != nil {
		b.err = err
	}
	return n, err
}

// upload sends the bytes, into what is there or as a new file.
func (s *store) upload(ctx context.Context, name string, old *child, body *source, modified time.Time) (fs.Object, error) {
	return run(ctx, s, "PUT", rest.Data, grace(body.size), func(ctx context.Context, c *conn) (fs.Object, error) {
		if err := body.rewind(); err != nil {
			return nil, err
		}
		at, err := s.placeFor(ctx, c, name, old)
		if err != nil {
			return nil, err
		}
		o, err := s.send(ctx, c, at, old, rest.Source(ctx, body), body.size, modified)
		if err != nil && body.err != nil {
			err = &sourceError{body.err}
		}
		return o, err
	})
}

// driveCutoff is where uploads to Google Drive begin to go in parts (upload_cutoff in connect.go).
const driveCutoff = 4 << 20

// send sends the bytes in to a place.
func (s *store) send(ctx context.Context, c *conn, at place, old *child, in io.Reader, size int64, modified time.Time) (fs.Object, error) {
	if s.habits.partial {
		return s.uploadAside(ctx, at, in, size, modified)
	}
	info := object.NewStaticObjectInfo(at.path, modified, size, true, nil, at.fs)
	switch {
	case old != nil:
		o, err := s.own(ctx, c, old)
		if err != nil {
			return nil, err
		}
		return o, o.Update(ctx, in, info)
	case at.fs.Features().PutUnchecked != nil && s.habits.twins:
		return at.fs.Features().PutUnchecked(ctx, in, info)
	}
	return at.fs.Put(ctx, in, info)
}

// placeFor returns where name is, or is to be.
func (s *store) placeFor(ctx context.Context, c *conn, name string, old *child) (place, error) {
	if old != nil {
		return s.here(c, old.place)
	}
	if !s.byList() {
		return place{c.fs, name}, nil
	}
	rest := ""
	for dir, leaf := split(name); ; dir, leaf = split(dir) {
		at, err := s.folder(ctx, c, dir)
		rest = join2(leaf, rest)
		if kindOrNil(err) == iofs.ErrNotExist && dir != "" {
			continue
		}
		return at.child(rest), err
	}
}

func join2(leaf, rest string) string {
	if rest == "" {
		return leaf
	}
	return leaf + "/" + rest
}

// uploadAside writes under a hidden name and moves the whole file into place.
func (s *store) uploadAside(ctx context.Context, at place, in io.Reader, size int64, modified time.Time) (fs.Object, error) {
	dir, _ := split(at.path)
	aside := join(dir, partPrefix+random())
	info := object.NewStaticObjectInfo(aside, modified, size, true, nil, at.fs)
	o, err := at.fs.Put(ctx, in, info)
	if err == nil && o.Size() != size && o.Size() >= 0 {
		err = fmt.Errorf("%d of %d bytes arrived: %w", o.Size(), size, io.ErrUnexpectedEOF)
	}
	if err == nil {
		err = ctx.Err() // not all libraries heed it: given up, it must not come into place later
	}
	if err == nil {
		rest.Progress(ctx)
		if moved, merr := at.fs.Features().Move(ctx, o, at.path); merr == nil {
			return moved, nil
		} else {
			err = merr
		}
	}
	s.tidy(ctx, at.fs, aside)
	return nil, err
}

// tidy removes what a failed upload has left, if that can be done at once.
func (s *store) tidy(ctx context.Context, f fs.Fs, path string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if o, err := f.NewObject(ctx, path); err == nil {
		_ = o.Remove(ctx)
	}
}

func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// lost finds what an upload has made whose answer was lost, because of cause: the file, if it
// is certain that it is ours.
func (s *store) lost(ctx context.Context, since time.Time, name string, old *child, body *source, modified time.Time, cause error) fs.Object {
	switch kind := kindOf(cause); {
	case ctx.Err() != nil:
		return nil
	case kind == nil, errors.Is(cause, io.ErrUnexpectedEOF), errors.Is(kind, backends.ErrOffline):
	case errors.Is(kind, iofs.ErrNotExist), errors.Is(kind, iofs.ErrExist): // sent again, it is of no use any more
	default:
		return nil
	}
	found, err := patiently(ctx, s, since, func() (*child, error) { return s.look(ctx, "STAT", name) })
	if err != nil || found.file == nil || found.file.Size() != body.size {
		return nil
	}
	if old != nil && old.file != nil {
		was, is := describe(ctx, name, old.file), describe(ctx, name, found.file)
		if was.Version == is.Version && was.ModTime.Equal(is.ModTime) {
			return nil
		}
	}
	precision := found.file.Fs().Precision()
	if precision == fs.ModTimeNotSupported || found.file.ModTime(ctx).Sub(modified).Abs() > precision { // some round
		return nil
	}
	have := hashesOf(ctx, found.file)
	if len(have) == 0 {
		return nil
	}
	t := hashType(have[0].Algorithm)
	h, err := hash.NewMultiHasherTypes(hash.NewHashSet(t))
	if err != nil || body.rewind() != nil {
		return nil
	}
	if _, err := io.Copy(h, body); err != nil {
		return nil
	}
	if sum, err := h.Sum(t); err != nil || hex.EncodeToString(sum) != have[0].Hex {
		return nil
	}
	return found.file
}

// nameOf is the name of what was found under name, in the case of the service.
func (s *store) nameOf(name string, found *child) string {
	if found == nil || !s.habits.folds {
		return name
	}
	dir, _ := split(name)
	return join(dir, found.label)
}
