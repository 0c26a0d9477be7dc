package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"time"

	"sd/actions"
	"sd/actions/steps"
	"sd/library"
)

// fateRow is what became of one step of a job, as it is printed.
type fateRow struct {
	Step   int64  `json:"step"`
	State  string `json:"state"` // "done", "skipped", "failed", "begun", "not tried"
	Op     string `json:"op"`
	Method string `json:"method,omitempty"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	// Size is the file's, Through what of it passed through this machine.
	Size    int64      `json:"size"`
	Through int64      `json:"through,omitempty"`
	Version string     `json:"version,omitempty"`
	BLAKE3  string     `json:"blake3,omitempty"`
	Trash   string     `json:"trash,omitempty"` // where the trash has it
	Note    string     `json:"note,omitempty"`
	Error   string     `json:"error,omitempty"`
	At      *time.Time `json:"at,omitempty"`
}

// showJobLog tells what became of each file of a job.
func (a *app) showJobLog(ctx context.Context, p *places, id int64, failed bool, limit int) (err error) {
	engine := actions.New(actions.Config{Library: p.library, Resolver: p.resolver, Log: p.log})
	defer func() { err = errors.Join(err, engine.Close()) }()
	audit, err := p.library.JobAudit(ctx, id)
	if errors.Is(err, iofs.ErrNotExist) {
		if _, e := p.library.Job(ctx, id); e != nil {
			return e
		}
		return fmt.Errorf("job %d changed no files: 'sd job info %d' tells what it did", id, id)
	}
	if err != nil {
		return err
	}
	row, err := p.logRow(ctx, audit)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(a.out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	object := &jsonObject{w: out}
	show := func(f *fateRow) error { return object.element("files", f) }
	if !a.json {
		printLogRow(out, &row)
		show = func(f *fateRow) error { return printFate(out, f) }
	}
	plan, err := engine.Header(id)
	name := func(ref steps.Ref) string { return engine.URI(ctx, plan.Stores, ref) }
	enough, shown := errors.New("enough"), 0
	if err == nil {
		err = engine.Outcomes(ctx, id, func(s *steps.Step, r *steps.Record) error {
			if failed && (r.State == steps.Done || r.State == steps.Skipped) {
				return nil
			}
			if shown++; limit > 0 && shown > limit {
				return enough
			}
			return show(newFate(s, r, name))
		})
	}
	switch {
	case errors.Is(err, enough):
		err = nil
		if !a.json {
			fmt.Fprintln(out, "and more; --limit 0 shows all")
		}
	case errors.As(err, new(*actions.PlanLostError)):
		err = fmt.Errorf("what became of each file of job %d is known no more: that is kept for 90 days", id)
	}
	if a.json {
		err = errors.Join(err, object.end("files", map[string]any{"job": row}))
	}
	return err
}

func newFate(s *steps.Step, r *steps.Record, name func(steps.Ref) string) *fateRow {
	f := &fateRow{
		Step: s.N, State: r.State.String(), Op: s.Op.String(), Method: r.Method.String(), From: name(s.From), To: name(s.To),
		Size: s.Size, Through: r.Bytes, Version: r.Version, BLAKE3: r.Sum, Note: s.Note, Error: r.Err,
	}
	if r.State == 0 {
		f.State = "not tried"
	}
	if s.Op == steps.OpTrash {
		f.Trash = r.Name
	}
	if r.At != 0 {
		at := time.UnixMilli(r.At).UTC()
		f.At = &at
	}
	return f
}

func printLogRow(w io.Writer, r *logRow) {
	fmt.Fprintf(w, "%-8s %s\n", "what", printable(r.Title))
	fmt.Fprintf(w, "%-8s %s\n", "command", printable(r.Command))
	fmt.Fprintf(w, "%-8s %s@%s\n", "who", printable(r.User), printable(r.Host))
	began := when(r.Created)
	if r.Ended != nil {
		began += ", ended " + when(*r.Ended)
	}
	fmt.Fprintf(w, "%-8s %s\n", "when", began)
	fmt.Fprintf(w, "%-8s %s\n", "outcome", printable(r.summary()))
	if r.Error != "" && r.State != library.Done {
		fmt.Fprintf(w, "%-8s %s\n", "error", printable(r.Error))
	}
	fmt.Fprintln(w)
}

// printFate prints what became of one file.
func printFate(w io.Writer, f *fateRow) error {
	what := f.Op
	if f.Method != "" && f.Method != "skip" {
		what = f.Method
	}
	name := f.To
	switch {
	case name == "":
		name = f.From
	case f.From != "":
		name = f.From + " -> " + f.To
	}
	text := fmt.Sprintf("%-9s %-11s %10s  %s", f.State, what, size(f.Size), printable(name))
	switch {
	case f.Error != "":
		text += "  (" + printable(f.Error) + ")"
	case f.Note != "":
		text += "  (" + printable(f.Note) + ")"
	}
	_, err := fmt.Fprintln(w, text)
	return err
}
