package steps

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"sync"
	"time"
)

// State is what became of a step, or a mark about many.
type State uint8

// The states. The last record of a step counts.
const (
	Begun   State = iota + 1 // with Saved: what a later run needs to go on inside a large file
	Done                     // as planned; Method is the way it was done
	Skipped                  // not needed any more: what was to be done had been done
	Failed                   // Err says why

	// Marks are not about one step.
	Opened  // a run begins, on the boot Boot
	Reached // no step behind N was begun so far
	Synced  // what the first N records say was Done is safe from a loss of power
)

var stateNames = [...]string{Begun: "begun", Done: "done", Skipped: "skipped", Failed: "failed", Opened: "opened", Reached: "reached", Synced: "synced"}

// String is the name of the state.
func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return "unknown"
}

// MarshalText is String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Ended tells whether the step has come to an end, well or not.
func (s State) Ended() bool { return s == Done || s == Skipped || s == Failed }

// Record tells what became of a step.
type Record struct {
	N       int64
	State   State
	Method  Method          // how it was done
	Version string          // of what was made
	Name    string          // where it went if that is not To: what the trash calls it
	Sum     string          // BLAKE3 in hex of what was made, if that is known
	Bytes   int64           // that passed through this machine
	Err     string          // why it is Failed; for Done, what could not be kept
	At      int64           // milliseconds since 1970; Append sets it
	Saved   json.RawMessage // only of Begun
	Boot    string          // only of Opened
}

func (r *Record) encode(e *encoder) {
	*e = append(*e, byte(r.State), byte(r.Method))
	e.int(r.N)
	e.int(r.At)
	e.int(r.Bytes)
	e.string(r.Version)
	e.string(r.Name)
	e.string(r.Sum)
	e.string(r.Err)
	e.string(string(r.Saved))
	e.string(r.Boot)
}

func (r *Record) decode(text []byte) error {
	if len(text) < 2 {
		return errDamaged
	}
	d := decoder{rest: text[2:]}
	*r = Record{State: State(text[0]), Method: Method(text[1]), N: d.int(), At: d.int(), Bytes: d.int(),
		Version: d.string(), Name: d.string(), Sum: d.string(), Err: d.string()}
	if saved := d.bytes(); len(saved) > 0 {
		r.Saved = append(json.RawMessage(nil), saved...)
	}
	r.Boot = d.string()
	return d.end()
}

const (
	holdTime    = 50 * time.Millisecond // how long a record may wait for others
	holdRecords = 256                   // and how many may
)

// Journal is the file in which the records of a plan are kept. Its methods are safe for
// concurrent use.
type Journal struct {
	mu    sync.Mutex
	file  *os.File
	body  encoder
	held  []byte // frames that are not written yet
	count int    // of those
	total int64  // records, with those that were there
	timer *time.Timer
	armed bool
	err   error // of a write that failed: all that follows would be behind a hole
}

// OpenJournal opens the journal for more records, and makes it if there is none. Of what a
// killed process wrote last, what is not whole is cut off.
func OpenJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	end, err := readRecords(file, func(Record) error { total++; return nil })
	if err == nil {
		err = file.Truncate(end)
	}
	if err == nil {
		_, err = file.Seek(end, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	j := &Journal{file: file, total: total}
	j.timer = time.AfterFunc(time.Hour, func() { _ = j.Flush() })
	j.timer.Stop()
	return j, nil
}

// Append adds a record. It is in the file, safe from the end of this process, within 50 ms
// or with the next Flush. An error is that of an earlier write.
func (j *Journal) Append(r Record) error {
	if r.At == 0 {
		r.At = time.Now().UnixMilli()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	j.body = j.body[:0]
	r.encode(&j.body)
	j.held = appendFrame(j.held, j.body)
	j.total++
	if j.count++; j.count >= holdRecords {
		return j.flush()
	}
	if !j.armed {
		j.armed = true
		j.timer.Reset(holdTime)
	}
	return nil
}

// Len is how many records there are, with those of earlier runs.
func (j *Journal) Len() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.total
}

// Flush writes what was appended: it is safe from the end of this process then.
func (j *Journal) Flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.flush()
}

// Sync waits until what was appended is safe from a loss of power.
func (j *Journal) Sync() error {
	if err := j.Flush(); err != nil {
		return err
	}
	return j.file.Sync()
}

// Close writes what was appended and closes the file.
func (j *Journal) Close() error {
	j.timer.Stop()
	return errors.Join(j.Flush(), j.file.Close())
}

// flush writes what is held. j.mu is held.
func (j *Journal) flush() error {
	j.armed, j.count = false, 0
	if j.err == nil && len(j.held) > 0 {
		_, j.err = j.file.Write(j.held)
	}
	j.held = j.held[:0]
	return j.err
}

// ReadJournal calls fn with the records in their order. A journal that is not there is
// empty, and what is not whole at its end is left out. It stops at fn's first error.
func ReadJournal(path string, fn func(Record) error) error {
	file, err := os.Open(path)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = readRecords(file, fn)
	return err
}

// readRecords reads records up to the first that is not whole, and returns where that is.
func readRecords(file io.Reader, fn func(Record) error) (int64, error) {
	return readRecordsAt(file, func(_ int64, r Record) error { return fn(r) })
}

// readRecordsAt also tells where each begins.
func readRecordsAt(file io.Reader, fn func(at int64, r Record) error) (int64, error) {
	r := frames{r: bufio.NewReaderSize(file, readBuf)}
	for {
		at := r.off
		body, err := r.next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errDamaged):
			return r.off, nil
		case err != nil:
			return r.off, err
		}
		var rec Record
		if err := rec.decode(body); err != nil {
			return at, err
		}
		if err := fn(at, rec); err != nil {
			return at, err
		}
	}
}

// readRecordAt reads one record.
func readRecordAt(file io.ReaderAt, at int64) (Record, error) {
	r := frames{r: bufio.NewReaderSize(io.NewSectionReader(file, at, maxFrame+16), 1<<10)}
	body, err := r.next()
	if err != nil {
		return Record{}, err
	}
	var rec Record
	return rec, rec.decode(body)
}
