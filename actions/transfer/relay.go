package transfer

import (
	"context"
	"errors"
	"io"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// relayStream moves a large object to a store that takes no parts: by one PUT, whose bytes are
// asked of the source as they are sent. None are kept here, so what was cut off begins anew.
func (t *Transfers) relayStream(ctx context.Context, task *Task, from, to *stores.Volume) (Result, error) {
	putter, ok := to.Backend().(backends.Putter)
	if !ok {
		return Result{}, readOnly(to, task.Name)
	}
	if err := to.Settle(ctx, task.Name); err != nil {
		return Result{}, err
	}
	src := &objectReader{ctx: ctx, t: t, task: task, from: from}
	defer src.close()
	if err := src.open(); err != nil {
		return Result{}, err
	}
	is := task.described(&src.entry)
	h := identity.New()
	b := t.body(ctx, src, h)
	b.size, b.check = is.Size, func() error {
		if sum := h.Sum(); is.Proven && sum != is.Sum {
			return corrupt(task.Source.Name, is.Sum, sum)
		}
		return nil
	}
	m := task.meta(&is, nil, proven(&is))
	e, err := putter.Put(ctx, task.Name, b, is.Size, m, task.cond())
	switch {
	case err == nil:
		err = b.settle()
	case b.refused != nil:
		err = b.refused
	case src.failed != nil:
		err = src.failed
	}
	if err != nil {
		return Result{}, task.onTarget(err)
	}
	task.progress(is.Size)
	r := arrived(task, to, &e, m, steps.Stream, is.Size)
	r.Sum, r.Known = h.Sum(), h.Len() == is.Size
	return r, nil
}

// objectReader reads an object of a volume from one end to the other, and again from where it is
// put. All comes from one version. It is not safe for concurrent use.
type objectReader struct {
	ctx    context.Context
	t      *Transfers
	task   *Task
	from   *stores.Volume
	entry  backends.Entry // as the first reply has told it
	body   io.ReadCloser  // from pos on; nil: it has to be asked for
	pos    int64
	failed error // what the source has said, in the words of the Task
}

// cuts is how often in a row a reply may end early, without a byte, before that counts.
const cuts = 3

// open asks for what comes at pos.
func (o *objectReader) open() error {
	body, e, err := o.from.Backend().Get(o.ctx, o.task.Source.Name, o.task.Source.Version, o.pos, -1)
	if err == nil && e.Size != o.task.Source.Size {
		body.Close()
		err = &ChangedError{Side: Source, Name: o.task.Source.Name, Was: o.task.Source.Version, Is: e.Version}
	}
	if err != nil {
		o.failed = o.task.onSource(err)
		return o.failed
	}
	if o.entry.Name == "" {
		o.entry = e
	}
	o.body = body
	return nil
}

func (o *objectReader) close() {
	if o.body != nil {
		o.body.Close()
		o.body = nil
	}
}

// Read goes on where a reply was cut off.
func (o *objectReader) Read(p []byte) (int, error) {
	for range cuts {
		if o.pos >= o.task.Source.Size {
			return 0, io.EOF
		}
		if o.body == nil {
			if err := o.open(); err != nil {
				return 0, err
			}
		}
		n, err := o.body.Read(p)
		o.pos += int64(n)
		if err != nil {
			o.close()
		}
		switch {
		case n > 0:
			return n, nil
		case err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF):
			o.failed = o.task.onSource(err)
			return 0, o.failed
		}
	}
	o.failed = o.task.onSource(io.ErrUnexpectedEOF)
	return 0, o.failed
}

// Seek makes the next Read begin elsewhere; it asks nobody.
func (o *objectReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.pos
	case io.SeekEnd:
		offset += o.task.Source.Size
	}
	if offset < 0 {
		return 0, errors.New("a place before the beginning")
	}
	if offset != o.pos {
		o.close()
		o.pos = offset
	}
	return o.pos, nil
}
