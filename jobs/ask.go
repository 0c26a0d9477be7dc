package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sd/library"
)

// Pause asks the owner of a job to pause, and returns when it does: within a second, if the
// work looks as often as it should. A job that nobody runs is Paused then and there, so that
// no mount begins it. A job that has ended is an *EndedError.
func Pause(ctx context.Context, lib *library.Library, id int64) error {
	return ask(ctx, lib, id, wishPause, func(j Job) bool { return j.State == library.Paused })
}

// Cancel asks the owner of a job to give it up, and returns when it has. A job that nobody
// runs is Canceled then and there. A job that has ended is an *EndedError, but for one that
// is Canceled.
func Cancel(ctx context.Context, lib *library.Library, id int64) error {
	return ask(ctx, lib, id, wishCancel, func(j Job) bool { return j.State == library.Canceled })
}

// Resume asks the owner of a paused job to go on, and returns true when it does, or has even
// ended. If no process owns the job it returns false: the caller may Run or Queue it. A job that has ended
// in another way than Failed is an *EndedError.
func Resume(ctx context.Context, lib *library.Library, id int64) (bool, error) {
	for asked := false; ; asked = true {
		j, err := Get(ctx, lib, id)
		switch {
		case err != nil:
			return false, err
		case asked && j.State.Ended():
			return true, nil
		case j.State.Ended() && j.State != library.Failed:
			return false, &EndedError{ID: id, State: j.State}
		case !j.Live:
			return false, here(lib, j)
		case j.State == library.Running:
			return true, nil
		}
		if err := filesOf(lib, id).setWish(wishRun); err != nil {
			return false, err
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
}

// Queue leaves a job that nobody runs to the next mount that looks for work.
func Queue(ctx context.Context, lib *library.Library, id int64) error {
	lock, err := filesOf(lib, id).take()
	if err != nil {
		return err
	}
	defer lock.Close()
	j, err := lib.Job(ctx, id)
	if err != nil {
		return err
	}
	if j.State.Ended() && j.State != library.Failed {
		return &EndedError{ID: id, State: j.State}
	}
	j.State, j.Detached, j.Error, j.Ended = library.Queued, true, "", time.Time{}
	return lib.UpdateJob(ctx, j)
}

// ask brings the job to a state: through its owner, or in its record where it has none.
func ask(ctx context.Context, lib *library.Library, id int64, w wish, reached func(Job) bool) error {
	f := filesOf(lib, id)
	for {
		j, err := Get(ctx, lib, id)
		switch {
		case err != nil:
			return err
		case reached(j) && !(w == wishCancel && j.Live):
			return nil
		case j.State.Ended():
			return &EndedError{ID: id, State: j.State}
		}
		if err := here(lib, j); err != nil {
			return err
		}
		if j.Live {
			if f.wish() != w {
				if err := f.setWish(w); err != nil {
					return err
				}
			}
		} else if err := change(ctx, lib, f, w); !errors.As(err, new(*BusyError)) {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// change writes into the record of a job that nobody runs what w asks for. A *BusyError says
// that somebody does.
func change(ctx context.Context, lib *library.Library, f files, w wish) error {
	lock, err := f.take()
	if err != nil {
		return err
	}
	defer lock.Close()
	j, err := lib.Job(ctx, f.id)
	if err != nil {
		return err
	}
	if j.State.Ended() {
		f.remove()
		return &EndedError{ID: j.ID, State: j.State}
	}
	if r, ok := f.report(); ok {
		j.Progress = r.Progress
	}
	if j.State = library.Paused; w == wishCancel {
		j.State, j.Ended = library.Canceled, time.UnixMilli(time.Now().UnixMilli()).UTC()
	}
	if err := lib.UpdateJob(ctx, j); err != nil {
		return err
	}
	if w == wishCancel {
		f.remove()
	}
	return nil
}

// here refuses a job of another device.
func here(lib *library.Library, j Job) error {
	if j.Device != lib.ThisDevice().ID {
		return fmt.Errorf("job %d belongs to another device of the library: ask there", j.ID)
	}
	return nil
}

// pause waits until it is worth looking again.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}
