//go:build linux

package actions

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sd/actions/steps"
	"sd/internal/testserver"
	"sd/library"
)

// killedAfter makes a job that has ended what it was if its process had been killed before the
// steps in undone.
func (w *world) killedAfter(t *testing.T, job int64, undone map[int64]bool) library.Job {
	t.Helper()
	path := w.journalPath(job)
	var keep []steps.Record
	must(t, steps.ReadJournal(path, func(r steps.Record) error {
		if !undone[r.N] || r.State == steps.Reached {
			keep = append(keep, r)
		}
		return nil
	}))
	must(t, os.Remove(path))
	j, err := steps.OpenJournal(path)
	must(t, err)
	for _, r := range keep {
		must(t, j.Append(r))
	}
	must(t, j.Close())
	now, err := w.lib.Job(t.Context(), job)
	must(t, err)
	now.State = library.Paused
	must(t, w.lib.UpdateJob(t.Context(), now))
	return now
}

// A source stays if the copy that an earlier run has made of it is not there any more.
func TestCopyGoneBeforeRemoval(t *testing.T) {
	for _, to := range []string{"local", "s3"} {
		t.Run(to, func(t *testing.T) {
			endpoint := ""
			var server *testserver.Server
			if to == "s3" {
				server = testserver.Versitygw(t, "bucket")
				endpoint = server.URL
			}
			w := newWorld(t, t.TempDir(), endpoint, "bucket")
			src, dst := t.TempDir(), t.TempDir()
			target := dst
			if to == "s3" {
				target = "s3://bucket/to"
			}
			files := map[string]string{"changed": "one", "gone": "two", "kept": "three"}
			makeTree(t, src, files)
			aside := t.TempDir()
			for name := range files {
				must(t, os.Link(filepath.Join(src, name), filepath.Join(aside, name)))
			}
			d := w.planned(t, steps.Spec{Action: steps.Move}, src, target, func(p *writer) error { return p.tree(t.Context(), true) })
			removals := make(map[int64]bool)
			must(t, d.Each(func(s *steps.Step) error {
				if s.Op == steps.OpRemove {
					removals[s.N] = true
				}
				return nil
			}))
			job, err := d.Commit(t.Context(), false)
			must(t, err)
			_, err = w.Run(t.Context(), job, nil)
			must(t, err)
			job = w.killedAfter(t, job.ID, removals)
			for name := range files {
				must(t, os.Link(filepath.Join(aside, name), filepath.Join(src, name)))
			}
			if to == "s3" {
				must(t, server.Delete(context.Background(), "bucket", "to/gone"))
				server.MustPut(t, "bucket", "to/changed", "other")
			} else {
				must(t, os.Remove(filepath.Join(dst, "gone")))
				must(t, os.WriteFile(filepath.Join(dst, "changed"), []byte("other"), 0o600))
			}
			_, err = w.Run(t.Context(), job, nil)
			if part := new(PartError); !errors.As(err, &part) || part.Failed != 2 {
				t.Errorf("got %v, want that two files stay", err)
			}
			delete(files, "kept")
			equal(t, treeOf(t, src), files)
		})
	}
}

// The log does not say that a job has ended which goes on, and one that was killed then is
// cleaned up by who cancels it.
func TestFailedGoesOn(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	src, dst := t.TempDir(), t.TempDir()
	makeTree(t, src, map[string]string{"a": "one", "b": "two"})
	job := w.committed(t, src, dst, false)
	makeTree(t, dst, map[string]string{"b": "in the way"})
	_, err := w.Run(t.Context(), job, nil)
	if part := new(PartError); !errors.As(err, &part) {
		t.Fatalf("got %v, want that one file failed", err)
	}
	must(t, w.reopenAudit(t.Context(), job.ID)) // as at the beginning of a run
	now, err := w.lib.Job(t.Context(), job.ID)
	must(t, err)
	now.State = library.Running // which was killed
	must(t, w.lib.UpdateJob(t.Context(), now))
	if a := w.audit(t, job.ID); a.State != "" || !a.Ended.IsZero() {
		t.Errorf("the log has %+v of a job that goes on", a)
	}
	must(t, w.Cancel(t.Context(), job.ID))
	if a := w.audit(t, job.ID); a.State != library.Canceled {
		t.Errorf("the log has %+v, want that it was canceled", a)
	}
}

// What a journal says that a job of the same number has left, in a library that was put back from
// an older copy, is not about a new job.
func TestJournalOfAnother(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	src, dst := t.TempDir(), t.TempDir()
	files := map[string]string{"a": "one", "b": "two"}
	makeTree(t, src, files)
	first := w.committed(t, src, t.TempDir(), false)
	j, err := steps.OpenJournal(w.journalPath(first.ID + 1))
	must(t, err)
	for n := range int64(2) {
		must(t, j.Append(steps.Record{N: n + 1, State: steps.Done}))
	}
	must(t, j.Close())
	job := w.committed(t, src, dst, false)
	_, err = w.Run(t.Context(), job, nil)
	must(t, err)
	equal(t, treeOf(t, dst), files)
}
