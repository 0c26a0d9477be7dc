package staging

import (
	"errors"
	iofs "io/fs"
	"os"
	"sync"
	"time"
)

// trash removes small files that are done with, some time later and many at once, or
// gives them to be used again. To free what was just synced makes the next sync wait,
// on a disk that is told of freed blocks, and that one is somebody's close(2); and file
// systems look long for an inode when many have just been freed. A file counts no more
// once it is renamed. Safe for concurrent use; the zero trash is ready.
type trash struct {
	mu     sync.Mutex
	paths  []string
	waits  bool // empty will run
	closed bool
}

const (
	trashAfter = 2 * time.Second
	maxTrash   = 4096 // files
)

// add throws a file away.
func (t *trash) add(path string) error {
	done := path + doneSuffix
	if err := os.Rename(path, done); err != nil {
		if errors.Is(err, iofs.ErrNotExist) {
			return nil
		}
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.paths) >= maxTrash {
		return os.Remove(done)
	}
	t.paths = append(t.paths, done)
	if !t.waits {
		t.waits = true
		time.AfterFunc(trashAfter, t.empty)
	}
	return nil
}

// take makes a file that was thrown away path, and opens it with what it held. It
// returns nil if there is none.
func (t *trash) take(path string) *os.File {
	t.mu.Lock()
	n := len(t.paths)
	if n == 0 {
		t.mu.Unlock()
		return nil
	}
	done := t.paths[n-1]
	t.paths = t.paths[:n-1]
	t.mu.Unlock()
	if os.Rename(done, path) != nil {
		return nil
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil
	}
	return file
}

// empty removes what was thrown away.
func (t *trash) empty() {
	t.mu.Lock()
	paths := t.paths
	t.paths, t.waits = nil, false
	t.mu.Unlock()
	for _, path := range paths {
		_ = os.Remove(path) // the next start removes what is left
	}
}

// close empties the trash for good.
func (t *trash) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.empty()
}
