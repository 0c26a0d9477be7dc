// Package jobs runs work that outlives its process. The library keeps a record of each job;
// the process that runs one holds a lock on a file of it, which ends with the process however
// that ends. Other processes ask the owner to pause, to go on or to cancel by another small
// file, and read the progress from a third, so that none of this waits for the database
// while the work is writing to it.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sd/library"
)

// ErrCanceled is how work learns that its job was canceled, and what Run then returns.
var ErrCanceled = errors.New("canceled")

// ErrPaused is how the work of a detached job learns that it was paused, and what Run then
// returns: a mount has other things to do than to wait.
var ErrPaused = errors.New("paused")

const (
	wishEvery   = 200 * time.Millisecond // how often an owner looks for wishes
	reportEvery = 250 * time.Millisecond // how often it writes progress, at most
	firstLook   = 5 * time.Millisecond   // how soon one who waits looks again, at first
	pollEvery   = 50 * time.Millisecond  // how often others look at what the owner does
	lastWords   = 20 * time.Second       // for a job's end to reach a busy database
)

// BusyError says that another process runs the job.
type BusyError struct{ ID int64 }

func (e *BusyError) Error() string {
	return fmt.Sprintf("job %d is run by another process: \"sd job wait %d\" follows it", e.ID, e.ID)
}

// EndedError says that the job is over, so that nothing can be done with it.
type EndedError struct {
	ID    int64
	State library.JobState
}

func (e *EndedError) Error() string { return fmt.Sprintf("job %d is %s already", e.ID, e.State) }

// Job is a job as it is now.
type Job struct {
	library.Job
	// Live tells that a process owns the job: it is Running, or Paused there. PID is that
	// process, 0 where it is not known.
	Live bool
	PID  int
	// Updated is when the progress was written; zero if there is none.
	Updated time.Time
}

// Get returns a job as it is now; an unknown id is a *library.NoJobError.
func Get(ctx context.Context, lib *library.Library, id int64) (Job, error) {
	record, err := lib.Job(ctx, id)
	if err != nil {
		return Job{}, err
	}
	return look(ctx, lib, record)
}

// List returns the jobs that have not ended and the last `ended` that have (less than 0: all
// of them), oldest first.
func List(ctx context.Context, lib *library.Library, ended int) ([]Job, error) {
	records, err := lib.Jobs(ctx, ended)
	if err != nil {
		return nil, err
	}
	list := make([]Job, len(records))
	for i, record := range records {
		if list[i], err = look(ctx, lib, record); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// look adds to the record what the files tell. A job that no process owns though the record
// says that it runs is Interrupted.
func look(ctx context.Context, lib *library.Library, record library.Job) (Job, error) {
	j := Job{Job: record}
	if record.State.Ended() || record.Device != lib.ThisDevice().ID {
		return j, nil
	}
	f := filesOf(lib, record.ID)
	live, err := f.owned()
	if err != nil {
		return Job{}, err
	}
	if !live && record.State == library.Running {
		// It may have ended between the two looks.
		if j.Job, err = lib.Job(ctx, record.ID); err != nil {
			return Job{}, err
		}
		if j.State == library.Running {
			j.State = library.Interrupted
		}
	}
	if live && record.State != library.Paused {
		j.State = library.Running
	}
	j.Live = live
	if r, ok := f.report(); ok && !j.State.Ended() {
		j.Progress, j.Updated = r.Progress, time.UnixMilli(r.At).UTC()
		if live {
			j.PID = r.PID
			if r.Paused {
				j.State = library.Paused
			} else {
				j.State = library.Running
			}
		}
	}
	return j, nil
}

// Next returns the oldest detached job of this device that waits for a mount: one that was
// not begun, or whose process ended without a word. It returns false if there is none.
func Next(ctx context.Context, lib *library.Library) (Job, bool, error) {
	list, err := List(ctx, lib, 0)
	if err != nil {
		return Job{}, false, err
	}
	for _, j := range list {
		waits := j.State == library.Queued || j.State == library.Interrupted
		if j.Detached && waits && !j.Live && j.Device == lib.ThisDevice().ID {
			return j, true, nil
		}
	}
	return Job{}, false, nil
}

// Wait calls each, which may be nil, with the job as it is, now and whenever it looks again,
// soon at first and then some times a second, until the job has ended or nobody is left to go on with it: it is
// Paused or Interrupted without an owner. It returns the job as it was seen last.
func Wait(ctx context.Context, lib *library.Library, id int64, each func(Job)) (Job, error) {
	for wait := firstLook; ; wait = min(2*wait, wishEvery) {
		j, err := Get(ctx, lib, id)
		if err != nil {
			return Job{}, err
		}
		if each != nil {
			each(j)
		}
		if j.State.Ended() || !j.Live && (j.State == library.Paused || j.State == library.Interrupted && !j.Detached) {
			return j, nil
		}
		select {
		case <-ctx.Done():
			return j, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// Decode reads the job's progress into v and tells whether there was any.
func (j Job) Decode(v any) bool {
	return len(j.Progress) > 2 && json.Unmarshal(j.Progress, v) == nil
}
