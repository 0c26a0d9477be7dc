package mem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"maps"
	"slices"
	"time"

	"sd/backends"
)

// parts are what has arrived of one upload. They count as used space.
type parts struct {
	name  string
	meta  backends.Meta
	begun time.Time
	data  map[int]piece
}

type piece struct {
	tag  string
	data []byte
}

// upload is a handle on parts, which may be gone.
type upload struct {
	s        *Store
	name, id string
}

// Limits tells the Config's.
func (s *Store) Limits() backends.UploadLimits { return s.cfg.Limits }

// Upload begins an upload or goes on with one, whose id must have been given by this
// store.
func (s *Store) Upload(ctx context.Context, name, id string, m backends.Meta) (backends.Upload, error) {
	if id != "" {
		return &upload{s, name, id}, nil
	}
	if err := s.begin(ctx, "INITIATE", name); err != nil {
		return nil, s.fail("upload", name, err)
	}
	id, err := s.initiate(name, m)
	if err = s.settle(ctx, "INITIATE", name, err); err != nil {
		return nil, s.fail("upload", name, err)
	}
	return &upload{s, name, id}, nil
}

func (s *Store) initiate(name string, m backends.Meta) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.place(name)
	if err != nil {
		return "", err
	}
	if p.existing != nil && p.existing.isDir() {
		return "", backends.ErrIsDir
	}
	id := "upload-" + s.nextVersion()
	s.uploads[id] = &parts{name: name, meta: m, begun: time.Now(), data: map[int]piece{}}
	return id, nil
}

