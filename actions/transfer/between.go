package transfer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	iofs "io/fs"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// between copies an object to another volume, or inside its own: by the service itself where
// that can reach both, else through this process.
func (t *Transfers) between(ctx context.Context, task *Task, from, to *stores.Volume) (Result, error) {
	if err := from.Settle(ctx, task.Source.Name); err != nil {
		return Result{}, err
	}
	if r, ok, err := t.byServer(ctx, task, from, to); ok {
		return r, err
	}
	if task.Source.Size <= t.unit {
		return t.relayWhole(ctx, task, from, to)
	}
	uploader, ok := to.Backend().(backends.Uploader)
	if !ok {
		return t.relayStream(ctx, task, from, to)
	}
	return t.relayParts(ctx, task, from, to, uploader)
}

// byServer has the service copy. ok is false where it cannot.
func (t *Transfers) byServer(ctx context.Context, task *Task, from, to *stores.Volume) (r Result, ok bool, err error) {
	o := backends.CopyOptions{Source: task.Source.Version, Size: task.Source.Size, Cond: task.cond()}
	if task.Omit != 0 {
		m := task.meta(&task.Source, nil, proven(&task.Source))
		o.Meta = &m
	}
	if err := to.Settle(ctx, task.Name); err != nil {
		return r, true, err
	}
	var e backends.Entry
	copier, inside := to.Backend().(backends.Copier)
	peer, across := to.Backend().(backends.PeerCopier)
	switch {
	case from.Key() == to.Key() && inside:
		e, err = copier.Copy(ctx, task.Name, task.Source.Name, o)
	case from.Key() != to.Key() && across:
		e, err = peer.CopyFrom(ctx, task.Name, from.Backend(), task.Source.Name, o)
		if errors.Is(err, iofs.ErrPermission) {
			return r, false, nil // perhaps one account may read and the other write
		}
	default:
		return r, false, nil
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return r, false, nil
	case err != nil:
		return r, true, task.onEither(err)
	}
	task.progress(task.Source.Size)
	e.Name = task.Name
	if e.Meta == nil { // it carries what the source carries
		e.Meta = cmp.Or(o.Meta, task.Source.Meta)
	}
	r = Result{Entry: to.Entry(&e), Method: steps.ServerCopy, Sum: task.Source.Sum, Known: task.Source.Proven}
	return r, true, nil
}

// onEither puts an error of a copy inside a service into words: stores name the one of the two
// that it is about.
func (task *Task) onEither(err error) error {
	var about *iofs.PathError
	if errors.As(err, &about) && about.Path == task.Source.Name && task.Source.Name != task.Name {
		return task.onSource(err)
	}
	return task.onTarget(err)
}

// relayWhole moves a small object by one GET and one PUT.
func (t *Transfers) relayWhole(ctx context.Context, task *Task, from, to *stores.Volume) (Result, error) {
	buf, is, sum, err := t.whole(ctx, task, from)
	if err != nil {
		return Result{}, err
	}
	defer buf.put()
	carry := carried(&sum, is.Size)
	if is.Kind == stores.Symlink {
		carry = nil
		if is.Link == "" {
			is.Link = string(buf.b)
		}
	}
	r, err := t.put(ctx, task, to, buf.b, task.meta(&is, nil, carry), steps.Stream)
	r.Sum, r.Known = sum, is.Size > 0
	return r, err
}

// relayParts moves a large object in parts, each of which is in memory once, for as long as it
// takes to send it.
func (t *Transfers) relayParts(ctx context.Context, task *Task, from, to *stores.Volume, uploader backends.Uploader) (Result, error) {
	limits := uploader.Limits()
	part := t.partOf(task.Source.Size, limits.MinPart, int64(limits.MaxParts))
	sums := identity.NewAssembly(task.Source.Size, part)
	fetch := func(ctx context.Context, i int64) (*buffer, backends.Entry, error) {
		span := sums.Span(i)
		buf, err := t.buffers.get(ctx, span.Len)
		if err != nil {
			return nil, backends.Entry{}, err
		}
		e, err := t.fetch(ctx, task, from, buf.b, span.Off)
		if err != nil {
			buf.put()
			return nil, e, err
		}
		sums.Part(i).Write(buf.b)
		return buf, e, nil
	}
	s := &sending{t: t, task: task, to: to, uploader: uploader, kept: recall(task, part), sums: sums}
	is := task.Source
	var first *buffer
	if s.kept.state.Upload == "" || is.Meta == nil {
		// An upload must be told at its beginning what the object is to carry.
		last := sums.Parts() - 1 // which is sent by this process in any case
		buf, e, err := fetch(ctx, last)
		if err != nil {
			return Result{}, err
		}
		first, is = buf, task.described(&e)
		defer func() {
			if first != nil {
				first.put()
			}
		}()
	}
	s.meta = task.meta(&is, nil, proven(&is))
	s.load = func(ctx context.Context, i int64, _ identity.Span) (io.ReadSeeker, bool, func(), error) {
		buf := (*buffer)(nil)
		if i == sums.Parts()-1 && first != nil {
			buf, first = first, nil
		} else {
			var err error
			if buf, _, err = fetch(ctx, i); err != nil {
				return nil, false, nil, err
			}
		}
		return bytes.NewReader(buf.b), true, buf.put, nil
	}
	s.check = func() error {
		if sum, ok := sums.Sum(); !ok || is.Proven && sum != is.Sum {
			return corrupt(task.Source.Name, is.Sum, sum)
		}
		return nil
	}
	e, err := s.run(ctx)
	if err != nil {
		return Result{}, err
	}
	r := arrived(task, to, &e, s.meta, steps.Stream, is.Size)
	r.Sum, r.Known = sums.Sum()
	return r, nil
}
