//go:build linux

package actions

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sd/actions/steps"
	"sd/internal/testserver"
	"sd/library"
	"sd/sdpath"
)

// arg is a path as a command makes it.
func arg(path string) steps.Source {
	slash := strings.HasSuffix(path, "/")
	if strings.HasPrefix(path, "/") {
		path = sdpath.NewPhysical("local", strings.TrimSuffix(path, "/")).String()
	}
	return steps.Source{URI: path, Slash: slash}
}

// act plans and does what a command line says.
func (w *world) act(t *testing.T, action steps.Action, o steps.Options, paths ...string) library.Job {
	t.Helper()
	spec := steps.Spec{Action: action, Options: o, Who: steps.Who{User: "ann"}}
	if action != steps.Remove && action != steps.Mkdir {
		spec.Target, paths = arg(paths[len(paths)-1]), paths[:len(paths)-1]
	}
	for _, p := range paths {
		spec.Sources = append(spec.Sources, arg(p))
	}
	d, err := w.Plan(t.Context(), spec, nil)
	must(t, err)
	if s := d.Summary(); s.Conflicts+s.Denied > 0 {
		t.Fatalf("the plan has conflicts %+v, and denies %+v", s.ConflictList, s.DeniedList)
	}
	job, err := d.Commit(t.Context(), false)
	must(t, err)
	_, err = w.Run(t.Context(), job, nil)
	must(t, err)
	return job
}

// undo takes a job back, and returns the warnings of the plan.
func (w *world) undo(t *testing.T, job library.Job) (library.Job, []steps.Warning) {
	t.Helper()
	d, err := w.PlanUndo(t.Context(), job.ID, steps.Who{User: "ann"})
	must(t, err)
	warnings := d.Summary().Warnings
	back, err := d.Commit(t.Context(), false)
	must(t, err)
	_, err = w.Run(t.Context(), back, nil)
	must(t, err)
	if a := w.audit(t, back.ID); a.Undoes != job.ID || a.State != library.Done {
		t.Errorf("the log has %+v, want that it undoes job %d", a, job.ID)
	}
	return back, warnings
}

// home makes a folder on a file system that has a trash, with files.
func home(t *testing.T, files map[string]string) string {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", filepath.Join(t.TempDir(), "share"))
	dir := t.TempDir()
	makeTree(t, dir, files)
	return dir
}

// whole compares trees with their folders.
func whole(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What each action did to local files comes back.
func TestUndoLocal(t *testing.T) {
	files := map[string]string{"a": "one", "d/b": "two", "d/e/c": "three", "d/empty/": ""}
	for name, do := range map[string]func(w *world, dir string) library.Job{
		"cp": func(w *world, dir string) library.Job { return w.act(t, steps.Copy, recursive, dir+"/d", dir+"/new/") },
		"mv": func(w *world, dir string) library.Job { return w.act(t, steps.Move, recursive, dir+"/d", dir+"/new") },
		"mv a file": func(w *world, dir string) library.Job {
			return w.act(t, steps.Move, steps.Options{}, dir+"/a", dir+"/d/")
		},
		"rm": func(w *world, dir string) library.Job { return w.act(t, steps.Remove, recursive, dir+"/d", dir+"/a") },
		"mkdir": func(w *world, dir string) library.Job {
			return w.act(t, steps.Mkdir, steps.Options{Parents: true}, dir+"/x/y/z")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := home(t, files)
			before := treeOf(t, dir)
			w := newWorld(t, t.TempDir(), "")
			job := do(w, dir)
			after := treeOf(t, dir)
			if maps.Equal(before, after) {
				t.Fatal("nothing has happened")
			}
			back, warnings := w.undo(t, job)
			whole(t, treeOf(t, dir), before)
			if len(warnings) > 0 {
				t.Errorf("it is warned of %+v", warnings)
			}
			refused := new(UndoError)
			if _, err := w.PlanUndo(t.Context(), job.ID, steps.Who{}); !errors.As(err, &refused) {
				t.Errorf("got %v, want that it was undone already", err)
			}
			w.undo(t, back)
			whole(t, treeOf(t, dir), after)
		})
	}
}

var recursive = steps.Options{Recursive: true}

// What was moved or copied between stores goes back, and what somebody has changed since
// stays.
func TestUndoCloud(t *testing.T) {
	server := testserver.Versitygw(t, "bucket")
	w := newWorld(t, t.TempDir(), server.URL, "bucket")
	files := map[string]string{"a": "one", "d/b": "two", "d/e/c": strings.Repeat("three", 100)}
	dir := home(t, files)
	before := treeOf(t, dir)

	moved := w.act(t, steps.Move, recursive, dir+"/", "s3://bucket/to/")
	equal(t, bucketOf(t, server, "bucket", "to/"), files)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the folder has gone with its files", err)
	}
	w.undo(t, moved)
	equal(t, treeOf(t, dir), before)
	equal(t, bucketOf(t, server, "bucket", "to/"), nil)

	copied := w.act(t, steps.Copy, recursive, dir+"/", "s3://bucket/to/")
	server.MustPut(t, "bucket", "to/a", "somebody's")
	d, err := w.PlanUndo(t.Context(), copied.ID, steps.Who{})
	must(t, err)
	back, err := d.Commit(t.Context(), false)
	must(t, err)
	if _, err = w.Run(t.Context(), back, nil); !errors.As(err, new(*PartError)) {
		t.Errorf("got %v, want that one file is not as it was made", err)
	}
	equal(t, bucketOf(t, server, "bucket", "to/"), map[string]string{"a": "somebody's"})

	// The part that was not undone can be, once it can.
	if _, err := w.PlanUndo(t.Context(), copied.ID, steps.Who{}); err != nil {
		t.Errorf("got %v, want that the rest can be undone", err)
	}
}

// What cannot come back is said before anything happens.
func TestUndoWarns(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	dir := home(t, map[string]string{"a": "one", "b": "two", "c": "three"})
	removed := w.act(t, steps.Remove, steps.Options{Permanent: true}, dir+"/a")
	refused := new(UndoError)
	if _, err := w.PlanUndo(t.Context(), removed.ID, steps.Who{}); !errors.As(err, &refused) {
		t.Errorf("got %v, want that nothing can come back", err)
	}
	must(t, os.Chtimes(dir+"/b", yesterday(), yesterday()))
	replaced := w.act(t, steps.Copy, steps.Options{Overwrite: steps.Always}, dir+"/c", dir+"/b")
	if _, err := w.PlanUndo(t.Context(), replaced.ID, steps.Who{}); !errors.As(err, &refused) {
		t.Errorf("got %v, want that nothing can come back", err)
	}
	whole(t, treeOf(t, dir), map[string]string{"b": "three", "c": "three"})
}

func yesterday() time.Time { return time.Now().Add(-24 * time.Hour) }
