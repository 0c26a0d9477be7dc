package library

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// turn lets those who write to the database begin in a fair order. SQLite's own lock is not
// fair: one who writes transaction after transaction, as a scan does, keeps all others out for as
// long as it likes. In this process one writes at a time, in the order of asking. Among processes
// one has a lock on a file from when it asks for the database until it has it; nobody asks
// without, so whoever has just written comes after who waits. Where that file cannot be had,
// or its owner stands still, writers do without.
type turn struct {
	path string
	mine chan struct{} // holds one value while somebody here waits for the database or writes

	file *os.File // nil: not opened yet; for whoever has put the value into mine
}

// How long a writer waits before it asks for the turn again, and until it does without.
const (
	turnPoll  = 2 * time.Millisecond
	turnLimit = 10 * time.Second
)

func newTurn(dir string) *turn {
	return &turn{path: filepath.Join(dir, "locks", "turn"), mine: make(chan struct{}, 1)}
}

// take waits for the turn and calls begin, which waits for the database and begins a transaction. The
// caller calls done at its end. Errors are those of begin and of ctx.
func (t *turn) take(ctx context.Context, begin func() error) (done func(), err error) {
	select {
	case t.mine <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	done = func() { <-t.mine }
	locked, err := t.lock(ctx)
	if err == nil {
		err = begin()
	}
	if locked {
		_ = syscall.Flock(int(t.file.Fd()), syscall.LOCK_UN)
	}
	if err != nil {
		done()
		return nil, err
	}
	return done, nil
}

func (t *turn) lock(ctx context.Context) (locked bool, err error) {
	if t.file == nil {
		if err := mkdirPrivate(filepath.Dir(t.path)); err != nil {
			return false, nil
		}
		f, err := os.OpenFile(t.path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return false, nil
		}
		_ = f.Chmod(0o600) // whatever the umask
		t.file = f
	}
	for limit := time.Now().Add(turnLimit); ; {
		switch err := syscall.Flock(int(t.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case err == nil:
			return true, nil
		case err == syscall.EINTR:
			continue
		case err != syscall.EWOULDBLOCK || time.Now().After(limit):
			return false, nil
		}
		select {
		case <-time.After(turnPoll):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// close ends the use of t, when nobody writes any more.
func (t *turn) close() {
	t.mine <- struct{}{}
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
	<-t.mine
}
