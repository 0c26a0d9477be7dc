package identify

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"sd/index"
)

// tally counts what is done.
type tally struct {
	began                  time.Time
	totalFiles, totalBytes int64

	files      atomic.Int64 // that are done with
	bytes      atomic.Int64 // of those, and of what is under way
	read       atomic.Int64 // from disks and stores
	downloaded atomic.Int64
	proven     atomic.Int64
	probable   atomic.Int64
	changed    atomic.Int64
	problems   atomic.Int64
}

func (t *tally) progress() index.Progress {
	return index.Progress{
		Phase: "identify", Files: t.files.Load(), Bytes: t.bytes.Load(),
		Changed: t.proven.Load(), Problems: t.problems.Load(),
		TotalFiles: t.totalFiles, TotalBytes: t.totalBytes,
		Began: t.began, Now: time.Now(),
	}
}

func (t *tally) report() Report {
	return Report{
		Files: t.files.Load(), Bytes: t.read.Load(), Proven: t.proven.Load(), Probable: t.probable.Load(),
		Changed: t.changed.Load(), Problems: t.problems.Load(), Downloaded: t.downloaded.Load(),
		Took: time.Since(t.began),
	}
}

// reportEvery is how often the caller is told of the progress.
const reportEvery = 200 * time.Millisecond

// gate calls the caller's functions, one at a time.
type gate struct {
	control index.Control
	tally   *tally

	mu  sync.Mutex
	err error // of Check: nothing goes on after it
}

// check blocks while the work pauses, and returns an error once it is to end.
func (g *gate) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil || g.control.Check == nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = g.control.Check(ctx)
	}
	return g.err
}

// follow reports until stop is called, and then once more.
func (g *gate) follow() (stop func()) {
	if g.control.Report == nil {
		return func() {}
	}
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(reportEvery)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				if g.mu.TryLock() { // else it pauses: nothing is new
					g.control.Report(g.tally.progress())
					g.mu.Unlock()
				}
			}
		}
	})
	return func() {
		close(over)
		wg.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.control.Report(g.tally.progress())
	}
}
