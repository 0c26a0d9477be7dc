package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sd/index"
	"sd/jobs"
	"sd/library"
)

func (a *app) jobCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "job",
		Short: "follow, pause, resume and cancel long work",
		Long: `Long work, such as the indexing of a location or the copying of files, is a job with a
number. It can be followed and steered from everywhere; what was cut off can be resumed and
goes on where it was.`,
	})
	cmd.AddCommand(a.jobListCommand(), a.jobInfoCommand(), a.jobWaitCommand(),
		a.jobPauseCommand(), a.jobResumeCommand(), a.jobCancelCommand(), a.jobUndoCommand())
	return cmd
}

// jobRow is a job as it is printed.
type jobRow struct {
	ID       int64            `json:"id"`
	Kind     string           `json:"kind"`
	Title    string           `json:"title"`
	State    library.JobState `json:"state"`
	Error    string           `json:"error,omitempty"`
	Location string           `json:"location,omitempty"`
	Detached bool             `json:"detached,omitempty"`
	PID      int              `json:"pid,omitempty"`
	Device   string           `json:"device"`
	Created  time.Time        `json:"created"`
	Began    *time.Time       `json:"began,omitempty"`
	Ended    *time.Time       `json:"ended,omitempty"`

	Progress json.RawMessage `json:"progress,omitempty"`
	Rate     float64         `json:"files_per_second,omitempty"`
	ByteRate float64         `json:"bytes_per_second,omitempty"`
	Share    *float64        `json:"share,omitempty"` // of the work, 0 to 1
	Left     *float64        `json:"seconds_left,omitempty"`

	Action *actionRow `json:"action,omitempty"` // of a job that changes files

	progress index.Progress
	known    bool // progress has a meaning
}

func (p *places) jobRow(ctx context.Context, j jobs.Job) (jobRow, error) {
	row := jobRow{
		ID: j.ID, Kind: j.Kind, Title: j.Title, State: j.State, Error: j.Error, Detached: j.Detached, PID: j.PID,
		Device: j.Device.String(), Created: j.Created, Began: timeOrNil(j.Began), Ended: timeOrNil(j.Ended), Progress: j.Progress,
	}
	if d, err := p.resolver.Device(row.Device); err == nil {
		row.Device = d.Slug
	}
	if j.Kind == jobIndex && j.Decode(&row.progress) {
		row.known = true
		row.Rate = row.progress.Rate()
		if share, ok := progressShare(row.progress); ok {
			row.Share = &share
		}
		if left, ok := row.progress.Left(); ok && j.State == library.Running {
			seconds := left.Seconds()
			row.Left = &seconds
		}
	}
	if j.Kind == jobAction {
		p.addAction(ctx, &row, &j)
	}
	if j.Location == 0 {
		return row, nil
	}
	loc, err := p.locationByID(ctx, j.Location)
	switch {
	case err == nil:
		row.Location = loc.Name
	case !errors.Is(err, errRemoved):
		return row, err
	}
	return row, nil
}

// far says in a few words how far the job is.
func (r jobRow) far() string {
	switch {
	case r.State == library.Failed && (r.Action == nil || r.Action.Outcome == nil):
		return r.Error
	case r.Action != nil:
		return r.farAction()
	case !r.known:
		return "-"
	}
	text := phaseName(r.progress.Phase) + " "
	if r.State.Ended() {
		text = ""
	}
	text += counted(r.progress.Files, "file")
	if share := r.Share; share != nil && !r.State.Ended() {
		text += fmt.Sprintf(", %d %%", int(*share*100))
	}
	if r.Left != nil {
		text += ", " + roughly(time.Duration(*r.Left*float64(time.Second))) + " left"
	}
	return text
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *app) jobListCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the jobs",
		Long:  "Lists the jobs that have not ended, and the last ten that have.",
		Args:  args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error {
				return a.listJobs(ctx, p, all)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all that are remembered")
	return cmd
}

func (a *app) listJobs(ctx context.Context, p *places, all bool) error {
	ended := maxListed
	if all {
		ended = -1
	}
	list, err := jobs.List(ctx, p.library, ended)
	if err != nil {
		return err
	}
	rows := make([]jobRow, len(list))
	cells := [][]string{{"JOB", "STATE", "WHAT", "PROGRESS", "BEGAN"}}
	for i, j := range list {
		if rows[i], err = p.jobRow(ctx, j); err != nil {
			return err
		}
		cells = append(cells, []string{fmt.Sprint(j.ID), string(j.State), j.Title, rows[i].far(), when(j.Began)})
	}
	if a.json {
		return a.printJSON(rows)
	}
	return a.table(cells)
}

// onJob is a command about one job.
func (a *app) onJob(cmd *cobra.Command, fn func(ctx context.Context, p *places, id int64) error) *cobra.Command {
	cmd.Args = args(1, 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || id < 1 {
			return usagef("%s is no job's number: 'sd job list' shows them", quote(args[0]))
		}
		return a.withPlaces(cmd.Context(), func(ctx context.Context, p *places) error { return fn(ctx, p, id) })
	}
	return cmd
}

func (a *app) jobInfoCommand() *cobra.Command {
	return a.onJob(&cobra.Command{
		Use:     "info JOB",
		Short:   "tell all about a job",
		Example: "  sd job info 3",
	}, a.jobInfo)
}

func (a *app) jobInfo(ctx context.Context, p *places, id int64) error {
	j, err := jobs.Get(ctx, p.library, id)
	if err != nil {
		return err
	}
	row, err := p.jobRow(ctx, j)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(row)
	}
	cells := [][]string{{"job", fmt.Sprint(row.ID)}, {"what", row.Title}, {"state", string(row.State)}}
	add := func(name, value string) { cells = append(cells, []string{name, value}) }
	if row.Error != "" {
		add("error", row.Error)
	}
	add("device", row.Device)
	if row.PID != 0 {
		add("process", fmt.Sprint(row.PID))
	}
	add("created", when(row.Created))
	add("began", when(j.Began))
	add("ended", when(j.Ended))
	if row.known {
		far := row.progress
		add("phase", phaseName(far.Phase))
		add("files", ofTotal(commas(far.Files), far.TotalFiles, commas))
		add("folders", commas(far.Folders))
		add("bytes", ofTotal(size(far.Bytes), far.TotalBytes, size))
		add("changed", commas(far.Changed))
		add("rate", perSecond(far, row.Rate))
		if row.Left != nil {
			add("left", roughly(time.Duration(*row.Left*float64(time.Second))))
		}
		add("problems", commas(far.Problems))
	}
	if row.Action != nil {
		cells = append(cells, row.actionCells()...)
	}
	return a.table(cells)
}

// ofTotal is a number, and the total where that is known.
func ofTotal(done string, total int64, format func(int64) string) string {
	if total <= 0 {
		return done
	}
	return done + " of " + format(total)
}
