package steps

import (
	"encoding/json"
	"errors"
	iofs "io/fs"
	"os"
)

// History is what a journal says of each step of a plan. It takes some bytes a step. Its
// methods are safe for concurrent use, but for Close.
type History struct {
	file    *os.File // nil: there is no journal
	state   []State  // by number; 0: nothing is known
	at      []int64  // where the last record of a step begins
	saved   map[int64]json.RawMessage
	doubted map[int64]bool
	reached int64
	runs    int
}

// ReadHistory reads the journal of a plan with so many steps. Boot is the present one: what
// was done on another, and was not Synced there, is doubtful. The caller closes it.
func ReadHistory(path string, count int64, boot string) (*History, error) {
	h := &History{state: make([]State, count+1), at: make([]int64, count+1),
		saved: make(map[int64]json.RawMessage), doubted: make(map[int64]bool)}
	file, err := os.Open(path)
	if errors.Is(err, iofs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	h.file = file
	if err := h.read(boot); err != nil {
		file.Close()
		return nil, err
	}
	return h, nil
}

func (h *History) read(boot string) error {
	type entry struct{ index, n int64 }
	var (
		index, off int64
		unsynced   []entry // done, and only in memory for all we know
		on         string  // the boot of what is read
	)
	lost := func(now string) {
		if on != now {
			for _, e := range unsynced {
				h.doubted[e.n] = true
			}
			unsynced = nil
		}
	}
	_, err := readRecordsAt(h.file, func(at int64, r Record) error {
		index, off = index+1, at
		switch r.State {
		case Opened:
			lost(r.Boot)
			on = r.Boot
			h.runs++
		case Reached:
			h.reached = max(h.reached, r.N)
		case Synced:
			// What was appended before the count that the mark has is safe.
			kept := unsynced[:0]
			for _, e := range unsynced {
				if e.index > r.N {
					kept = append(kept, e)
				}
			}
			unsynced = kept
		default:
			if r.N < 1 || r.N >= int64(len(h.state)) {
				return errDamaged
			}
			h.reached = max(h.reached, r.N)
			h.state[r.N], h.at[r.N] = r.State, off
			delete(h.doubted, r.N)
			delete(h.saved, r.N)
			switch r.State {
			case Begun:
				h.saved[r.N] = r.Saved
			case Done:
				unsynced = append(unsynced, entry{index, r.N})
			}
		}
		return nil
	})
	lost(boot)
	return err
}

// State is what the last record of a step says, 0 if there is none.
func (h *History) State(n int64) State { return h.state[n] }

// MayHaveBegun tells whether something may have been done of a step that has not ended.
func (h *History) MayHaveBegun(n int64) bool { return n <= h.reached }

// Doubted tells whether a step is Done by the journal, but what it wrote to a local file
// system may have been lost since.
func (h *History) Doubted(n int64) bool { return h.doubted[n] }

// Saved is what a large file's last attempt has left for the next; nil if nothing.
func (h *History) Saved(n int64) json.RawMessage { return h.saved[n] }

// Runs is how many runs there were.
func (h *History) Runs() int { return h.runs }

// Record reads the last record of a step; a zero one if there is none.
func (h *History) Record(n int64) (Record, error) {
	if h.state[n] == 0 {
		return Record{}, nil
	}
	return readRecordAt(h.file, h.at[n])
}

// Close closes the journal.
func (h *History) Close() error {
	if h.file == nil {
		return nil
	}
	return h.file.Close()
}
