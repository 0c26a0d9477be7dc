package index

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"sd/library"
	"sd/library/catalog"
)

// maxProblems is how many problems of one scan are kept; the others are only counted.
const maxProblems = 10_000

// reportEvery is how often progress is told.
const reportEvery = 100 * time.Millisecond

// tally counts what a scan finds. It is safe for concurrent use.
type tally struct {
	began time.Time

	files, folders, bytes   atomic.Int64
	added, changed, removed atomic.Int64
	totalFiles, totalBytes  atomic.Int64

	mu       sync.Mutex
	count    int64
	list     []library.Problem
	diffs    map[What]int64
	reported time.Time
}

func newTally() *tally {
	t := &tally{began: time.Now(), diffs: map[What]int64{}}
	t.totalFiles.Store(-1)
	t.totalBytes.Store(-1)
	return t
}

// expect takes what the catalog has below a folder as what there will be. It returns at
// once; wait returns when it has counted or ctx has ended.
func (t *tally) expect(ctx context.Context, c *catalog.Catalog, under catalog.FolderID) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if n, err := c.Count(ctx, under); err == nil {
			t.totalFiles.Store(n.Files)
			t.totalBytes.Store(n.Bytes)
		}
	}()
	return func() { <-done }
}

func (t *tally) problems(list []library.Problem) {
	if len(list) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count += int64(len(list))
	t.list = append(t.list, list[:min(len(list), maxProblems-len(t.list))]...)
}

func (t *tally) differs(w What) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.diffs[w]++
}

// progress returns what was counted so far, and whether it is time to tell it.
func (t *tally) progress() (p Progress, due bool) {
	t.mu.Lock()
	problems, now := t.count, time.Now()
	if due = now.Sub(t.reported) >= reportEvery; due {
		t.reported = now
	}
	t.mu.Unlock()
	return Progress{
		Phase: "scan", Files: t.files.Load(), Folders: t.folders.Load(), Bytes: t.bytes.Load(),
		Changed: t.added.Load() + t.changed.Load() + t.removed.Load(), Problems: problems,
		TotalFiles: t.totalFiles.Load(), TotalBytes: t.totalBytes.Load(), Began: t.began, Now: now,
	}, due
}

// report is what the scan did in the end.
func (t *tally) report() Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Report{
		Files: t.files.Load(), Folders: t.folders.Load(), Bytes: t.bytes.Load(),
		Added: t.added.Load(), Changed: t.changed.Load(), Removed: t.removed.Load(),
		Problems: t.count, Took: time.Since(t.began),
	}
}
