//go:build linux

package actions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/library"
)

// A plan changes nothing; its job does what it says, and the log tells so.
func TestCopy(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	src, dst := t.TempDir(), t.TempDir()
	files := map[string]string{"a": "one", "b/c": "two", "b/d/e": "", "empty/": "", "\xff odd\n": "three"}
	makeTree(t, src, files)
	must(t, os.Symlink("../nowhere", filepath.Join(src, "b/link")))
	files["b/link"] = "-> ../nowhere"

	d := w.planned(t, steps.Spec{Action: steps.Copy, Sources: []steps.Source{{URI: "local://x/src", Slash: true}}, Target: steps.Source{URI: "local://x/dst"},
		Who: steps.Who{User: "ann", UID: 7, Host: "mac", Line: "sd cp -r src/ dst"}}, src, dst, func(p *writer) error { return p.tree(t.Context(), false) })
	if got := treeOf(t, dst); len(got) != 0 {
		t.Errorf("a plan has made %v", got)
	}
	job, err := d.Commit(t.Context(), false)
	must(t, err)
	if job.State != library.Paused || job.Title != "cp local://x/src/ to local://x/dst" {
		t.Errorf("got job %+v", job)
	}
	if a := w.audit(t, job.ID); a.State != "" || a.User != "ann" || a.UID != 7 || a.Host != "mac" || a.Command != "sd cp -r src/ dst" {
		t.Errorf("the log has %+v of a job that was not begun", a)
	}
	var last Progress
	told := make(chan library.Audit)
	go func() { // who sees that it is over finds what it came to
		for j := job; !j.State.Ended(); {
			j, _ = w.lib.Job(t.Context(), job.ID)
		}
		a, _ := w.lib.JobAudit(t.Context(), job.ID)
		told <- a
	}()
	out, err := w.Run(t.Context(), job, func(p Progress) { last = p })
	must(t, err)
	if a := <-told; a.State != library.Done {
		t.Errorf("the log has %+v of a job that was seen to be done", a)
	}
	equal(t, treeOf(t, dst), files)
	if out.Copied.Files != 5 || out.Copied.Bytes != 11 || out.Folders != 3 || out.Failed+out.Skipped+out.Left != 0 {
		t.Errorf("got %+v, want 5 files of 11 bytes and 3 folders", out)
	}
	if last.Files != 5 || last.TotalFiles != 5 || last.Bytes != 11 || last.TotalBytes != 11 {
		t.Errorf("the last progress is %+v", last)
	}
	a := w.audit(t, job.ID)
	if o, ok := Decode(a); !ok || a.State != library.Done || o.Copied != out.Copied || a.Ended.IsZero() {
		t.Errorf("the log has %+v, want what was done", a)
	}
	if _, err := w.Run(t.Context(), job, nil); err == nil {
		t.Error("a job that is done runs again")
	}
}

// A draft that is dropped leaves nothing.
func TestDiscard(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	d := w.planned(t, steps.Spec{Action: steps.Copy}, t.TempDir(), t.TempDir(), func(*writer) error { return nil })
	must(t, d.Discard())
	must(t, d.Discard())
	left, err := os.ReadDir(w.dir)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %v; want nothing", left, err)
	}
	if _, err := d.Commit(t.Context(), false); err == nil {
		t.Error("a dropped plan was committed")
	}
	stop := errors.New("stop")
	_, err = w.PlanFrom(t.Context(), steps.Spec{}, func(_ context.Context, _ *steps.Writer, _ *stores.Set) (steps.Summary, []steps.StoreRef, error) {
		return steps.Summary{}, nil, stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of the planner", err)
	}
	if left, _ := os.ReadDir(w.dir); len(left) > 0 {
		t.Errorf("a plan that was not made leaves %v", left)
	}
}

