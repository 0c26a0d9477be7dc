package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"time"

	"github.com/google/uuid"
)

// JobState is how far a job is.
type JobState string

// The states of jobs.
const (
	Queued      JobState = "queued"      // nobody works on it yet
	Running     JobState = "running"     // in a process that lives
	Paused      JobState = "paused"      // on request
	Interrupted JobState = "interrupted" // its process ended without a word
	Done        JobState = "done"
	Failed      JobState = "failed"
	Canceled    JobState = "canceled"
)

// Ended tells whether no more is to be done.
func (s JobState) Ended() bool { return s == Done || s == Failed || s == Canceled }

// Job is the record of work that outlives its process. Package jobs runs it; the record of
// a job whose process was killed says Running until somebody looks with that package.
type Job struct {
	ID       int64 // never used again
	Kind     string
	Title    string
	Device   uuid.UUID // that runs it
	Location int64     // what it is about, 0 for no location
	// Detached jobs are run by a mount. When it ends they wait for the next.
	Detached bool
	Args     json.RawMessage // of its Kind; nil is an empty object
	State    JobState
	Error    string          // why it is Failed
	Progress json.RawMessage // of its Kind, the last that was kept; nil is an empty object
	Created  time.Time
	Began    time.Time // the last start; zero: never
	Ended    time.Time // zero: not yet
}

// NoJobError says that there is no job of that number.
type NoJobError struct{ ID int64 }

func (e *NoJobError) Error() string {
	return fmt.Sprintf("no job %d: \"sd job list\" shows those there are", e.ID)
}

// Is makes the error a fs.ErrNotExist.
func (e *NoJobError) Is(target error) bool { return target == iofs.ErrNotExist }

const jobColumns = "id, kind, title, device, location, detached, args, state, error, progress, created, began, ended"

// keptJobs is how many ended jobs are remembered.
const keptJobs = 1000

// AddJob adds a job and returns it with its ID. A zero Created means now, an empty State
// Queued, a zero Device this one.
func (l *Library) AddJob(ctx context.Context, j Job) (Job, error) {
	err := l.write(ctx, "add a job to", func(tx *sql.Tx) error { return l.addJob(ctx, tx, &j) })
	return j, err
}

func (l *Library) addJob(ctx context.Context, tx *sql.Tx, j *Job) error {
	if j.Created.IsZero() {
		j.Created = time.UnixMilli(time.Now().UnixMilli()).UTC()
	}
	if j.State == "" {
		j.State = Queued
	}
	if j.Device == uuid.Nil {
		j.Device = l.ThisDevice().ID
	}
	res, err := tx.ExecContext(ctx, "INSERT INTO jobs (kind, title, device, location, detached, args, state, error, progress, created, began, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		j.Kind, j.Title, j.Device.String(), j.Location, j.Detached, object(j.Args), string(j.State), j.Error, object(j.Progress),
		j.Created.UnixMilli(), milli(j.Began), milli(j.Ended))
	if err != nil {
		return err
	}
	if j.ID, err = res.LastInsertId(); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM jobs WHERE id <= (SELECT id FROM jobs
		WHERE state IN ('done', 'failed', 'canceled') ORDER BY id DESC LIMIT 1 OFFSET ?) AND state IN ('done', 'failed', 'canceled')`, keptJobs)
	return err
}

// UpdateJob keeps what may change of the job with j.ID: Detached, State, Error, Progress,
// Began and Ended. An unknown ID is a *NoJobError.
func (l *Library) UpdateJob(ctx context.Context, j Job) error {
	return l.write(ctx, "change a job of", func(tx *sql.Tx) error { return updateJob(ctx, tx, &j) })
}

func updateJob(ctx context.Context, tx *sql.Tx, j *Job) error {
	res, err := tx.ExecContext(ctx, "UPDATE jobs SET detached = ?, state = ?, error = ?, progress = ?, began = ?, ended = ? WHERE id = ?",
		j.Detached, string(j.State), j.Error, object(j.Progress), milli(j.Began), milli(j.Ended), j.ID)
	if err = one(res, err, "job", j.ID); errors.Is(err, iofs.ErrNotExist) {
		return &NoJobError{ID: j.ID}
	}
	return err
}

// Job returns one job; an unknown ID is a *NoJobError.
func (l *Library) Job(ctx context.Context, id int64) (Job, error) {
	j, err := scanJob(l.readers.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM jobs WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Job{}, &NoJobError{ID: id}
	}
	return j, l.explain("read a job of", err)
}

// Jobs returns the jobs that have not ended and the last `limit` that have (less than 0: all
// of them), oldest first. The slice is the caller's.
func (l *Library) Jobs(ctx context.Context, limit int) ([]Job, error) {
	return readAll(ctx, l, "jobs", scanJob, "SELECT "+jobColumns+` FROM jobs WHERE state NOT IN ('done', 'failed', 'canceled')
		OR id IN (SELECT id FROM jobs WHERE state IN ('done', 'failed', 'canceled') ORDER BY id DESC LIMIT ?) ORDER BY id`, limit)
}

func scanJob(row scanner) (Job, error) {
	var (
		j                     Job
		device, state         string
		args, progress        string
		created, began, ended int64
	)
	err := row.Scan(&j.ID, &j.Kind, &j.Title, &device, &j.Location, &j.Detached, &args, &state, &j.Error, &progress, &created, &began, &ended)
	if err != nil {
		return Job{}, err
	}
	if j.Device, err = uuid.Parse(device); err != nil {
		return Job{}, &corruptError{fmt.Sprintf("job %d has the invalid device id %q", j.ID, device)}
	}
	j.Args, j.State, j.Progress = json.RawMessage(args), JobState(state), json.RawMessage(progress)
	j.Created, j.Began, j.Ended = fromMilli(created), fromMilli(began), fromMilli(ended)
	return j, nil
}

// object is JSON as it is kept.
func object(text json.RawMessage) string {
	if len(text) == 0 {
		return "{}"
	}
	return string(text)
}
