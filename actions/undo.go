package actions

import (
	"context"
	"errors"
	"fmt"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/jobs"
	"sd/library"
)

// UndoError says that a job cannot be undone, and why.
type UndoError struct {
	Job int64
	Why string
}

func (e *UndoError) Error() string { return fmt.Sprintf("job %d cannot be undone: %s", e.Job, e.Why) }

// undoable refuses a job that has not ended, or that another has undone or is undoing.
func (e *Engine) undoable(ctx context.Context, id int64) error {
	job, err := jobs.Get(ctx, e.lib, id)
	switch none := new(library.NoJobError); {
	case errors.As(err, &none):
		return err
	case err != nil:
		return err
	case job.Kind != Kind:
		return &UndoError{id, "it changed no files"}
	case !job.State.Ended():
		return &UndoError{id, fmt.Sprintf("it is %s: \"sd job cancel %d\" ends it", job.State, id)}
	}
	others, err := e.lib.UndoneBy(ctx, id)
	if err != nil {
		return err
	}
	for _, a := range others {
		other, ended, err := e.stateOf(ctx, a.Job)
		switch {
		case err != nil:
			return err
		case !ended:
			return &UndoError{id, fmt.Sprintf("job %d is about that already: \"sd job resume %d\" goes on with it", a.Job, a.Job)}
		case other.State == library.Done:
			return &UndoError{id, fmt.Sprintf("job %d has done that", a.Job)}
		}
	}
	return nil
}

// PlanUndo plans how the files are as they were before a job that has ended: what it put in
// the trash comes back, what it renamed or moved goes back, what it copied goes to the trash
// if it still is what the job made, and the folders it made go if they are empty. What cannot
// come back is a warning in the Summary. Of a job that was done in part only that is undone,
// and of one that was undone in part the rest. An *UndoError says that there is nothing to undo.
func (e *Engine) PlanUndo(ctx context.Context, job int64, who steps.Who) (*Draft, error) {
	if err := e.undoable(ctx, job); err != nil {
		return nil, err
	}
	spec := steps.Spec{Action: steps.Undo, Job: job, Who: who}
	return e.PlanFrom(ctx, spec, func(ctx context.Context, w *steps.Writer, _ *stores.Set) (steps.Summary, []steps.StoreRef, error) {
		u := undo{e: e, job: job, w: w, moved: make(map[int64]bool)}
		err := u.plan(ctx)
		if err == nil && w.Len() == 0 {
			err = &UndoError{job, "nothing of what it did can come back"}
			if len(u.sum.Warnings) == 0 {
				err = &UndoError{job, "it has changed nothing"}
			}
		}
		return u.sum, u.refs, err
	})
}

// undo is a plan to take a job back.
type undo struct {
	e       *Engine
	job     int64
	w       *steps.Writer
	refs    []steps.StoreRef
	history *steps.History
	undone  map[int64]bool // steps that an earlier job has taken back
	moved   map[int64]bool // copies whose source was removed after them
	rmdirs  bool           // one was planned
	sum     steps.Summary
}

