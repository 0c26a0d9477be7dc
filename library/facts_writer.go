package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"sync"
	"time"
)

// How facts are written.
const (
	factsDelay  = 50 * time.Millisecond // from the first change to its writing
	factsRetry  = 2 * time.Second       // after an attempt that did not succeed
	maxNoted    = 16 << 20              // bytes of changes that wait to be written
	factOptions = "mode=rw&_txlock=immediate&_busy_timeout=10000&_foreign_keys=1&_synchronous=NORMAL"
)

// facts collects changes and writes them in the background. Its goroutine begins with the
// first change and ends in close.
type facts struct {
	dir  string
	turn *turn
	log  *slog.Logger // nil: slog.Default

	mu       sync.Mutex
	db       *sql.DB // a connection that does not wait for the disk; nil before the first change
	waiting  *factBatch
	writing  *factBatch // being written, or refused; comes before waiting
	room     chan struct{}
	failing  bool  // the last attempt has failed
	lost     error // why changes were given up since somebody was told
	closed   bool
	hurry    chan struct{} // write now
	news     chan struct{} // there is something to write
	finished chan struct{} // the goroutine has ended
}

func newFacts(dir string, turn *turn) *facts {
	return &facts{
		dir: dir, turn: turn, waiting: newFactBatch(), room: make(chan struct{}),
		hurry: make(chan struct{}, 1), news: make(chan struct{}, 1), finished: make(chan struct{}),
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// note takes a change. Where too many wait to be written it waits too, unless writing
// does not succeed: then the change is given up.
func (f *facts) note(c factChange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.waiting.bytes > maxNoted && !f.closed {
		if f.failing {
			if f.lost == nil {
				f.lost = fmt.Errorf("too much waits to be written: %w", f.waiting.err)
			}
			return
		}
		room := f.room
		signal(f.hurry)
		f.mu.Unlock()
		<-room
		f.mu.Lock()
	}
	if f.closed {
		return
	}
	if f.db == nil {
		db, err := sql.Open("sqlite3", dsn(f.dir, factOptions)) // which touches no file
		if err != nil {
			f.lost = err
			return
		}
		db.SetMaxOpenConns(1)
		f.db = db
		go f.run()
	}
	f.waiting.add(c)
	signal(f.news)
}

// noted returns what is not written yet of dir's names in the range, sorted. Where a whole
// folder, or one name, of the volume was moved or dropped, it has that written first.
func (f *facts) noted(ctx context.Context, volume, dir, from, to string) ([]factChange, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		b := f.writing
		if f.waiting.moved[volume] {
			b = f.waiting
		}
		if b == nil || !b.moved[volume] {
			break
		}
		if err := f.await(ctx, b); err != nil {
			return nil, err
		}
	}
	over := map[string]factChange{}
	if f.writing != nil {
		f.writing.overlay(over, volume, dir, from, to)
	}
	f.waiting.overlay(over, volume, dir, from, to)
	return sortedChanges(over), nil
}

// await waits, without the lock, for an attempt to write b.
func (f *facts) await(ctx context.Context, b *factBatch) error {
	if f.closed {
		return fmt.Errorf("facts of library %s: %w", f.dir, iofs.ErrClosed)
	}
	attempt := b.attempt
	signal(f.hurry)
	f.mu.Unlock()
	var err error
	select {
	case <-attempt:
	case <-ctx.Done():
		err = ctx.Err()
	}
	f.mu.Lock()
	if err != nil {
		return err
	}
	return b.err
}

func (f *facts) flush(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.writing
	if len(f.waiting.changes) > 0 {
		b = f.waiting
	}
	if b != nil {
		if err := f.await(ctx, b); err != nil {
			return err
		}
	}
	err := f.lost
	f.lost = nil
	return err
}

// run writes what is noted, until close.
func (f *facts) run() {
	defer close(f.finished)
	for {
		delay := factsDelay
		f.mu.Lock()
		if f.failing {
			delay = factsRetry
		}
		f.mu.Unlock()
		select {
		case <-f.hurry:
		case <-f.news:
			timer := time.NewTimer(delay)
			select {
			case <-f.hurry:
			case <-timer.C:
			}
			timer.Stop()
		}
		if f.writeBatch() {
			return
		}
	}
}

// writeBatch makes one attempt and says whether it was the last.
func (f *facts) writeBatch() (last bool) {
	f.mu.Lock()
	if f.writing == nil && len(f.waiting.changes) > 0 {
		f.writing, f.waiting = f.waiting, newFactBatch()
		close(f.room)
		f.room = make(chan struct{})
	}
	b := f.writing
	f.mu.Unlock()
	var err error
	if b != nil {
		err = explain(f.dir, "write facts of", b.write(context.Background(), f.db, f.turn))
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if b == nil {
		return f.closed
	}
	b.ended(err)
	if err != nil {
		if !f.failing {
			f.logger().Error("facts of objects are not written; trying again", "err", err)
		}
		f.failing = true
		f.waiting.ended(err) // they come after b
		close(f.room)        // for those who wait to give up
		f.room = make(chan struct{})
		signal(f.news)
		return f.closed
	}
	if f.failing {
		f.logger().Info("facts of objects are written again")
	}
	f.failing, f.writing = false, nil
	if len(f.waiting.changes) == 0 {
		return f.closed
	}
	signal(f.news)
	if f.closed {
		signal(f.hurry)
	}
	return false
}

func (f *facts) logger() *slog.Logger {
	if f.log == nil {
		return slog.Default()
	}
	return f.log
}

// close writes what is left, with one more attempt, and ends the goroutine.
func (f *facts) close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	close(f.room)
	f.room = make(chan struct{})
	db := f.db
	f.mu.Unlock()
	if db == nil {
		return f.lost
	}
	signal(f.hurry)
	<-f.finished
	err := f.lost
	if f.failing {
		err = errors.Join(f.writing.err, err)
	}
	return errors.Join(err, explain(f.dir, "close", db.Close()))
}
