//go:build linux

package syncs_test

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sd/actions"
	"sd/actions/steps"
	"sd/actions/syncs"
	"sd/library"
)

// What a filter leaves out is touched on neither side, and known again without it.
func TestFilters(t *testing.T) {
	pairs(t, func(t *testing.T, w *world, a, b side) {
		s := spec(steps.Mirror, a, b)
		a.write(w, "d/keep.txt", "1")
		a.write(w, "d/scrap.tmp", "2")
		b.write(w, "d/theirs.tmp", "3")
		b.write(w, "d/extra.txt", "4")
		s.Options.Exclude = []string{"*.tmp"}
		w.mustSync(s)
		got := b.tree(w)
		if len(got) != 3 || got["d/keep.txt"] != "1" || got["d/theirs.tmp"] != "3" {
			t.Errorf("got %v, want what is excluded left alone", got)
		}
		s.Options.Exclude = nil
		w.mustSync(s)
		w.inStep(s, a, b)
		// Nothing of what is known is forgotten because a filter hid it once.
		s = spec(steps.Bidirectional, a, b)
		s.Options.Include, s.Options.MaxDelete = []string{"*.txt"}, "100%"
		a.remove(w, "d/keep.txt")
		w.mustSync(s)
		s.Options.Include = nil
		b.remove(w, "d/scrap.tmp")
		w.mustSync(s)
		for _, side := range []side{a, b} {
			for name := range side.tree(w) {
				if !strings.HasSuffix(name, "/") {
					t.Errorf("%s came back", name)
				}
			}
		}
	})
}

// A link is copied as one, and is in step afterwards.
func TestLinks(t *testing.T) {
	for _, b := range []func(w *world) side{
		func(w *world) side { return folder(w.dir + "/b") }, func(w *world) side { return prefix("b") },
	} {
		w := newWorld(t)
		a, b := folder(w.dir+"/a"), b(w)
		a.write(w, "file", "x")
		w.must(os.Symlink("file", a.at("link")))
		w.must(syscall.Mkfifo(a.at("pipe"), 0o644))
		sum := w.mustSync(spec(steps.Mirror, a, b))
		if len(sum.Warnings) != 1 || sum.Warnings[0].Code != "special" {
			t.Errorf("got %+v, want a warning about the pipe", sum.Warnings)
		}
		if sum, list, err := w.plan(spec(steps.Mirror, a, b)); err != nil || sum.Steps > 0 {
			t.Errorf("got %+v, %v, want nothing to do", list, err)
		}
		c := folder(w.dir + "/c")
		w.mustSync(spec(steps.Mirror, b, c))
		if to, err := os.Readlink(c.at("link")); err != nil || to != "file" {
			t.Errorf("got %q, %v, want the link", to, err)
		}
	}
}

// Names of one file become files of their own, and that is told.
func TestHardLinks(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), folder(w.dir+"/b")
	a.write(w, "one", "x")
	w.must(os.Link(a.at("one"), a.at("two")))
	sum := w.mustSync(spec(steps.Mirror, a, b))
	if len(sum.Warnings) != 1 || sum.Warnings[0].Code != "hard-links" || sum.Warnings[0].Count != 1 {
		t.Errorf("got %+v, want a warning about the second name", sum.Warnings)
	}
	w.inStep(spec(steps.Mirror, a, b), a, b)
}

// A folder that is named by a link is the folder.
func TestLinkedRoot(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), prefix("b")
	a.write(w, "f", "1")
	w.must(os.Symlink("a", w.dir+"/link"))
	w.mustSync(spec(steps.Mirror, folder(w.dir+"/link"), b))
	w.inStep(spec(steps.Mirror, a, b), a, b)
	if _, _, err := w.plan(spec(steps.Mirror, a, folder(w.dir+"/link/in"))); err == nil {
		t.Error("a folder was to be mirrored into itself")
	}
}

