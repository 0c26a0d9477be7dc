//go:build linux

package actions

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/library"
)

// Between two mounts of one file system nothing can be renamed, and is moved all the same.
func TestRenameBetweenMounts(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	if err := unix.Mount(dst, dst, "", unix.MS_BIND, ""); err != nil {
		t.Skip("nothing can be mounted here: ", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dst, unix.MNT_DETACH)) })
	w := newWorld(t, t.TempDir(), "")
	makeTree(t, src, map[string]string{"a": "one", "b": "two"})
	must(t, os.Symlink("nowhere", filepath.Join(src, "link")))
	job := w.renames(t, src, dst)
	out, err := w.Run(t.Context(), job, nil)
	must(t, err)
	equal(t, treeOf(t, dst), map[string]string{"a": "one", "b": "two", "link": "-> nowhere"})
	if left := treeOf(t, src); len(left) > 0 || out.Moved.Files != 3 {
		t.Errorf("%v is left, and %+v was done", left, out)
	}

	// A process that was killed between the copy and the removal is gone on for, and what
	// somebody has put in the place of the source stays.
	makeTree(t, src, map[string]string{"c": "three", "d": "four"})
	job = w.renames(t, src, dst)
	makeTree(t, dst, map[string]string{"c": "three", "d": "four"})
	j, err := steps.OpenJournal(w.journalPath(job.ID))
	must(t, err)
	for n, name := range []string{"c", "d"} {
		st, path := w.at(t, filepath.Join(dst, name))
		e, err := st.Stat(t.Context(), path)
		must(t, err)
		text, err := json.Marshal(brought{true, e.Version, uint8(steps.LocalCopy)})
		must(t, err)
		must(t, j.Append(steps.Record{N: int64(n + 1), State: steps.Begun, Saved: text}))
	}
	must(t, j.Close())
	must(t, os.Remove(filepath.Join(src, "c")))
	must(t, os.Remove(filepath.Join(dst, "d")))
	_, err = w.Run(t.Context(), job, nil)
	if err == nil {
		t.Error("a file went whose copy had gone")
	}
	equal(t, treeOf(t, src), map[string]string{"d": "four"})
	if a := w.audit(t, job.ID); a.State != library.Failed {
		t.Errorf("the log has %+v", a)
	}
}

// renames commits the renames of what lies in one folder.
func (w *world) renames(t *testing.T, from, to string) library.Job {
	t.Helper()
	d := w.planned(t, steps.Spec{Action: steps.Move}, from, to, func(p *writer) error {
		list, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		for _, f := range list {
			e, err := p.from.Stat(t.Context(), filepath.Join(from, f.Name()))
			if err != nil {
				return err
			}
			s := p.copyOf(&e, f.Name())
			s.Op = steps.OpRename
			if _, err := p.Add(s); err != nil {
				return err
			}
		}
		return nil
	})
	job, err := d.Commit(t.Context(), false)
	must(t, err)
	return job
}