// Uploads tells the ids of the uploads that were neither committed nor aborted, sorted.
func (s *Store) Uploads() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := make([]string, 0, len(s.uploads))
	for id := range s.uploads {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// FindUploads tells those of a name.
func (s *Store) FindUploads(ctx context.Context, name string) ([]backends.Begun, error) {
	if err := s.begin(ctx, "UPLOADS", name); err != nil {
		return nil, s.fail("uploads", name, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []backends.Begun
	for _, id := range slices.Sorted(maps.Keys(s.uploads)) {
		if p := s.uploads[id]; p.name == name {
			list = append(list, backends.Begun{ID: id, At: p.begun, Parts: len(p.data)})
		}
	}
	return list, nil
}

func (u *upload) ID() string { return u.id }

func (u *upload) Part(ctx context.Context, num int, r io.ReadSeeker, size int64) (backends.Part, error) {
	return u.take(ctx, "PART", num, size, func() ([]byte, error) { return u.s.receive(ctx, r, size) })
}

func (u *upload) CopyPart(ctx context.Context, num int, src, version string, off, n int64) (backends.Part, error) {
	return u.take(ctx, "PARTCOPY", num, n, func() ([]byte, error) {
		u.s.mu.RLock()
		defer u.s.mu.RUnlock()
		file, err := u.s.source(src, version)
		if err == nil && (off < 0 || off+n > int64(len(file.data))) {
			err = iofs.ErrInvalid
		}
		if err != nil {
			return nil, u.s.fail("copy", src, err)
		}
		return file.data[off : off+n], nil
	})
}

// take adds the part that get returns.
func (u *upload) take(ctx context.Context, op string, num int, size int64, get func() ([]byte, error)) (backends.Part, error) {
	part, err := func() (backends.Part, error) {
		limits := u.s.cfg.Limits
		if err := u.s.begin(ctx, op, u.name); err != nil {
			return backends.Part{}, err
		}
		if num < 1 || num > limits.MaxParts || size < 0 {
			return backends.Part{}, iofs.ErrInvalid
		}
		if size > limits.MaxPart {
			return backends.Part{}, backends.ErrTooLarge
		}
		data, err := get()
		if err != nil {
			return backends.Part{}, err
		}
		return u.keep(num, data)
	}()
	if err = u.s.settle(ctx, op, u.name, err); err != nil {
		return backends.Part{}, u.fail("upload", err)
	}
	return part, nil
}

func (u *upload) keep(num int, data []byte) (backends.Part, error) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	all, err := u.parts()
	if err != nil {
		return backends.Part{}, err
	}
	grows := int64(len(data)) - int64(len(all.data[num].data))
	if u.s.cfg.Capacity > 0 && u.s.used+grows > u.s.cfg.Capacity {
		return backends.Part{}, backends.ErrNoSpace
	}
	u.s.used += grows
	tag := "part-" + u.s.nextVersion()
	all.data[num] = piece{tag, data}
	return backends.Part{Num: num, Size: int64(len(data)), Tag: tag}, nil
}

// parts needs s.mu.
func (u *upload) parts() (*parts, error) {
	all, ok := u.s.uploads[u.id]
	if !ok || all.name != u.name {
		return nil, backends.ErrNoUpload
	}
	return all, nil
}

// Commit of an upload that was committed before succeeds again as long as what it made
// is there: the reply to the first may have been lost.
func (u *upload) Commit(ctx context.Context, list []backends.Part, c backends.Cond) (backends.Entry, error) {
	if err := u.s.begin(ctx, "COMPLETE", u.name); err != nil {
		return backends.Entry{}, u.fail("commit", err)
	}
	e, err := u.commit(list, c)
	if err = u.s.settle(ctx, "COMPLETE", u.name, err); err != nil {
		return backends.Entry{}, u.fail("commit", err)
	}
	return e, nil
}

func (u *upload) commit(list []backends.Part, c backends.Cond) (backends.Entry, error) {
	s := u.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if made, ok := s.done[u.id]; ok {
		if file, err := s.find(u.name); err == nil && file.version == made {
			return s.described(u.name, file), nil
		}
		return backends.Entry{}, backends.ErrNoUpload
	}
	all, err := u.parts()
	if err != nil {
		return backends.Entry{}, err
	}
	data, err := all.join(list, s.cfg.Limits)
	if err != nil {
		return backends.Entry{}, err
	}
	held := all.size()
	s.used -= held
	e, err := s.store(u.name, data, all.meta, c)
	if err != nil {
		s.used += held
		return backends.Entry{}, err
	}
	delete(s.uploads, u.id)
	s.done[u.id] = e.Version
	return e, nil
}

// join puts the parts of list together, which must be as they arrived.
func (p *parts) join(list []backends.Part, limits backends.UploadLimits) ([]byte, error) {
	if len(list) == 0 {
		return nil, errors.New("an upload needs a part")
	}
	list = slices.SortedFunc(slices.Values(list), func(a, b backends.Part) int { return cmp.Compare(a.Num, b.Num) })
	var data []byte
	for i, part := range list {
		got, ok := p.data[part.Num]
		switch {
		case !ok || got.tag != part.Tag || int64(len(got.data)) != part.Size:
			return nil, fmt.Errorf("part %d is not the one that arrived", part.Num)
		case i > 0 && part.Num == list[i-1].Num:
			return nil, fmt.Errorf("part %d comes twice", part.Num)
		case i < len(list)-1 && part.Size < limits.MinPart:
			return nil, fmt.Errorf("part %d has %d bytes, fewer than %d, and is not the last", part.Num, part.Size, limits.MinPart)
		}
		data = append(data, got.data...)
	}
	return data, nil
}

func (p *parts) size() (sum int64) {
	for _, piece := range p.data {
		sum += int64(len(piece.data))
	}
	return sum
}

func (u *upload) Abort(ctx context.Context) error {
	if err := u.s.begin(ctx, "ABORT", u.name); err != nil {
		return u.fail("abort", err)
	}
	u.s.mu.Lock()
	if all, err := u.parts(); err == nil {
		u.s.used -= all.size()
		delete(u.s.uploads, u.id)
	}
	u.s.mu.Unlock()
	if err := u.s.settle(ctx, "ABORT", u.name, nil); err != nil {
		return u.fail("abort", err)
	}
	return nil
}

// fail names the upload, unless err names something already.
func (u *upload) fail(op string, err error) error {
	if errors.As(err, new(*iofs.PathError)) {
		return err
	}
	return u.s.fail(op, u.name, err)
}