// What lies in a folder that cannot be looked into is missing on no side.
func TestBlindFolder(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), folder(w.dir+"/b")
	for _, name := range []string{"d/one", "d/sub/two", "e/three"} {
		a.write(w, name, name)
	}
	for _, mode := range []steps.SyncMode{steps.Mirror, steps.Bidirectional} {
		w.mustSync(spec(mode, a, b))
		before := b.tree(w)
		if err := syscall.Mount("proc", a.at("d"), "proc", 0, ""); err != nil {
			t.Skip("no file system can be mounted here: ", err)
		}
		sum, err := w.sync(spec(mode, a, b))
		w.must(syscall.Unmount(a.at("d"), 0))
		if err != nil || sum.Deletes.Files > 0 || len(sum.Warnings) == 0 {
			t.Errorf("%s: got %+v, %v, want a warning", mode, sum, err)
		}
		if got := b.tree(w); len(got) != len(before) {
			t.Errorf("%s: got %v, want %v", mode, got, before)
		}
		a.remove(w, "d/one")
		if sum := w.mustSync(spec(mode, a, b)); sum.Deletes.Files != 1 {
			t.Errorf("%s: got %+v, want what was deleted since removed", mode, sum)
		}
		a.write(w, "d/one", "again")
	}
}

// A job that has not ended must end before the same folders are planned; what was known is
// kept meanwhile.
func TestUnfinished(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), prefix("b")
	for i := range 50 {
		a.write(w, fmt.Sprint("f", i), fmt.Sprint(i))
	}
	s := spec(steps.Bidirectional, a, b)
	e := actions.New(actions.Config{Library: w.lib, Resolver: w.resolver})
	defer e.Close()
	for i := range 2 { // the one is dropped, the other kept
		s.Options.Found = syncs.NewFound()
		d, err := e.Plan(t.Context(), s, nil)
		w.must(err)
		if i == 0 {
			w.must(d.Discard())
			continue
		}
		job, err := d.Commit(t.Context(), false)
		w.must(err)
		_, _, err = w.plan(spec(steps.Mirror, b, a)) // the same two, in whatever way
		var unfinished *syncs.UnfinishedError
		if !errors.As(err, &unfinished) || unfinished.Job != job.ID || unfinished.State != library.Paused {
			t.Errorf("got %v, want that job %d must end", err, job.ID)
		}
		_, err = e.Run(t.Context(), job, nil)
		w.must(err)
	}
	w.inStep(s, a, b)
	if left, err := filepath.Glob(filepath.Join(w.lib.Dir(), "sync", "*")); err != nil || len(left) > 3 {
		t.Errorf("got %v, %v: what was found of jobs that ended stays", left, err)
	}
}

// Two conflicts about one name within a second keep all versions.
func TestConflictsAtOnce(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), folder(w.dir+"/b")
	s := spec(steps.Bidirectional, a, b)
	for _, n := range []string{"1", "2"} {
		a.write(w, "f", "of a "+n)
		b.write(w, "f", "of b, "+n)
		w.mustSync(s)
		w.inStep(s, a, b)
	}
	if got := a.tree(w); len(got) != 3 {
		t.Errorf("got %v, want three files", got)
	}
}

// A damaged state loses no file: it only knows nothing.
func TestDamagedState(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), folder(w.dir+"/b")
	s := spec(steps.Bidirectional, a, b)
	for i := range 20 {
		a.write(w, fmt.Sprint("f", i), fmt.Sprint(i))
	}
	w.mustSync(s)
	w.mustSync(s)
	states, err := filepath.Glob(filepath.Join(w.lib.Dir(), "sync", "*.state"))
	w.must(err)
	if len(states) != 1 {
		t.Fatalf("got states %v, want one", states)
	}
	whole, err := os.ReadFile(states[0])
	w.must(err)
	a.remove(w, "f3")
	for _, at := range []int{0, 9, len(whole) / 2, len(whole) - 1} {
		for _, cut := range []bool{false, true} {
			text := []byte(string(whole))
			if text[at] ^= 0x20; cut {
				text = text[:at]
			}
			w.must(os.WriteFile(states[0], text, 0o600))
			sum, _, err := w.plan(s)
			if err != nil || sum.Deletes.Files > 0 || sum.Total.Files != 1 || len(sum.Warnings) != 1 {
				t.Errorf("byte %d, cut %v: got %+v, %v, want the file back and a warning", at, cut, sum, err)
			}
		}
	}
	w.must(os.WriteFile(states[0], whole, 0o600))
	if sum, _, err := w.plan(s); err != nil || sum.Deletes.Files != 1 {
		t.Errorf("got %+v, %v, want one file to be removed", sum, err)
	}
}

