package staging

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"sd/backends"
)

// multipart makes the object of parts: those that were sent while the file was written
// and have not changed since, those that the store copies from the Base, and the rest,
// which are sent now. An upload that the store has forgotten is begun anew, once.
func (c *commit) multipart(u backends.Uploader) (backends.Entry, error) {
	begun := c.stream != nil
	for {
		e, err := c.sendAll(u)
		gone := errors.Is(err, backends.ErrNoUpload) || errors.Is(err, iofs.ErrNotExist)
		if err == nil || !begun || !gone || c.ctx.Err() != nil {
			return e, err
		}
		begun = false
		c.file.mu.Lock()
		c.file.dropStream()
		c.stream = nil
		c.file.mu.Unlock()
	}
}

func (c *commit) sendAll(u backends.Uploader) (backends.Entry, error) {
	f := c.file
	limits, g := u.Limits(), f.store.grid()
	if limits.MinPart > g.unit {
		g.unit = limits.MinPart
	}
	st := c.newStream(u)
	var pieces []piece
	if st.free {
		pieces = freePieces(&c.view, g, limits)
	} else {
		pieces = gridPieces(&c.view, g)
	}
	if limits.MaxParts > 0 && len(pieces) > limits.MaxParts {
		return backends.Entry{}, fmt.Errorf("%d bytes in %d parts: %w", c.view.size, len(pieces), backends.ErrTooLarge)
	}
	upload, err := st.start(c.ctx, &c.meta)
	if err != nil {
		return backends.Entry{}, err
	}
	parts, err := c.sendPieces(st, upload, pieces)
	if err != nil {
		return backends.Entry{}, err
	}
	if !c.beside {
		f.mu.Lock()
		f.try(attempt{Size: c.view.size, ModTime: st.meta.ModTime})
		f.mu.Unlock()
		f.journal.Lock()
		err = f.rejournal()
		f.journal.Unlock()
		if err != nil {
			f.store.cfg.Log.Warn("the journal was not brought up to date", "error", err)
		}
	}
	e, err := upload.Commit(c.ctx, parts, c.cond)
	if err != nil {
		return backends.Entry{}, err
	}
	return c.remeta(st, e)
}

// remeta gives the object what it should carry, where that has changed since its
// upload began.
func (c *commit) remeta(st *stream, e backends.Entry) (backends.Entry, error) {
	if !c.timeSet {
		c.meta.ModTime = st.meta.ModTime // see pinTime
	}
	wanted := c.meta
	c.meta.BLAKE3 = c.digest
	if sameMeta(st.meta, wanted) {
		return c.named(e), nil
	}
	e = c.named(e)
	copier, ok := c.backend.(backends.Copier)
	if !ok {
		return e, nil
	}
	again, err := copier.Copy(c.ctx, c.name, c.name, backends.CopyOptions{
		Source: e.Version, Size: e.Size, Meta: &c.meta, Cond: backends.Cond{Version: e.Version},
	})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return e, nil
	case err != nil:
		m := st.meta
		e.Meta, c.partial = &m, true
		return e, err
	}
	return c.named(again), nil
}

// sameMeta compares what two objects carry, but for what follows from their bytes.
func sameMeta(a, b backends.Meta) bool {
	if !a.ModTime.Equal(b.ModTime) {
		return false
	}
	for _, m := range []*backends.Meta{&a, &b} {
		m.ModTime, m.BLAKE3 = time.Time{}, ""
		if len(m.Xattrs) == 0 {
			m.Xattrs = nil
		}
	}
	return reflect.DeepEqual(a, b)
}

// newStream makes the stream of an upload that begins with the commit.
func (c *commit) newStream(u backends.Uploader) *stream {
	f := c.file
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.stream == nil {
		c.stream = newStream(f, c.name, u)
		c.stream.stopped, c.stream.free = true, true
		if !c.beside {
			f.stream = c.stream
		}
	}
	return c.stream
}

// sendPieces sends or copies what has not arrived, several at a time, and hashes the
// rest of the file meanwhile.
func (c *commit) sendPieces(st *stream, upload backends.Upload, pieces []piece) ([]backends.Part, error) {
	parts := make([]backends.Part, len(pieces))
	group, ctx := errgroup.WithContext(c.ctx)
	group.SetLimit(commitParts)
	group.Go(func() error {
		c.digest = ""
		if st.quiet(ctx) == nil {
			c.digest = st.sum(ctx, &c.view, c.gens)
		}
		return nil
	})
	for i, p := range pieces {
		part, flying := c.arrived(st, p)
		if part.Num != 0 && !flying {
			parts[i] = part
			continue
		}
		group.Go(func() (err error) {
			if flying {
				if err := st.quiet(ctx); err != nil {
					return err
				}
				if parts[i], _ = c.arrived(st, p); parts[i].Num != 0 {
					return nil
				}
			}
			parts[i], err = c.sendPiece(ctx, upload, p)
			if err == nil {
				c.keep(st, p, parts[i])
			}
			return err
		})
	}
	err := group.Wait()
	return slices.Clip(parts), err
}

func (c *commit) sendPiece(ctx context.Context, upload backends.Upload, p piece) (backends.Part, error) {
	if p.copy && (!c.beside || c.view.borrows()) { // what lay under a conflict copy is no more there to be copied
		from := c.view.base.Entry
		part, err := upload.CopyPart(ctx, p.num, from.Name, from.Version, p.off, p.end-p.off)
		if !errors.Is(err, errors.ErrUnsupported) {
			return part, c.baseChanged(ctx, err)
		}
	}
	return upload.Part(ctx, p.num, c.view.section(ctx, p.off, p.end-p.off), p.end-p.off)
}

// baseChanged says ErrChanged instead of err where the object that was to be copied from
// is no more what it was: stores refuse that in various ways.
func (c *commit) baseChanged(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, backends.ErrOffline) || ctx.Err() != nil {
		return err
	}
	from := c.view.base.Entry
	e, statErr := c.backend.Stat(ctx, from.Name)
	if errors.Is(statErr, iofs.ErrNotExist) || statErr == nil && e.Version != from.Version {
		return &iofs.PathError{Op: "copy", Path: from.Name, Err: backends.ErrChanged}
	}
	return err
}

// arrived returns the part that holds a piece as it was frozen, if the store has one.
// While the stream is sending the piece nobody else must.
func (c *commit) arrived(st *stream, p piece) (part backends.Part, flying bool) {
	c.file.mu.Lock()
	defer c.file.mu.Unlock()
	i := p.num - 1
	if i >= len(st.parts) {
		return backends.Part{}, false
	}
	s := st.parts[i]
	if s.span == p.span && s.gen == c.file.store.grid().generation(c.gens, p.span) {
		part = s.Part
	}
	return part, s.flying
}

// keep remembers a piece that arrived, for the case that the commit fails.
func (c *commit) keep(st *stream, p piece, part backends.Part) {
	c.file.mu.Lock()
	defer c.file.mu.Unlock()
	i := p.num - 1
	for len(st.parts) <= i {
		st.parts = append(st.parts, sent{})
	}
	st.parts[i] = sent{Part: part, span: p.span, gen: c.file.store.grid().generation(c.gens, p.span)}
}
