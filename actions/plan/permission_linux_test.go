package plan_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
)

// asNobody runs fn in a thread that may do with files what any user may.
func asNobody(t *testing.T, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never let go: the thread ends with the goroutine
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			t.Error(err)
			return
		}
		fn()
	}()
	<-done
}

func TestTargetsThatMayNotBeWritten(t *testing.T) {
	w := newWorld(t)
	w.write("a", "1", "shut/x", "2", "d/in/shut/y", "3", "to/in/shut/", "", "d/z", "4")
	for dir := w.dir; dir != "/" && strings.Contains(dir, "Test"); dir = filepath.Dir(dir) {
		w.must(os.Chmod(dir, 0o755))
	}
	for _, dir := range []string{"shut", "to/in/shut"} {
		w.must(os.Chmod(filepath.Join(w.dir, dir), 0o555))
	}
	w.must(os.Chmod(filepath.Join(w.dir, "to"), 0o777))
	w.must(os.Chmod(filepath.Join(w.dir, "to/in"), 0o777))
	asNobody(t, func() {
		for _, spec := range []*steps.Spec{
			w.spec(steps.Copy, "a", "shut"), w.spec(steps.Copy, "a", "shut/new"), w.spec(steps.Mkdir, "shut/new"), w.spec(steps.Move, "shut/x", "to"),
		} {
			if p, err := w.plan(spec); err == nil || !strings.Contains(err.Error(), "you may not write to this folder") {
				t.Errorf("%s: got %q, %v; want an error about the folder", spec.Action, w.text(p), err)
			}
		}
		p, err := w.plan(w.spec(steps.Remove, "shut/x"))
		if err != nil || p.sum.Denied != 1 || len(p.steps) > 0 {
			t.Errorf("rm: got %q, refused %v, %v; want one file refused", w.text(p), p.sum.DeniedList, err)
		}
		spec := w.spec(steps.Copy, "d/", "to")
		spec.Options.Recursive = true
		p, err = w.plan(spec)
		if err != nil || p.sum.Denied != 1 || len(p.steps) != 1 || filepath.Base(p.steps[0].To.Name) != "z" {
			t.Errorf("cp -r: got %q, refused %v, %v; want one file copied and one refused", w.text(p), p.sum.DeniedList, err)
		}
	})
	w.must(os.Chmod(filepath.Join(w.dir, "shut"), 0o755))
}
