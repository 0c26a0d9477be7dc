package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"sd/library"
)

// Run runs the job with fn, here, and returns when fn has. Until then the job is Running and
// no other process can run it: that is a *BusyError. A job that has ended is an *EndedError.
// fn returns soon after its context ends, which a request to cancel does as well.
//
// What comes of the job: Done if fn returns nil; Canceled if that was asked for, and Run
// returns ErrCanceled; Paused if ctx ended, or Queued if it is Detached, and Run returns
// what fn did; else Failed with the error of fn, which Run returns. A Detached job that is
// asked to pause ends as well, Paused, and Run returns ErrPaused; others wait in Check.
func Run(ctx context.Context, lib *library.Library, job library.Job, fn func(context.Context, *Control) error) error {
	f := filesOf(lib, job.ID)
	lock, err := f.take()
	if err != nil {
		return err
	}
	defer lock.Close()
	if job, err = lib.Job(ctx, job.ID); err != nil { // it may have changed before we had the lock
		return err
	}
	if job.State.Ended() && job.State != library.Failed {
		return &EndedError{ID: job.ID, State: job.State}
	}
	last, known := f.report()
	if known {
		job.Progress = last.Progress // of an owner that was killed
	}
	if err := f.setWish(wishRun); err != nil {
		return err
	}
	job.State, job.Error, job.Ended = library.Running, "", time.Time{}
	job.Began = time.UnixMilli(time.Now().UnixMilli()).UTC()
	if err := lib.UpdateJob(ctx, job); err != nil {
		return err
	}

	inner, cancel := context.WithCancelCause(ctx)
	c := &Control{lib: lib, files: f, job: job, cancel: cancel, progress: job.Progress, changed: make(chan struct{})}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		c.attend(inner, stop)
	}()
	err = fn(inner, c)
	asked := context.Cause(inner)
	cancel(nil)
	close(stop)
	<-stopped
	return c.end(ctx, err, asked)
}

// Control is what the work of a job has to do with others. Its methods are safe for
// concurrent use and, but for Check while the job is paused, never wait.
type Control struct {
	lib    *library.Library
	files  files
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	job      library.Job
	latest   any // not yet written; nil: nothing new
	progress json.RawMessage
	wish     wish
	changed  chan struct{} // closed when wish changes
	keep     func(context.Context, library.Job) error
}

// Check returns nil if the work is to go on; while the job is paused it blocks first. It
// returns ErrCanceled if the job was canceled, ErrPaused if it was paused and is detached,
// else the error of ctx if that has ended. Call it between small steps: it costs some
// nanoseconds.
func (c *Control) Check(ctx context.Context) error {
	for {
		c.mu.Lock()
		w, changed, detached := c.wish, c.changed, c.job.Detached
		c.mu.Unlock()
		switch {
		case w == wishCancel:
			return ErrCanceled
		case w == wishPause && detached:
			return ErrPaused
		}
		if err := ctx.Err(); err != nil || w == wishRun {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// Paused tells whether the job is asked to pause.
func (c *Control) Paused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wish == wishPause
}

// Report makes v, which has a JSON form and is not changed any more, the job's progress.
// Others see it within half a second. What is reported too fast is skipped, but for the last.
func (c *Control) Report(v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = v
}

// KeepEnd has keep write the job's record when its work has ended, in the place of
// Library.UpdateJob, which it does itself: so what came of the work can be there at the moment
// from which others see that it ended. It is called once, after fn of Run has returned.
func (c *Control) KeepEnd(keep func(context.Context, library.Job) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = keep
}

// Job returns the record of the job as it was at its start.
func (c *Control) Job() library.Job {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.job
}

// attend looks for wishes and writes progress until stop is closed.
func (c *Control) attend(ctx context.Context, stop chan struct{}) {
	wishes, reports := time.NewTicker(wishEvery), time.NewTicker(reportEvery)
	defer wishes.Stop()
	defer reports.Stop()
	c.write(true)
	for {
		select {
		case <-stop:
			return
		case <-wishes.C:
			if c.obey(c.files.wish()) {
				c.write(true)
				c.record(ctx)
			}
		case <-reports.C:
			c.write(false)
		}
	}
}

// obey makes w what Check tells, and says whether that is new. What is to end stays so.
func (c *Control) obey(w wish) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wish == w || c.wish == wishCancel || c.wish == wishPause && c.job.Detached {
		return false
	}
	c.wish = w
	close(c.changed)
	c.changed = make(chan struct{})
	switch {
	case w == wishCancel:
		c.cancel(ErrCanceled)
	case w == wishPause && c.job.Detached:
		c.cancel(ErrPaused)
	}
	return true
}

// write writes the progress for others to see, if there is any that is new or always is set.
// Where it cannot be written the work goes on unseen.
func (c *Control) write(always bool) {
	c.mu.Lock()
	fresh := c.take()
	r := report{PID: os.Getpid(), At: time.Now().UnixMilli(), Paused: c.wish == wishPause, Progress: c.progress}
	c.mu.Unlock()
	if fresh || always {
		_ = c.files.setReport(r)
	}
}

// take makes the latest report the progress. c.mu is held.
func (c *Control) take() bool {
	if c.latest == nil {
		return false
	}
	text, err := json.Marshal(c.latest)
	c.latest = nil
	if err == nil {
		c.progress = text
	}
	return err == nil
}

// record keeps in the library whether the job is paused, so that it is not taken for
// interrupted if this process is killed meanwhile. A library that is busy does without.
func (c *Control) record(ctx context.Context) {
	c.mu.Lock()
	c.job.State, c.job.Progress = library.Running, c.progress
	if c.wish == wishPause {
		c.job.State = library.Paused
	}
	job, canceled := c.job, c.wish == wishCancel
	c.mu.Unlock()
	if canceled {
		return // end keeps it
	}
	ctx, cancel := context.WithTimeout(ctx, wishEvery)
	defer cancel()
	_ = c.lib.UpdateJob(ctx, job)
}

// end keeps what came of the job; asked is why its work was asked to end, if it was. Nobody
// else uses c any more, but the lock is still held.
func (c *Control) end(ctx context.Context, err, asked error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take()
	c.job.Progress, c.job.Error, c.job.Ended = c.progress, "", time.UnixMilli(time.Now().UnixMilli()).UTC()
	switch {
	case err == nil:
		c.job.State = library.Done
	case errors.Is(asked, ErrCanceled) || errors.Is(err, ErrCanceled):
		c.job.State, err = library.Canceled, ErrCanceled
	case errors.Is(asked, ErrPaused):
		c.job.State, c.job.Ended, err = library.Paused, time.Time{}, ErrPaused
	case ctx.Err() != nil:
		c.job.State, c.job.Ended = library.Paused, time.Time{}
		if c.job.Detached {
			c.job.State = library.Queued
		}
	default:
		c.job.State, c.job.Error = library.Failed, err.Error()
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	keep := c.lib.UpdateJob
	if c.keep != nil {
		keep = c.keep
	}
	if e := keep(late, c.job); e != nil {
		return errors.Join(err, e) // others see the job as interrupted
	}
	if c.job.State.Ended() && c.job.State != library.Failed {
		c.files.remove()
	} else {
		_ = os.Remove(c.files.path("progress"))
		_ = c.files.setWish(wishRun)
	}
	return err
}