func (u *undo) plan(ctx context.Context) error {
	plan, err := u.e.openPlan(u.job)
	if err != nil {
		return err
	}
	defer plan.Close()
	u.refs = plan.Header().Stores
	if u.history, err = steps.ReadHistory(u.e.journalPath(u.job), plan.Header().Summary.Steps, bootID()); err != nil {
		return err
	}
	defer u.history.Close()
	if err := u.findUndone(ctx); err != nil {
		return err
	}
	// Folders first, so that files can come back into them, and last, when they have gone.
	for _, turn := range []func(*steps.Step, *steps.Record) error{u.folderBack, u.fileBack, u.folderGone} {
		err := plan.Reverse(func(s *steps.Step) error {
			if u.history.State(s.N) != steps.Done || u.undone[s.N] {
				return ctx.Err()
			}
			rec, err := u.history.Record(s.N)
			if err != nil {
				return err
			}
			return turn(s, &rec)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// findUndone looks for what earlier jobs have taken back.
func (u *undo) findUndone(ctx context.Context) error {
	u.undone = make(map[int64]bool)
	others, err := u.e.lib.UndoneBy(ctx, u.job)
	if err != nil {
		return err
	}
	for _, a := range others {
		err := u.e.Outcomes(ctx, a.Job, func(s *steps.Step, rec *steps.Record) error {
			if s.Of != 0 && (rec.State == steps.Done || rec.State == steps.Skipped) {
				u.undone[s.Of] = true
			}
			return nil
		})
		if lost := new(PlanLostError); err != nil && !errors.As(err, &lost) {
			return err
		}
	}
	return nil
}

// folderBack makes a folder that the job removed.
func (u *undo) folderBack(s *steps.Step, _ *steps.Record) error {
	if s.Op != steps.OpRmdir {
		return nil
	}
	u.sum.Folders++
	return u.add(steps.Step{Op: steps.OpMkdir, To: s.From, Mode: s.Mode, Of: s.N})
}

// folderGone removes a folder that the job made.
func (u *undo) folderGone(s *steps.Step, _ *steps.Record) error {
	if s.Op != steps.OpMkdir {
		return nil
	}
	first := !u.rmdirs
	u.rmdirs = true
	return u.add(steps.Step{Op: steps.OpRmdir, From: s.To, Barrier: first, Of: s.N, Note: "if it is empty"})
}

// fileBack takes back what was done to a file, or to a folder as a whole.
func (u *undo) fileBack(s *steps.Step, rec *steps.Record) error {
	like := steps.Step{Kind: s.Kind, Size: s.Size, ModTime: s.ModTime, Mode: s.Mode, Link: s.Link, Of: s.N}
	switch s.Op {
	case steps.OpTrash:
		like.Op, like.From, like.To, like.Absent = steps.OpRestore, steps.Ref{Store: s.From.Store, Name: rec.Name}, s.From, true
		u.sum.Renamed(s.Kind, s.Size)
		return u.add(like)
	case steps.OpRemove:
		if s.After != 0 {
			u.moved[s.After] = true // its copy comes before it
			return nil
		}
		u.warn(s.From, "no-undo-removed", "files were removed for good and cannot come back")
		return nil
	case steps.OpRename:
		if s.Over != "" {
			u.warn(s.To, "no-undo-replaced", "files were replaced; what they held before cannot come back")
		}
		like.Op, like.Method, like.From, like.To, like.Absent, like.Version = steps.OpRename, steps.Rename, s.To, s.From, true, rec.Version
		u.sum.Renamed(s.Kind, s.Size)
		return u.add(like)
	case steps.OpCopy:
		if s.Over != "" || !s.Absent {
			u.warn(s.To, "no-undo-replaced", "files were replaced; what they held before cannot come back")
			if !u.moved[s.N] {
				return nil
			}
		}
		if u.moved[s.N] {
			return u.moveBack(like, s, rec)
		}
		return u.trash(like, s, rec)
	case steps.OpLink:
		return u.trash(like, s, rec)
	case steps.OpRestore:
		return u.trash(like, s, rec)
	}
	return nil
}

// moveBack copies what was moved to where it was, and removes it here.
func (u *undo) moveBack(like steps.Step, s *steps.Step, rec *steps.Record) error {
	like.Op, like.From, like.To, like.Absent = steps.OpCopy, s.To, s.From, true
	like.Version, like.Sum, like.Method = rec.Version, rec.Sum, back(s.Method)
	u.sum.Method(like.Method, s.Size)
	n, err := u.w.Add(like)
	if err != nil {
		return err
	}
	return u.add(steps.Step{Op: steps.OpRemove, From: s.To, Kind: s.Kind, Size: s.Size, Version: rec.Version, After: n})
}

// back is the method of the way back.
func back(m steps.Method) steps.Method {
	switch m {
	case steps.Upload:
		return steps.Download
	case steps.Download:
		return steps.Upload
	}
	return m
}

// trash has what s made go to the trash, if it still is that.
func (u *undo) trash(like steps.Step, s *steps.Step, rec *steps.Record) error {
	like.Op, like.From, like.Version = steps.OpTrash, s.To, rec.Version
	u.sum.Deletes.Add(s.Size)
	u.sum.Trash.Add(s.Size)
	return u.add(like)
}

// add adds a step.
func (u *undo) add(s steps.Step) error {
	_, err := u.w.Add(s)
	return err
}

func (u *undo) warn(ref steps.Ref, code, text string) {
	u.sum.Warn(code, text, u.e.uri(context.Background(), u.refs, ref))
}
