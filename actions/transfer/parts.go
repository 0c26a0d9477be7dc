package transfer

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// sending is one large object on its way into a volume, in parts that are sent side by side.
type sending struct {
	t        *Transfers
	task     *Task
	to       *stores.Volume
	uploader backends.Uploader
	meta     backends.Meta
	kept     *keeper
	sums     *identity.Assembly // nil: the sum is known, or not wanted
	// load gives part i to be read, once or more, until release. Who has hashed it already
	// says so; else it is hashed while it is sent.
	load func(ctx context.Context, i int64, s identity.Span) (r io.ReadSeeker, hashed bool, release func(), err error)
	// rehash reads part i once more where it was sent by a process before this one; nil: roots
	// are saved instead, and the last part is sent again.
	rehash func(ctx context.Context, i int64, w io.Writer) error
	// check tells whether all that was sent is one version of the source, and the right one.
	check func() error
}

// run sends what has not arrived yet and makes the object. An upload that the store has
// forgotten meanwhile is begun anew, once.
func (s *sending) run(ctx context.Context) (backends.Entry, error) {
	if err := s.to.Settle(ctx, s.task.Name); err != nil {
		return backends.Entry{}, err
	}
	for {
		again := s.kept.state.Upload != ""
		e, err := s.once(ctx)
		if again && errors.Is(err, backends.ErrNoUpload) && ctx.Err() == nil {
			s.kept.reset()
			continue
		}
		return e, s.task.onTarget(err)
	}
}

func (s *sending) once(ctx context.Context) (e backends.Entry, err error) {
	up, err := s.begin(ctx)
	if err != nil {
		if !s.task.lasting(ctx, err) {
			s.kept.forget()
		}
		return e, err
	}
	defer func() {
		switch {
		case err == nil:
		case s.task.lasting(ctx, err):
			s.kept.leave()
		default:
			_ = up.Abort(context.WithoutCancel(ctx))
			s.kept.forget()
		}
	}()
	parts := s.kept.state.sent()
	if s.rehash == nil {
		s.remember(parts)
	}
	if err := s.kept.change(true, func(st *saved) { st.Begun, st.Upload, st.Sent = time.Time{}, up.ID(), list(parts) }); err != nil {
		return e, err
	}
	if err := s.sendAll(ctx, up, parts); err != nil {
		return e, err
	}
	if err := s.hashRest(ctx); err != nil {
		return e, err
	}
	if err := s.check(); err != nil {
		return e, err
	}
	// Who finds the upload gone, because this process ended before it could say that it is
	// committed, must know all the parts.
	if err := s.kept.change(true, func(*saved) {}); err != nil {
		return e, err
	}
	return up.Commit(ctx, list(s.kept.state.sent()), s.task.cond())
}

// begin begins the upload, or goes on with the one that was saved. That one is about to be
// begun is saved before: its answer, or this process, may be lost before the id is.
func (s *sending) begin(ctx context.Context) (backends.Upload, error) {
	st := &s.kept.state
	if st.Upload == "" {
		if !st.Begun.IsZero() {
			if err := abortLost(ctx, s.uploader, s.task.Name, st.Begun); err != nil {
				return nil, err
			}
		}
		if err := s.kept.change(true, func(st *saved) { st.Begun = time.Now() }); err != nil {
			return nil, err
		}
	}
	return s.uploader.Upload(ctx, s.task.Name, st.Upload, s.meta)
}

// skew is how far the clock of a store may be from this one.
const skew = 15 * time.Minute

// abortLost aborts uploads of name that were begun since, and to which nobody has sent anything.
// Without an id no more can be told of them; who has just begun one of the same name begins it
// once more.
func abortLost(ctx context.Context, uploader backends.Uploader, name string, since time.Time) error {
	finder, ok := uploader.(backends.UploadFinder)
	if !ok {
		return nil
	}
	list, err := finder.FindUploads(ctx, name)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, iofs.ErrPermission) {
		return nil // the store's own rules will remove them
	}
	for _, begun := range list {
		if begun.Parts > 0 || begun.At.Before(since.Add(-skew)) {
			continue
		}
		up, err := uploader.Upload(ctx, name, begun.ID, backends.Meta{})
		if err == nil {
			err = up.Abort(ctx)
		}
		if err != nil {
			return err
		}
	}
	return err
}

