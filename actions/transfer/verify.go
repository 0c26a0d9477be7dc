package transfer

import (
	"context"
	"errors"
	"io"
	"os"

	"sd/actions/stores"
	"sd/identity"
)

// Sum reads a file and returns the BLAKE3 of its bytes; another version than e's is
// backends.ErrChanged. An empty file has the zero Sum.
func (t *Transfers) Sum(ctx context.Context, st stores.Store, e stores.Entry) (identity.Sum, error) {
	if e.Size == 0 {
		return identity.Sum{}, nil
	}
	task := &Task{From: st, Source: e}
	switch st := st.(type) {
	case *stores.Local:
		f, err := openLocal(ctx, task, st, &e)
		if err != nil {
			return identity.Sum{}, task.onSource(err)
		}
		defer f.Close()
		sum, _, err := identity.File(ctx, f, e.Size, nil)
		return sum, errors.Join(err, f.check())
	case *stores.Volume:
		return t.sumOfObject(ctx, task, st)
	}
	return e.Sum, nil
}

// sumOfObject reads an object by ranges, a few at once.
func (t *Transfers) sumOfObject(ctx context.Context, task *Task, from *stores.Volume) (identity.Sum, error) {
	sums := identity.NewAssembly(task.Source.Size, t.unit)
	err := sideBySide(ctx, sums.Parts(), func(i int64) error {
		s := sums.Span(i)
		body, _, err := from.Backend().Get(ctx, task.Source.Name, task.Source.Version, s.Off, s.Len)
		if err != nil {
			return err
		}
		defer body.Close()
		buf := pieces.Get().(*[piece]byte)
		defer pieces.Put(buf)
		_, err = io.CopyBuffer(sums.Part(i), onlyReader{t.paced(ctx, body)}, buf[:])
		return err
	})
	if err != nil {
		return identity.Sum{}, task.onSource(err)
	}
	sum, ok := sums.Sum()
	if !ok {
		return sum, io.ErrUnexpectedEOF
	}
	return sum, nil
}

// verify reads the target back, and removes it again if its bytes are not the source's.
func (t *Transfers) verify(ctx context.Context, task *Task, r *Result) error {
	if task.Source.Kind != stores.File || task.Source.Size == 0 {
		return nil
	}
	want := r.Sum
	if !r.Known {
		var err error
		if want, err = t.Sum(ctx, task.From, task.Source); err != nil {
			return err
		}
	}
	have, err := t.Sum(ctx, task.To, r.Entry)
	if err != nil {
		return task.onTarget(err)
	}
	if have == want {
		r.Sum, r.Known = want, true
		return nil
	}
	err = corrupt(task.Name, want, have)
	if rerr := task.To.Remove(context.WithoutCancel(ctx), task.Name, r.Entry.Version); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return err
}
