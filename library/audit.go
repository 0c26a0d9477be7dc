package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Audit is one row of the audit log: something that a user had sd change.
type Audit struct {
	ID      int64 // never used again
	Job     int64 // 0: it was no durable job
	Action  string
	Title   string // what it is, for people
	Command string // as it was typed, quoted for a shell
	User    string
	UID     int
	Device  uuid.UUID // that runs it
	Host    string    // its slug then
	State   JobState  // how it ended; "" while it has not
	Error   string
	Outcome json.RawMessage // totals, as the action counts them; nil is an empty object
	Undoes  int64           // the job that this one takes back, 0 for none
	Created time.Time
	Ended   time.Time // zero: not yet
}

const auditColumns = "id, job, action, title, command, user, uid, device, host, state, error, outcome, undoes, created, ended"

// AddAudit adds a row and returns it with its ID. A zero Created means now, a zero Device
// this one. A job has one row at most.
func (l *Library) AddAudit(ctx context.Context, a Audit) (Audit, error) {
	err := l.write(ctx, "add to the log of", func(tx *sql.Tx) error { return l.addAudit(ctx, tx, &a) })
	return a, err
}

// AddAction adds a job and its row in the audit log, both or none.
func (l *Library) AddAction(ctx context.Context, j Job, a Audit) (Job, Audit, error) {
	err := l.write(ctx, "add a job to", func(tx *sql.Tx) error {
		if err := l.addJob(ctx, tx, &j); err != nil {
			return err
		}
		a.Job = j.ID
		return l.addAudit(ctx, tx, &a)
	})
	return j, a, err
}

func (l *Library) addAudit(ctx context.Context, tx *sql.Tx, a *Audit) error {
	if a.Created.IsZero() {
		a.Created = time.UnixMilli(time.Now().UnixMilli()).UTC()
	}
	if a.Device == uuid.Nil {
		a.Device = l.ThisDevice().ID
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO audit (job, action, title, command, user, uid, device, host, state, error, outcome, undoes, created, ended)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Job, a.Action, a.Title, a.Command, a.User, a.UID, a.Device.String(), a.Host, string(a.State), a.Error, object(a.Outcome),
		a.Undoes, a.Created.UnixMilli(), milli(a.Ended))
	if err != nil {
		return err
	}
	a.ID, err = res.LastInsertId()
	return err
}

// SetAudit keeps what may change of the row with a.ID: State, Error, Outcome and Ended. An
// unknown ID is fs.ErrNotExist.
func (l *Library) SetAudit(ctx context.Context, a Audit) error {
	return l.write(ctx, "change the log of", func(tx *sql.Tx) error { return setAudit(ctx, tx, &a) })
}

// EndAction is UpdateJob and SetAudit, both or none: who sees that a job has ended also finds
// what came of it.
func (l *Library) EndAction(ctx context.Context, j Job, a Audit) error {
	return l.write(ctx, "end a job of", func(tx *sql.Tx) error {
		if err := updateJob(ctx, tx, &j); err != nil {
			return err
		}
		return setAudit(ctx, tx, &a)
	})
}

func setAudit(ctx context.Context, tx *sql.Tx, a *Audit) error {
	res, err := tx.ExecContext(ctx, "UPDATE audit SET state = ?, error = ?, outcome = ?, ended = ? WHERE id = ?",
		string(a.State), a.Error, object(a.Outcome), milli(a.Ended), a.ID)
	return one(res, err, "log entry", a.ID)
}

// JobAudit returns the row of a job. A job without one is a *NoJobError.
func (l *Library) JobAudit(ctx context.Context, job int64) (Audit, error) {
	a, err := scanAudit(l.readers.QueryRowContext(ctx, "SELECT "+auditColumns+" FROM audit WHERE job = ? AND job <> 0", job))
	if errors.Is(err, sql.ErrNoRows) {
		return Audit{}, &NoJobError{ID: job}
	}
	return a, l.explain("read the log of", err)
}

// UndoneBy returns the rows of the jobs that take that job back, oldest first.
func (l *Library) UndoneBy(ctx context.Context, job int64) ([]Audit, error) {
	return readAll(ctx, l, "the log", scanAudit, "SELECT "+auditColumns+" FROM audit WHERE undoes = ? AND undoes <> 0 ORDER BY id", job)
}

// Undos returns the rows of jobs that take another back, and had not ended before since, oldest
// first.
func (l *Library) Undos(ctx context.Context, since time.Time) ([]Audit, error) {
	return readAll(ctx, l, "the log", scanAudit, "SELECT "+auditColumns+" FROM audit WHERE undoes <> 0 AND (ended = 0 OR ended >= ?) ORDER BY id", milli(since))
}

// Audits returns the last `limit` rows (0 or less: all) that were created at since or later
// (the zero time: ever), oldest first. The slice is the caller's.
func (l *Library) Audits(ctx context.Context, since time.Time, limit int) ([]Audit, error) {
	if limit <= 0 {
		limit = -1
	}
	return readAll(ctx, l, "the log", scanAudit, "SELECT "+auditColumns+` FROM (SELECT * FROM audit WHERE created >= ?
		ORDER BY id DESC LIMIT ?) ORDER BY id`, milli(since), limit)
}

// OpenAudits returns the rows of this device that have no end yet, oldest first.
func (l *Library) OpenAudits(ctx context.Context) ([]Audit, error) {
	return readAll(ctx, l, "the log", scanAudit, "SELECT "+auditColumns+" FROM audit WHERE state = '' AND device = ? ORDER BY id", l.ThisDevice().ID.String())
}

func scanAudit(row scanner) (Audit, error) {
	var (
		a                      Audit
		device, state, outcome string
		created, ended         int64
	)
	err := row.Scan(&a.ID, &a.Job, &a.Action, &a.Title, &a.Command, &a.User, &a.UID, &device, &a.Host, &state, &a.Error, &outcome,
		&a.Undoes, &created, &ended)
	if err != nil {
		return Audit{}, err
	}
	if a.Device, err = uuid.Parse(device); err != nil {
		return Audit{}, &corruptError{fmt.Sprintf("log entry %d has the invalid device id %q", a.ID, device)}
	}
	a.State, a.Outcome = JobState(state), json.RawMessage(outcome)
	a.Created, a.Ended = fromMilli(created), fromMilli(ended)
	return a, nil
}
