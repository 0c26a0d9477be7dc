//go:build linux

package actions

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sd/actions/steps"
)

// What a file of thousands of parts saves does not fill the journal, and is found by the next
// run.
func TestLongStates(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	src := t.TempDir()
	makeTree(t, src, map[string]string{"a": "one", "b": "two"})
	job := w.committed(t, src, t.TempDir(), false)
	open := func() *run {
		t.Helper()
		r, err := w.openRun(t.Context(), job.ID)
		must(t, err)
		r.journal, err = steps.OpenJournal(w.journalPath(job.ID))
		must(t, err)
		return r
	}
	state := func(n int, text string) json.RawMessage { return json.RawMessage(`"` + strings.Repeat(text, n) + `"`) }
	r := open()
	for i := range 100 {
		must(t, r.save(1, state(longState+i, "x")))
	}
	must(t, r.save(2, state(longState, "y")))
	must(t, r.save(2, state(10, "z"))) // it was begun anew
	must(t, r.close())
	if info, err := os.Stat(w.journalPath(job.ID)); err != nil || info.Size() > 3*longState {
		t.Errorf("the journal has %d bytes, %v", info.Size(), err)
	}
	r = open()
	if got := r.saved(1); string(got) != string(state(longState+99, "x")) {
		t.Errorf("got %d bytes of the large file, want the last state", len(got))
	}
	if got := r.saved(2); string(got) != string(state(10, "z")) {
		t.Errorf("got %s of the other, want the last state", got)
	}
	r.mu.Lock()
	r.unsave(1)
	r.mu.Unlock()
	if _, err := os.Stat(r.savedPath(1)); !os.IsNotExist(err) {
		t.Errorf("the state of a file that is done stays: %v", err)
	}
	must(t, r.close())
}
