package rename

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/backends"
)

// Options shape the rename of a file.
type Options struct {
	Meta *backends.Meta // what the file carries from now on; nil: what it carried
	Cond backends.Cond  // of the new name
}

// File renames a file: from is what it is now (whole name, version and size), to the
// whole new name. It returns what is there then. Where Holds(err) is false the old
// name holds; else the Entry is good. When ctx ends, it returns soon; a copy of which
// it is not known whether it was made is taken back later.
func (j *Journal) File(ctx context.Context, volume string, b backends.Backend, from backends.Entry, to string, o Options) (backends.Entry, error) {
	if err := j.enter(); err != nil {
		return backends.Entry{}, fail(from.Name, err)
	}
	defer j.work.Done()
	if err := ctx.Err(); err != nil {
		return backends.Entry{}, fail(from.Name, err)
	}
	if r, ok := b.(backends.Renamer); ok {
		return renamed(ctx, b, r, from, to, o)
	}
	v, err := needs(b)
	if err == nil && from.Version == "" {
		err = errors.ErrUnsupported // what could not be told from another is not removed
	}
	if err != nil {
		return backends.Entry{}, fail(from.Name, err)
	}
	copyOptions := backends.CopyOptions{Source: from.Version, Size: from.Size, Meta: o.Meta, Cond: o.Cond}
	if from.Name == to {
		if o.Meta == nil {
			return from, nil
		}
		return v.Copy(ctx, to, from.Name, copyOptions)
	}
	t, err := j.begin(header{
		Volume: volume, From: []byte(from.Name), To: []byte(to),
		Version: from.Version, Size: from.Size, Absent: o.Cond.Absent, CondVersion: o.Cond.Version,
	})
	if err != nil {
		return backends.Entry{}, fail(from.Name, err)
	}
	return j.file(ctx, v, t, copyOptions)
}

func (j *Journal) file(ctx context.Context, v verbs, t *task, o backends.CopyOptions) (backends.Entry, error) {
	ctx, cancel := j.bound(ctx)
	defer cancel()
	from, to := string(t.header.From), string(t.header.To)
	e, err := v.Copy(ctx, to, from, o)
	switch {
	case err != nil && sure(err):
		j.done(t)
		return backends.Entry{}, err
	case err != nil && j.ctx.Err() != nil:
		return backends.Entry{}, fail(from, errors.Join(iofs.ErrClosed, t.phase(undoing)))
	case err != nil:
		_ = t.phase(undoing)
		j.unsettled(t, t.header.Size)
		j.later(t, err)
		return backends.Entry{}, err
	}
	// Without this record the copy would have to be recognized by its bytes.
	_ = t.add(record{kind: copied, version: e.Version})
	t.set(func() { t.state = deleting })
	err = v.Remove(ctx, from, backends.Cond{Version: o.Source})
	switch {
	case err == nil || errors.Is(err, iofs.ErrNotExist):
		j.done(t)
		return e, nil
	case errors.Is(err, backends.ErrChanged):
		j.done(t)
		return e, fail(from, &KeptError{Names: []string{from}, Count: 1})
	}
	if j.ctx.Err() == nil {
		j.later(t, err)
	}
	return e, fail(from, &UnfinishedError{err})
}

// renamed is File where the store can rename. No condition is about the old name, so it is
// looked at first: what somebody else has put there is not moved.
func renamed(ctx context.Context, b backends.Backend, r backends.Renamer, from backends.Entry, to string, o Options) (backends.Entry, error) {
	if from.Version != "" {
		switch now, err := b.Stat(ctx, from.Name); {
		case err != nil:
			return backends.Entry{}, err
		case now.Version != from.Version:
			return backends.Entry{}, fail(from.Name, backends.ErrChanged)
		}
	}
	if err := r.Rename(ctx, from.Name, to, o.Cond); err != nil {
		return backends.Entry{}, err
	}
	// From here on the new name holds, whatever gets no answer.
	if o.Meta != nil {
		if e, err := setMeta(ctx, b, to, *o.Meta); err == nil {
			return e, nil
		}
	}
	if e, err := b.Stat(ctx, to); err == nil {
		return e, nil
	}
	from.Name = to // a move mostly leaves the version as it is; if not, the next read is told
	return from, nil
}

// setMeta has a file carry m, where the store can do that without its bytes.
func setMeta(ctx context.Context, b backends.Backend, name string, m backends.Meta) (backends.Entry, error) {
	switch b := b.(type) {
	case backends.MetaSetter:
		return b.SetMeta(ctx, name, "", m)
	case backends.Copier:
		return b.Copy(ctx, name, name, backends.CopyOptions{Meta: &m})
	}
	return backends.Entry{}, fail(name, errors.ErrUnsupported)
}

// resumeFile goes on with the rename of a file. Where it is not known whether the copy
// was made, its bytes tell.
func (j *Journal) resumeFile(ctx context.Context, v verbs, t *task) error {
	from, to := string(t.header.From), string(t.header.To)
	at, err := v.Stat(ctx, to)
	there := err == nil && at.Kind != backends.Dir
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	ours := there && t.state == deleting
	if there && !ours && (t.header.CondVersion == "" || at.Version != t.header.CondVersion) {
		if ours, err = same(ctx, v, source{from, t.header.Version, t.header.Size}, at); err != nil {
			return err
		}
	}
	switch {
	case !ours: // the old name holds, or has been given up since
		return nil
	case t.state != undoing:
		err = v.Remove(ctx, from, backends.Cond{Version: t.header.Version})
	case t.header.Absent:
		err = v.Remove(ctx, to, backends.Cond{Version: at.Version})
	default: // what it replaced is gone; both names hold what was to be there
		return nil
	}
	if errors.Is(err, iofs.ErrNotExist) || errors.Is(err, backends.ErrChanged) {
		return nil
	}
	return err
}
