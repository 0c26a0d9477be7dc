package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sd/actions/steps"
)

// longState is how many bytes of what a large file saves still go into the journal. A longer
// state, which names thousands of parts and comes twice a second, has a file of its own, that
// the next replaces.
const longState = 2 << 10

// savedPath is that file.
func (r *run) savedPath(n int64) string {
	return filepath.Join(r.e.dir, fmt.Sprintf("%d.saved-%d", r.job, n))
}

// saved is what an attempt on step n has left for the next.
func (r *run) saved(n int64) json.RawMessage {
	r.mu.Lock()
	state, ok := r.kept[n]
	r.mu.Unlock()
	if ok {
		return state
	}
	state = r.history.Saved(n)
	if state != nil && string(state) == inFile {
		if text, err := os.ReadFile(r.savedPath(n)); err == nil {
			return text
		}
		return nil
	}
	return state
}

// inFile is what the journal has of a state in a file.
const inFile = `"in a file"`

// save keeps a state, safe from the end of this process.
func (r *run) save(n int64, state json.RawMessage) error {
	state = append(json.RawMessage(nil), state...)
	r.mu.Lock()
	_, again := r.filed[n]
	r.kept[n] = state
	delete(r.waited, n) // it has got farther
	if len(state) > longState {
		r.filed[n] = struct{}{}
	} else {
		delete(r.filed, n)
	}
	r.mu.Unlock()
	rec := steps.Record{N: n, State: steps.Begun, Saved: state}
	if len(state) > longState {
		if err := r.replaceState(n, state); err != nil || again {
			return err
		}
		rec.Saved = json.RawMessage(inFile)
	}
	if err := r.journal.Append(rec); err != nil {
		return err
	}
	return r.journal.Flush()
}

// replaceState gives the file of step n new content in one step.
func (r *run) replaceState(n int64, state json.RawMessage) error {
	temp, err := os.CreateTemp(r.e.dir, fmt.Sprintf(".%d.saved-*", r.job)) // goes with the job's files
	if err != nil {
		return err
	}
	_, err = temp.Write(state)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), r.savedPath(n))
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err
}

// unsave forgets the state of a step that has ended. r.mu is held.
func (r *run) unsave(n int64) {
	_, filed := r.filed[n]
	if filed || string(r.history.Saved(n)) == inFile {
		_ = os.Remove(r.savedPath(n))
	}
	delete(r.kept, n)
	delete(r.filed, n)
	delete(r.waited, n)
}