// remember takes over the roots of parts that were sent before, and sends again those of which
// nothing is known.
func (s *sending) remember(parts map[int]backends.Part) {
	for num := range parts {
		i := int64(num - 1)
		root := s.kept.state.Roots[i]
		if s.sums == nil {
			continue
		}
		if len(root) != 32 || i >= s.sums.Parts()-1 {
			delete(parts, num)
			continue
		}
		s.sums.Know(i, [32]byte(root))
	}
}

// sendAll sends the parts that are missing, the last one first: it may be waiting in memory
// that others need.
func (s *sending) sendAll(ctx context.Context, up backends.Upload, parts map[int]backends.Part) error {
	size, part := s.kept.state.Size, s.kept.state.Part
	count := (size + part - 1) / part
	return sideBySide(ctx, count, func(n int64) error {
		i := (n + count - 1) % count
		span := identity.Span{Off: i * part, Len: min(part, size-i*part)}
		if _, ok := parts[int(i+1)]; ok {
			s.task.progress(span.Len)
			return nil
		}
		return s.send(ctx, up, i, span)
	})
}

func (s *sending) send(ctx context.Context, up backends.Upload, i int64, span identity.Span) error {
	r, hashed, release, err := s.load(ctx, i, span)
	if err != nil {
		return err
	}
	defer release()
	var seen io.Writer
	if s.sums != nil && !hashed {
		seen = s.sums.Part(i)
	}
	b := s.t.body(ctx, r, seen)
	part, err := up.Part(ctx, int(i+1), b, span.Len)
	if err == nil {
		err = b.settle()
	}
	if err != nil {
		return err
	}
	s.task.progress(span.Len)
	return s.kept.change(false, func(st *saved) {
		st.Sent = append(st.Sent, part)
		if s.sums == nil || s.rehash != nil {
			return
		}
		if root, ok := s.sums.Root(i); ok {
			if st.Roots == nil {
				st.Roots = make(map[int64][]byte)
			}
			st.Roots[i] = root[:]
		}
	})
}

// hashRest hashes the parts that another process has sent.
func (s *sending) hashRest(ctx context.Context) error {
	if s.sums == nil || s.rehash == nil {
		return nil
	}
	for i := range s.sums.Parts() {
		if s.sums.Has(i) {
			continue
		}
		if err := s.rehash(ctx, i, s.sums.Part(i)); err != nil {
			return err
		}
	}
	return nil
}

// uploadParts sends a large file in parts, straight from the file.
func (t *Transfers) uploadParts(ctx context.Context, task *Task, f *localFile, to *stores.Volume, uploader backends.Uploader, xattrs map[string][]byte) (Result, error) {
	limits := uploader.Limits()
	part := t.partOf(f.is.Size, limits.MinPart, int64(limits.MaxParts))
	s := &sending{
		t: t, task: task, to: to, uploader: uploader,
		meta: task.meta(&f.is, xattrs, proven(&task.Source)),
		kept: recall(task, part),
		load: func(_ context.Context, _ int64, s identity.Span) (io.ReadSeeker, bool, func(), error) {
			return io.NewSectionReader(f, s.Off, s.Len), false, func() {}, nil
		},
		rehash: func(_ context.Context, i int64, w io.Writer) error {
			_, err := io.CopyBuffer(w, io.NewSectionReader(f, i*part, min(part, f.is.Size-i*part)), make([]byte, 256<<10))
			return err
		},
		check: f.check,
	}
	if !task.Source.Proven {
		s.sums = identity.NewAssembly(f.is.Size, part)
	}
	e, err := s.run(ctx)
	if err != nil {
		if changed := f.check(); changed != nil { // rather than that it ended early
			err = changed
		}
		return Result{}, err
	}
	r := arrived(task, to, &e, s.meta, steps.Upload, f.is.Size)
	r.Sum, r.Known = task.Source.Sum, task.Source.Proven
	if s.sums != nil {
		r.Sum, r.Known = s.sums.Sum()
	}
	return r, nil
}
