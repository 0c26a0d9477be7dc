//go:build linux

package syncs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sd/actions"
	"sd/actions/steps"
	"sd/actions/syncs"
	"sd/library"
)

// draft plans and commits; run runs it.
func (w *world) draft(e *actions.Engine, s steps.Spec) (commit func() library.Job) {
	w.Helper()
	s.Options.Found = syncs.NewFound()
	d, err := e.Plan(w.Context(), s, nil)
	w.must(err)
	return func() library.Job {
		w.Helper()
		job, err := d.Commit(w.Context(), false)
		w.must(err)
		return job
	}
}

func (w *world) engine() *actions.Engine {
	e := actions.New(actions.Config{Library: w.lib, Resolver: w.resolver})
	w.Cleanup(func() { e.Close() })
	return e
}

// What an undo has taken back does not count as deleted either where the sync was killed
// before it kept its state, or where the folders had other names.
func TestUndoneBeforeSettled(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), folder(w.dir+"/b")
	a.write(w, "keep", "0")
	w.mustSync(spec(steps.Bidirectional, a, b))
	w.must(os.Symlink("a", w.dir+"/link"))
	for i, from := range []folder{a, folder(w.dir + "/link")} {
		name := fmt.Sprint("new", i)
		a.write(w, name, name)
		e := w.engine()
		job := w.draft(e, spec(steps.Bidirectional, from, b))()
		state := w.only("*.state")
		before, err := os.ReadFile(state)
		w.must(err)
		found := w.only("*.found")
		kept, err := os.ReadFile(found)
		w.must(err)
		_, err = e.Run(t.Context(), job, nil)
		w.must(err)
		w.must(os.WriteFile(found, kept, 0o600))
		w.must(os.WriteFile(state, before, 0o600))
		d, err := e.PlanUndo(t.Context(), job.ID, steps.Who{})
		w.must(err)
		job, err = d.Commit(t.Context(), false)
		w.must(err)
		_, err = e.Run(t.Context(), job, nil)
		w.must(err)
		if sum := w.mustSync(spec(steps.Bidirectional, a, b)); sum.Deletes.Files > 0 {
			t.Errorf("got %+v, want nothing removed", sum)
		}
		if got := a.tree(w); got[name] != name {
			t.Errorf("got %v, want %s still there", got, name)
		}
	}
}

// only is the one file of the syncs that a pattern matches.
func (w *world) only(pattern string) string {
	w.Helper()
	list, err := filepath.Glob(filepath.Join(w.lib.Dir(), "sync", pattern))
	w.must(err)
	if len(list) != 1 {
		w.Fatalf("got %v, want one %s", list, pattern)
	}
	return list[0]
}

// A sync that was planned before another one of the pair, and ran after it, does not bring back
// what was known then.
func TestPlannedBeforeAnother(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), folder(w.dir+"/b")
	s := spec(steps.Bidirectional, a, b)
	a.write(w, "x", "x")
	a.write(w, "y", "y")
	w.mustSync(s)
	w.mustSync(s)
	a.write(w, "new", "new")
	e := w.engine()
	commit := w.draft(e, s)
	w.must(os.Rename(a.at("x"), w.dir+"/aside"))
	if sum := w.mustSync(s); sum.Deletes.Files != 1 {
		t.Errorf("got %+v, want x removed", sum)
	}
	_, _ = e.Run(t.Context(), commit(), nil)
	w.must(os.Rename(w.dir+"/aside", a.at("x")))
	if sum := w.mustSync(s); sum.Deletes.Files > 0 {
		t.Errorf("got %+v, want nothing removed", sum)
	}
	w.inStep(s, a, b)
	if a.tree(w)["x"] != "x" {
		t.Error("what came back is gone")
	}
}

// old makes a file one that a selective sync does not keep.
func (f folder) old(w *world, name string) {
	w.Helper()
	then := time.Now().Add(-90 * 24 * time.Hour).Truncate(time.Second)
	w.must(os.Chtimes(f.at(name), then, then))
}

// A file whose bytes were changed under its old time is no copy of what the store has.
func TestSelectiveBelievesNoTime(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), prefix("b")
	s := spec(steps.Selective, a, b)
	a.write(w, "recent", "r")
	a.write(w, "f", "1")
	w.mustSync(spec(steps.Mirror, a, b))
	a.old(w, "f")
	w.mustSync(spec(steps.Mirror, a, b))
	f, err := os.OpenFile(a.at("f"), os.O_WRONLY, 0)
	w.must(err)
	_, err = f.WriteString("2")
	w.must(err)
	w.must(f.Close())
	a.old(w, "f")
	_, _ = w.sync(s)
	if got, kept := a.tree(w)["f"], b.tree(w)["f"]; got != "2" && kept != "2" {
		t.Errorf("got %q here and %q in the store, want what was written", got, kept)
	}
}

// What is removed because the other side has it stays if that is gone when it comes to it.
func TestRemovalCountsOnCopy(t *testing.T) {
	for _, mode := range []steps.SyncMode{steps.Selective, steps.Archive} {
		w := newWorld(t)
		a, b := folder(w.dir+"/a"), prefix("b")
		for _, name := range []string{"gone", "changed", "there"} {
			a.write(w, name, "text")
			a.old(w, name)
		}
		w.mustSync(spec(steps.Mirror, a, b))
		s := spec(mode, a, b)
		s.Options.Permanent = true
		e := w.engine()
		commit := w.draft(e, s)
		b.remove(w, "gone")
		b.write(w, "changed", "other")
		_, err := e.Run(t.Context(), commit(), nil)
		tree := a.tree(w)
		_, there := tree["there"]
		if tree["gone"] != "text" || tree["changed"] != "text" || there || err == nil {
			t.Errorf("%s: got %v, %v, want what the store has lost", mode, tree, err)
		}
	}
}