// A name that a service would list as another one stays here, and out of the state.
func TestNamesThatServicesLose(t *testing.T) {
	for _, mode := range []steps.SyncMode{steps.Mirror, steps.Bidirectional, steps.Archive} {
		w := newWorld(t)
		a, b := folder(w.dir+"/a"), prefix("b")
		a.write(w, "bad\xff", "1")
		a.write(w, "bad\xfe/in", "2")
		a.write(w, "göod", "3")
		sum := w.mustSync(spec(mode, a, b))
		if len(sum.Warnings) != 1 || sum.Warnings[0].Code != "name" || sum.Total.Files != 1 {
			t.Errorf("%s: got %+v, want one file, and a warning about the others", mode, sum)
		}
		sum = w.mustSync(spec(mode, a, b))
		if sum.Steps > 0 || sum.Deletes.Files > 0 {
			t.Errorf("%s: got %+v, want nothing to do", mode, sum)
		}
		for _, name := range []string{"bad\xff", "bad\xfe/in"} {
			if _, err := os.Stat(a.at(name)); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
	}
}

// A store that does not answer is not empty.
func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	a, b := prefix("a"), folder(w.dir+"/b")
	a.write(w, "f", "1")
	s := spec(steps.Mirror, a, b)
	w.mustSync(s)
	w.before = func(op, _ string) error {
		if op == "LIST" {
			return errors.New("no answer")
		}
		return nil
	}
	if _, err := w.sync(s); err == nil {
		t.Error("a store that does not answer was mirrored")
	}
	w.before = nil
	if _, err := w.syncIn(context.Background(), spec(steps.Mirror, prefix("mistyped"), b)); err == nil {
		t.Error("a folder that is not there was mirrored")
	}
	w.inStep(s, a, b)
}

// What an undo has taken back does not count as deleted by a user.
func TestUndone(t *testing.T) {
	pairs(t, func(t *testing.T, w *world, a, b side) {
		s := spec(steps.Bidirectional, a, b)
		a.write(w, "f", "1")
		b.write(w, "g", "2")
		w.mustSync(s)
		jobs, err := w.lib.Jobs(t.Context(), 1)
		w.must(err)
		e := actions.New(actions.Config{Library: w.lib, Resolver: w.resolver})
		defer e.Close()
		d, err := e.PlanUndo(t.Context(), jobs[0].ID, steps.Who{})
		w.must(err)
		job, err := d.Commit(t.Context(), false)
		w.must(err)
		_, err = e.Run(t.Context(), job, nil)
		w.must(err)
		if got := b.tree(w); got["f"] != "" || got["g"] != "2" {
			t.Errorf("got %v, want the copy gone again", got)
		}
		if sum := w.mustSync(s); sum.Deletes.Files > 0 {
			t.Errorf("got %+v, want nothing removed", sum)
		}
		w.inStep(s, a, b)
		if got := b.tree(w); got["f"] != "1" || got["g"] != "2" {
			t.Errorf("got %v, want both files on both sides", got)
		}
	})
}

// TestMissingInSource has a walk of the source say that something is not there: nothing of the
// target counts as deleted for that.
func TestMissingInSource(t *testing.T) {
	for name, mode := range map[string]steps.SyncMode{"mirror": steps.Mirror, "both ways": steps.Bidirectional} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, b := prefix("docs"), folder(w.dir+"/b")
			a.write(w, "f", "same")
			b.write(w, "g", "only here")
			w.before = func(op, _ string) error {
				if op == "LIST" {
					return &iofs.PathError{Op: "walk", Path: "docs", Err: &iofs.PathError{Op: "list", Path: "docs/sub", Err: iofs.ErrNotExist}}
				}
				return nil
			}
			if sum, list, err := w.plan(spec(mode, a, b)); !errors.Is(err, iofs.ErrNotExist) {
				t.Errorf("got %d steps %+v, %v, want fs.ErrNotExist", sum.Steps, list, err)
			}
		})
	}
}