// What is not as it was planned is left alone and told, file by file, and the rest is done.
func TestWorldHasChanged(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	src, dst := t.TempDir(), t.TempDir()
	files := make(map[string]string)
	for i := range 40 {
		files[fmt.Sprintf("f%02d", i)] = fmt.Sprint("file ", i)
	}
	makeTree(t, src, files)
	job := w.committed(t, src, dst, false)
	must(t, os.WriteFile(filepath.Join(src, "f03"), []byte("changed by somebody"), 0o644))
	must(t, os.Remove(filepath.Join(src, "f04")))
	makeTree(t, dst, map[string]string{"f05": "somebody's", "f06": "file 6"})
	out, err := w.Run(t.Context(), job, nil)
	part := new(PartError)
	if !errors.As(err, &part) || part.Failed != 4 || part.Total != 40 || !strings.Contains(err.Error(), fmt.Sprintf("sd log %d", job.ID)) {
		t.Fatalf("got %v, want that 4 of 40 failed", err)
	}
	files["f05"] = "somebody's" // the others were not overwritten, and not made
	delete(files, "f03")
	delete(files, "f04")
	equal(t, treeOf(t, dst), files)
	if out.Failed != 4 || out.Copied.Files != 36 || len(out.Failures) != 4 {
		t.Errorf("got %+v", out)
	}
	for _, f := range out.Failures {
		if f.From == "" || f.To == "" || f.Err == "" {
			t.Errorf("a failure is %+v", f)
		}
	}
	if a := w.audit(t, job.ID); a.State != library.Failed || a.Error == "" {
		t.Errorf("the log has %+v", a)
	}
	if got := w.states(t, job.ID); got["done"] != 36 || got["failed"] != 4 {
		t.Errorf("the journal has %v", got)
	}

	// What failed is tried again; the cause may be gone.
	must(t, os.Remove(filepath.Join(dst, "f05")))
	files["f05"] = "file 5"
	job, err = w.lib.Job(t.Context(), job.ID)
	must(t, err)
	out, err = w.Run(t.Context(), job, nil)
	if !errors.As(err, &part) || part.Failed != 2 || out.Copied.Files != 38 {
		t.Errorf("got %+v, %v; want that only what has changed fails", out, err)
	}
	equal(t, treeOf(t, dst), files)
}

// A move removes what has arrived and nothing else.
func TestMove(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	src, dst := t.TempDir(), t.TempDir()
	files := map[string]string{"a": "one", "b/c": "two", "b/d/e": "three"}
	makeTree(t, src, files)
	job := w.committed(t, src, dst, true)
	makeTree(t, dst, map[string]string{"b/c": "in the way"})
	_, err := w.Run(t.Context(), job, nil)
	part := new(PartError)
	if !errors.As(err, &part) || part.Failed != 1 {
		t.Errorf("got %v, want that one file failed", err)
	}
	equal(t, treeOf(t, src), map[string]string{"b/c": "two"})
	equal(t, treeOf(t, dst), map[string]string{"a": "one", "b/c": "in the way", "b/d/e": "three"})
	if got := w.states(t, job.ID); got[""] != 1 || got["failed"] != 1 {
		t.Errorf("the journal has %v, want one removal that was not tried", got)
	}
	must(t, os.Remove(filepath.Join(dst, "b/c")))
	job, err = w.lib.Job(t.Context(), job.ID)
	must(t, err)
	out, err := w.Run(t.Context(), job, nil)
	must(t, err)
	equal(t, treeOf(t, dst), files)
	if got := treeOf(t, src); len(got) != 0 || out.Moved.Files != 3 {
		t.Errorf("%v is left, and %+v was done", got, out)
	}
}

// No source is removed before its copy is safe from a loss of power, whichever run made it.
func TestSafeBeforeRemoval(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	src, dst := t.TempDir(), t.TempDir()
	makeTree(t, src, small(20))
	d := w.planned(t, steps.Spec{Action: steps.Move}, src, dst, func(p *writer) error { return p.tree(t.Context(), true) })
	copies := make(map[int64]int64) // by removal
	must(t, d.Each(func(s *steps.Step) error {
		if s.Op == steps.OpRemove {
			copies[s.N] = s.After
		}
		return nil
	}))
	job, err := d.Commit(t.Context(), false)
	must(t, err)
	makeTree(t, dst, map[string]string{"dir 0/file 003": "in the way"})
	if _, err := w.Run(t.Context(), job, nil); err == nil {
		t.Fatal("all was moved")
	}
	must(t, os.Remove(filepath.Join(dst, "dir 0/file 003")))
	_, err = w.Run(t.Context(), job, nil)
	must(t, err)
	var index, safe int64
	at, removed := make(map[int64]int64), 0
	must(t, steps.ReadJournal(w.journalPath(job.ID), func(r steps.Record) error {
		index++
		switch {
		case r.State == steps.Synced:
			safe = max(safe, r.N)
		case r.State == steps.Done:
			at[r.N] = index
			if c := copies[r.N]; c != 0 {
				if removed++; at[c] == 0 || at[c] > safe {
					t.Errorf("step %d removed a file whose copy was record %d, when %d were safe", r.N, at[c], safe)
				}
			}
		}
		return nil
	}))
	if removed != 20 {
		t.Errorf("%d files were removed, want 20", removed)
	}
}
