package rclone

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	iofs "io/fs"
	"math"
	"net/http"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"
)

// whole is how many bytes are read as a whole, and checked, before any is given.
const whole = 4 << 20

// Get reads a range. Up to 4 MiB are read at once, and are given after the object was described
// again, or after its checksum was compared if they are all of it. Longer ranges are given as
// they come, after the object was described again; where its version rests on no checksum, the
// last bytes wait until that was done once more.
func (s *store) Get(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	r, e, err := s.get(ctx, name, version, off, n)
	if err != nil {
		return nil, backends.Entry{}, pathError("get", name, err)
	}
	return r, e, nil
}

// errMoved says that an object was changed between two looks at it.
var errMoved = errors.New("changed in between")

func (s *store) get(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	switch err := forReading(name); {
	case err != nil:
		return nil, backends.Entry{}, err
	case name == "":
		return nil, backends.Entry{}, backends.ErrIsDir
	case off < 0:
		return nil, backends.Entry{}, iofs.ErrInvalid
	case n < 0 || off > math.MaxInt64-n:
		n = math.MaxInt64 - off
	}
	if r, e, ok := s.spool.open(version, name, off, n); ok {
		return r, e, nil
	}
	for again := 20; ; again-- {
		r, e, err := s.tryGet(ctx, name, version, off, n)
		if !errors.Is(err, errMoved) {
			return r, e, err
		}
		s.seen.drop(s.key(name))
		if again == 0 {
			return nil, e, backends.ErrChanged
		}
	}
}

func (s *store) tryGet(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	found := s.seen.get(s.key(name), version)
	fresh := found == nil
	if fresh {
		var err error
		if found, err = s.look(ctx, "STAT", name); err != nil {
			return nil, backends.Entry{}, err
		}
	}
	if found.dir != nil {
		return nil, backends.Entry{}, backends.ErrIsDir
	}
	e := s.entry(ctx, name, found)
	if e.Unsized {
		e, err := s.export(ctx, name, found)
		if err != nil {
			return nil, e, err
		}
		if r, e, ok := s.spool.open(e.Version, name, off, n); ok && (version == "" || version == e.Version) {
			return r, e, nil
		}
		return nil, e, backends.ErrChanged
	}
	if version != "" && e.Version != version {
		return nil, e, backends.ErrChanged
	}
	if n = min(n, e.Size-off); n <= 0 {
		if !fresh {
			if err := s.unchanged(ctx, name, e.Version, found); err != nil {
				return nil, e, err
			}
		}
		return http.NoBody, e, nil
	}
	var (
		r   io.ReadCloser
		err error
	)
	if n <= whole {
		r, err = s.readWhole(ctx, name, found, e, off, n)
	} else {
		r, err = s.openStream(ctx, name, found, e, off, n)
	}
	if err != nil {
		err = s.because(ctx, name, e.Version, found, err)
	}
	return r, e, err
}

// because finds out whether err came of a change.
func (s *store) because(ctx context.Context, name, version string, found *child, err error) error {
	switch {
	case errors.Is(err, errMoved), errors.Is(err, backends.ErrOffline), errors.Is(err, iofs.ErrPermission), ctx.Err() != nil:
		return err
	}
	switch now := s.unchanged(ctx, name, version, found); {
	case errors.Is(now, errMoved), errors.Is(now, iofs.ErrNotExist):
		return now
	}
	return err
}

// unchanged asks whether a file is still the version that was found: if not, it is errMoved.
func (s *store) unchanged(ctx context.Context, name, version string, found *child) error {
	_, err := meta(ctx, s, "STAT", func(ctx context.Context, c *conn) (any, error) {
		return nil, s.check(ctx, c, name, version, found)
	})
	return err
}

// check is unchanged within an operation.
func (s *store) check(ctx context.Context, c *conn, name, version string, found *child) error {
	at, err := s.here(c, found.place)
	if err != nil {
		return err
	}
	o, err := at.fs.NewObject(ctx, at.path)
	if err == nil && idOf(o) == found.id && describe(ctx, name, o).Version == version {
		return nil
	}
	if err == nil && !s.byList() || kindOrNil(err) == iofs.ErrNotExist && !s.byList() {
		return errMoved
	}
	if err != nil && kindOf(err) != iofs.ErrNotExist && kindOf(err) != backends.ErrIsDir {
		return err
	}
	now, err := s.find(ctx, c, name) // it may have a twin
	if kindOrNil(err) == iofs.ErrNotExist {
		return errMoved
	}
	if err != nil {
		return err
	}
	if now.file == nil || describe(ctx, name, now.file).Version != version {
		return errMoved
	}
	return nil
}

// readWhole reads a range at once.
func (s *store) readWhole(ctx context.Context, name string, found *child, e backends.Entry, off, n int64) (io.ReadCloser, error) {
	data, err := run(ctx, s, "GET", rest.Data, 0, func(ctx context.Context, c *conn) ([]byte, error) {
		file, err := s.object(ctx, c, found.file, found.place)
		if err != nil {
			return nil, err
		}
		var data []byte
		for range 3 {
			if data, err = s.readRange(ctx, file, off, n, e.Size); err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
		}
		if err != nil {
			return nil, err
		}
		if n == e.Size && len(e.Sums) > 0 && strong(e.Sums[0].Algorithm) {
			if same, known := matches(data, e.Sums); known {
				if !same {
					return nil, errMoved
				}
				return data, nil
			}
		}
		return data, s.check(ctx, c, name, e.Version, found)
	})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// readRange reads a range once. A body that breaks off, or in which nothing comes for too long,
// is io.ErrUnexpectedEOF.
func (s *store) readRange(op context.Context, o fs.Object, off, n, size int64) ([]byte, error) {
	ctx, cancel := context.WithCancel(op)
	defer cancel()
	body, err := o.Open(ctx, rangeOf(off, n, size)...)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	silent := time.AfterFunc(s.stall(), cancel)
	defer silent.Stop()
	data, in := make([]byte, n), rest.Reader(op, body)
	for have := 0; have < len(data); {
		m, err := in.Read(data[have:])
		if have += m; have == len(data) {
			break
		}
		if err == io.EOF || err != nil && ctx.Err() != nil && op.Err() == nil {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if m > 0 {
			silent.Reset(s.stall())
		}
	}
	return data, nil
}

func rangeOf(off, n, size int64) []fs.OpenOption {
	if off == 0 && n == size {
		return nil
	}
	return []fs.OpenOption{&fs.RangeOption{Start: off, End: off + n - 1}}
}

// matches compares bytes with the strongest of some checksums. known is whether there is one
// that can be computed.
func matches(data []byte, sums []backends.Sum) (same, known bool) {
	t := hashType(sums[0].Algorithm)
	if t == hash.None {
		return false, false
	}
	h, err := hash.NewMultiHasherTypes(hash.NewHashSet(t))
	if err != nil {
		return false, false
	}
	_, _ = h.Write(data)
	sum, err := h.Sum(t)
	return err == nil && hex.EncodeToString(sum) == sums[0].Hex, err == nil
}
