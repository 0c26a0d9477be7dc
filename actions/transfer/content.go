package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sd/actions/stores"
	"sd/backends"
	"sd/resolver"
)

// fromContent copies from whichever copy of a content answers, the best first. Where one fails
// in the middle the next goes on from there: whatever the parts came from, together they must
// be the content.
func (t *Transfers) fromContent(ctx context.Context, task *Task, from *stores.Content) (Result, error) {
	content, sources, err := from.Sources(ctx, task.Source.Name)
	if err != nil {
		return Result{}, err
	}
	var failed []error
	saved := task.Saved
	for i := range sources {
		s := &sources[i]
		if !s.Usable && !s.Asleep() {
			failed = append(failed, fmt.Errorf("%s: %s", name(s), s.Why))
			continue
		}
		sub := *task
		sub.Source.Sum, sub.Source.Proven = content.BLAKE3, true
		if err := t.copyOf(ctx, &sub, s); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name(s), err))
			continue
		}
		sub.Near = nil
		sub.content = content.BLAKE3.String()
		sub.fleeting, sub.more = task.Save == nil, i < len(sources)-1
		sub.Saved = saved
		sub.Save = func(text json.RawMessage) error {
			saved = text
			if task.Save == nil {
				return nil
			}
			return task.Save(text)
		}
		r, err := t.copy(ctx, &sub)
		if err == nil {
			r.Sum, r.Known = content.BLAKE3, true
			return r, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", name(s), err))
		if ctx.Err() != nil || ofTarget(err) {
			return Result{}, err
		}
	}
	return Result{}, fmt.Errorf("no copy of %s could be read: %w", task.Source.Name, errors.Join(failed...))
}

// copyOf has the Task copy from one of the copies, as the catalog knows it, or as it lies here.
func (t *Transfers) copyOf(ctx context.Context, task *Task, s *resolver.Source) error {
	if s.Path == nil {
		return errors.New("nobody knows where it is")
	}
	store, name, err := t.set.Of(ctx, s.Path)
	if err != nil {
		return err
	}
	is := stores.Entry{
		Name: name, Size: s.File.Size, Version: s.File.Version, Sum: task.Source.Sum, Proven: true,
	}
	if s.Here {
		if is, err = store.Stat(ctx, name); err != nil {
			return err
		}
		if err := s.Look(ctx); err != nil { // what was described is what was proven
			return err
		}
		is.Sum, is.Proven = task.Source.Sum, true
	}
	task.From, task.Source = store, is
	return nil
}

func name(s *resolver.Source) string {
	if s.Path == nil {
		return s.Name
	}
	return s.Path.String()
}

// ofTarget tells whether another source would meet the same.
func ofTarget(err error) bool {
	var changed *ChangedError
	return errors.As(err, &changed) && changed.Side == Target ||
		errors.Is(err, backends.ErrNoSpace) || errors.Is(err, backends.ErrQuota) || errors.Is(err, backends.ErrTooLarge)
}
