package rename

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// header says what a journal is about. Names are []byte, so that JSON keeps them.
type header struct {
	Volume   string
	From, To []byte
	Folder   bool
	Since    time.Time

	// Of a file:
	Version     string
	Size        int64
	Absent      bool   // nothing was to be at To
	CondVersion string // this was to be at To
}

// journal is the append-only file of one rename. It is safe for concurrent use.
type journal struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
}

// create makes the journal of one rename, which must not exist yet.
func create(path string, h header) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(h)
	l := &journal{path: path, file: f}
	if err == nil {
		err = l.add(record{kind: isHeader, name: string(text)})
	}
	if err != nil {
		l.drop()
		return nil, err
	}
	return l, nil
}

// reopen goes on with a journal that another process wrote. What that one did not
// write to the end is cut off.
func reopen(path string) (l *journal, h header, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, h, err
	}
	l = &journal{path: path, file: f}
	found := false
	l.size, err = scan(bufio.NewReaderSize(f, 64<<10), 0, func(_ int64, r record) error {
		if r.kind == isHeader && !found {
			found = true
			return json.Unmarshal([]byte(r.name), &h)
		}
		return nil
	})
	if err == nil && !found {
		err = errNoHeader
	}
	if err == nil {
		err = f.Truncate(l.size)
	}
	if err != nil {
		f.Close()
		return nil, h, err
	}
	return l, h, nil
}

// errNoHeader says that a process ended before it had written what it was about to do.
var errNoHeader = errors.New("an empty journal")

// add appends records by one write. After an error none of them is there.
func (l *journal) add(records ...record) error {
	var b []byte
	for _, r := range records {
		b = r.append(b)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.file.Write(b)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, l.file.Truncate(l.size))
		}
		return fmt.Errorf("cannot keep a journal of the rename: %w", err)
	}
	l.size += int64(n)
	return nil
}

// sync makes all that was added outlast a power failure.
func (l *journal) sync() error {
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("cannot keep a journal of the rename: %w", err)
	}
	return nil
}

// drop ends the journal: there is nothing left to do.
func (l *journal) drop() {
	l.file.Close()
	os.Remove(l.path)
}

// reader reads the records from off on, up to the present end.
func (l *journal) reader(off int64) *bufio.Reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bufio.NewReaderSize(io.NewSectionReader(l.file, off, l.size-off), 64<<10)
}

// at reads the one record at off.
func (l *journal) at(off int64) (record, error) {
	rec, _, err := read(bufio.NewReader(io.NewSectionReader(l.file, off, maxRecord)))
	return rec, err
}

// scan calls use with each record of r, which begins at off, and where it stands. It
// returns where the last whole one ends.
func scan(r *bufio.Reader, off int64, use func(off int64, r record) error) (int64, error) {
	for {
		rec, n, err := read(r)
		if err != nil {
			return off, nil
		}
		if err := use(off, rec); err != nil {
			return off, err
		}
		off += n
	}
}
