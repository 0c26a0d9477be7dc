package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// upload copies a local file or link to a volume.
func (t *Transfers) upload(ctx context.Context, task *Task, from *stores.Local, to *stores.Volume) (Result, error) {
	if task.Source.Kind == stores.Symlink {
		return t.uploadLink(ctx, task, from, to)
	}
	f, err := openLocal(ctx, task, from, &task.Source)
	if err != nil {
		return Result{}, task.onSource(err)
	}
	defer f.Close()
	xattrs, acl := f.xattrs()
	var r Result
	uploader, inParts := to.Backend().(backends.Uploader)
	switch {
	case f.is.Size <= t.unit:
		r, err = t.uploadWhole(ctx, task, f, to, xattrs)
	case inParts:
		r, err = t.uploadParts(ctx, task, f, to, uploader, xattrs)
	default:
		r, err = t.uploadStream(ctx, task, f, to, xattrs)
	}
	if acl && err == nil {
		r.Lost = append(r.Lost, LostACL)
	}
	return r, err
}

// uploadLink makes an object of a link's target, as a mount does.
func (t *Transfers) uploadLink(ctx context.Context, task *Task, from *stores.Local, to *stores.Volume) (Result, error) {
	is, err := from.Stat(ctx, task.Source.Name)
	if err == nil {
		err = unchanged(&task.Source, &is)
	}
	if err != nil {
		return Result{}, task.onSource(err)
	}
	return t.put(ctx, task, to, []byte(is.Link), task.meta(&is, nil, nil), steps.Upload)
}

// uploadWhole sends a small file in one request.
func (t *Transfers) uploadWhole(ctx context.Context, task *Task, f *localFile, to *stores.Volume, xattrs map[string][]byte) (Result, error) {
	buf, err := t.buffers.get(ctx, f.is.Size)
	if err != nil {
		return Result{}, err
	}
	defer buf.put()
	if err := f.fill(buf.b, 0); err != nil {
		return Result{}, task.onSource(err)
	}
	if err := f.check(); err != nil {
		return Result{}, err
	}
	sum := sumOf(buf.b)
	if task.Source.Proven && sum != task.Source.Sum {
		return Result{}, corrupt(task.Source.Name, task.Source.Sum, sum)
	}
	r, err := t.put(ctx, task, to, buf.b, task.meta(&f.is, xattrs, carried(&sum, f.is.Size)), steps.Upload)
	r.Sum, r.Known = sum, f.is.Size > 0
	return r, err
}

// carried is the sum that an object carries; empty ones carry none.
func carried(sum *identity.Sum, size int64) *identity.Sum {
	if size == 0 {
		return nil
	}
	return sum
}

// put writes an object of bytes in memory.
func (t *Transfers) put(ctx context.Context, task *Task, to *stores.Volume, data []byte, m backends.Meta, how steps.Method) (Result, error) {
	putter, ok := to.Backend().(backends.Putter)
	if !ok {
		return Result{}, readOnly(to, task.Name)
	}
	if err := to.Settle(ctx, task.Name); err != nil {
		return Result{}, err
	}
	b := t.body(ctx, bytes.NewReader(data), nil)
	e, err := putter.Put(ctx, task.Name, b, int64(len(data)), m, task.cond())
	if err == nil {
		err = b.settle()
	}
	if err != nil {
		return Result{}, task.onTarget(err)
	}
	task.progress(int64(len(data)))
	return arrived(task, to, &e, m, how, int64(len(data))), nil
}

// uploadStream sends a large file in one request, to a store that takes no parts. Its sum is
// that of what was sent.
func (t *Transfers) uploadStream(ctx context.Context, task *Task, f *localFile, to *stores.Volume, xattrs map[string][]byte) (Result, error) {
	putter, ok := to.Backend().(backends.Putter)
	if !ok {
		return Result{}, readOnly(to, task.Name)
	}
	if err := to.Settle(ctx, task.Name); err != nil {
		return Result{}, err
	}
	h := identity.New()
	b := t.body(ctx, io.NewSectionReader(f, 0, f.is.Size), h)
	b.size, b.check = f.is.Size, func() error {
		if err := f.check(); err != nil {
			return err
		}
		if sum := h.Sum(); task.Source.Proven && sum != task.Source.Sum {
			return corrupt(task.Source.Name, task.Source.Sum, sum)
		}
		return nil
	}
	m := task.meta(&f.is, xattrs, proven(&task.Source))
	e, err := putter.Put(ctx, task.Name, b, f.is.Size, m, task.cond())
	switch {
	case err == nil:
		err = b.settle()
	case b.refused != nil:
		err = b.refused
	default:
		if changed := f.check(); changed != nil { // rather than that it ended early
			err = changed
		}
	}
	if err != nil {
		return Result{}, task.onTarget(err)
	}
	task.progress(f.is.Size)
	r := arrived(task, to, &e, m, steps.Upload, f.is.Size)
	r.Sum, r.Known = h.Sum(), h.Len() == f.is.Size
	return r, nil
}

// proven is e's sum if it is.
func proven(e *stores.Entry) *identity.Sum {
	if !e.Proven {
		return nil
	}
	return &e.Sum
}

// arrived is the Result of an object that was made. What the service has not kept with it, the
// library keeps for this version.
func arrived(task *Task, to *stores.Volume, e *backends.Entry, m backends.Meta, how steps.Method, through int64) Result {
	is := *e
	is.Name = task.Name
	r := Result{Method: how, Through: through}
	if is.Meta == nil { // the reply does not tell
		is.Meta = &m
	} else {
		is.Meta = completed(is.Meta, &m)
	}
	r.Entry = to.Entry(&is)
	return r
}

func readOnly(to *stores.Volume, name string) error {
	return fmt.Errorf("write %s: %w: the service of this volume can only be read", to.URI(name), errors.ErrUnsupported)
}
