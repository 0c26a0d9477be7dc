package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sd/actions"
	"sd/jobs"
	"sd/library"
)

// logRows is how many rows of the log are shown if the user does not say.
const logRows = 20

func (a *app) logCommand() *cobra.Command {
	var (
		limit  = logRows
		since  sinceFlag
		failed bool
	)
	cmd := &cobra.Command{
		Use:   "log [JOB]",
		Short: "tell what was changed, when, by whom and how it ended",
		Long: `Lists what sd was asked to change in files: when, by whom, on which device, and what came
of it. With the number of a JOB it tells what became of each file; --failed lists only
those that need a look. What the mount changes on behalf of programs is not in the log.

What each file's fate was is kept for 90 days.`,
		Example: "  sd log\n  sd log --since 7d --limit 0\n  sd log 12\n  sd log 12 --failed --json",
		Args:    args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case limit < 0:
				return usagef("--limit is negative")
			case len(args) == 0 && failed:
				return usagef("--failed goes with the number of a job")
			case len(args) == 1 && since.text != "":
				return usagef("--since goes without the number of a job")
			case a.json && !cmd.Flags().Changed("limit"), len(args) == 1 && !cmd.Flags().Changed("limit"):
				limit = 0
			}
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				if len(args) == 0 {
					return a.showLog(ctx, p, since.from, limit)
				}
				id, err := strconv.ParseInt(args[0], 10, 64)
				if err != nil || id < 1 {
					return usagef("%s is no job's number: 'sd log' shows them", quote(args[0]))
				}
				return a.showJobLog(ctx, p, id, failed, limit)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "show so many, the last ones; 0 is all, as with --json and with JOB")
	cmd.Flags().Var(&since, "since", "only what was begun since: 7d, today, 2024-06-30")
	cmd.Flags().BoolVar(&failed, "failed", false, "of a job only the files that are not done")
	return cmd
}

// sinceFlag is a flag for a moment in the past: "7d", "today", "2024-06".
type sinceFlag struct {
	from time.Time
	text string
}

func (s *sinceFlag) Set(text string) error {
	from, _, err := period(strings.TrimSpace(text), time.Now())
	if err != nil {
		return errors.New(`want a time such as "7d", "today" or "2024-06-30"`)
	}
	s.from, s.text = from, text
	return nil
}

func (s *sinceFlag) String() string { return s.text }

func (s *sinceFlag) Type() string { return "time" }

// logRow is a row of the log as it is printed.
type logRow struct {
	ID      int64            `json:"id"`
	Job     int64            `json:"job,omitempty"`
	Action  string           `json:"action"`
	Title   string           `json:"title"`
	Command string           `json:"command"`
	User    string           `json:"user"`
	UID     int              `json:"uid"`
	Host    string           `json:"host"`
	State   library.JobState `json:"state"`
	Error   string           `json:"error,omitempty"`
	Undoes  int64            `json:"undoes,omitempty"`
	Undone  []int64          `json:"undone_by,omitempty"`
	Created time.Time        `json:"created"`
	Ended   *time.Time       `json:"ended,omitempty"`
	Outcome json.RawMessage  `json:"outcome,omitempty"`
}

// logRow is a row with, where the action has not ended, the state that its job has now.
func (p *places) logRow(ctx context.Context, e library.Audit) (logRow, error) {
	row := logRow{
		ID: e.ID, Job: e.Job, Action: e.Action, Title: e.Title, Command: e.Command, User: e.User, UID: e.UID, Host: e.Host,
		State: e.State, Error: e.Error, Undoes: e.Undoes, Created: e.Created, Ended: timeOrNil(e.Ended), Outcome: e.Outcome,
	}
	if e.Job == 0 {
		return row, nil
	}
	undone, err := p.library.UndoneBy(ctx, e.Job)
	if err != nil {
		return row, err
	}
	for _, u := range undone {
		row.Undone = append(row.Undone, u.Job)
	}
	if row.State != "" {
		return row, nil
	}
	j, err := jobs.Get(ctx, p.library, e.Job)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		row.State = library.Interrupted
	case err != nil:
		return row, err
	default:
		row.State, row.Error = j.State, j.Error
	}
	return row, nil
}

// summary is what came of the action in a few words.
func (r *logRow) summary() string {
	text := string(r.State)
	if o, ok := actions.Decode(library.Audit{Outcome: r.Outcome}); ok {
		if counts := outcomeText(&o); counts != "" {
			text += ": " + counts
		}
	}
	if len(r.Undone) > 0 {
		text += fmt.Sprintf("; undone by job %d", r.Undone[len(r.Undone)-1])
	}
	return text
}

func (a *app) showLog(ctx context.Context, p *places, since time.Time, limit int) error {
	engine := actions.New(actions.Config{Library: p.library, Resolver: p.resolver, Log: p.log})
	list, err := engine.Log(ctx, since, limit)
	if err = errors.Join(err, engine.Close()); err != nil {
		return err
	}
	rows := make([]logRow, len(list))
	cells := [][]string{{"WHEN", "JOB", "WHO", "WHAT", "OUTCOME"}}
	for i, e := range list {
		if rows[i], err = p.logRow(ctx, e); err != nil {
			return err
		}
		job := "-"
		if e.Job != 0 {
			job = strconv.FormatInt(e.Job, 10)
		}
		cells = append(cells, []string{when(e.Created), job, e.User + "@" + e.Host, e.Title, rows[i].summary()})
	}
	if a.json {
		return a.printJSON(rows)
	}
	if len(list) == 0 {
		fmt.Fprintln(a.errOut, "nothing was changed yet")
		return nil
	}
	return a.table(cells)
}
