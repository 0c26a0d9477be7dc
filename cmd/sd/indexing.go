package main

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"

	"sd/fs"
	"sd/index/search"
	"sd/index/watch"
	"sd/jobs"
	"sd/library"
	"sd/sdpath"
)

const (
	jobsEvery  = time.Second      // how often a mount looks whether the library has changed, for jobs
	strayEvery = 10 * time.Second // how often it looks for jobs whose process was killed
	roomEvery  = 500 * time.Millisecond
	flushWait  = 10 * time.Second // how long its end waits for the last changes to be noted
)

// indexing is what a mount does to know its files. It is there before the tree and ends
// after it, for it is told of every change.
type indexing struct {
	places   *places
	watcher  *watch.Watcher                  // nil: locations are left as they are
	searcher atomic.Pointer[search.Searcher] // nil before the first query
}

// newIndexing begins nothing yet. With keep, the mount keeps locations up to date.
func newIndexing(p *places, keep bool) *indexing {
	x := &indexing{places: p}
	if keep {
		x.watcher = watch.New(watch.Config{Index: p.indexConfig(), Held: x.held, Pack: func(ctx context.Context) error {
			return search.Pack(ctx, p.library, false)
		}})
	}
	return x
}

// changes is who wants to know what is changed in volumes; nil is nobody.
func (x *indexing) changes() fs.Changes {
	if x.watcher == nil {
		return nil
	}
	return x.watcher
}

// startIndexing begins to keep locations up to date and to run the jobs that are left to
// a mount.
func (s *server) startIndexing() {
	if s.indexing.watcher == nil {
		return
	}
	s.indexing.watcher.Start()
	s.startJobs()
	s.beside.Go(func() { s.makeRoom(s.life) })
}

// How much memory the process may use beyond its cache before the collector runs more often.
const (
	spareRoom  = 64 << 20
	workRoom   = 96 << 20 // more, while a location is scanned or identified
	folderRoom = 1 << 10  // more, for each folder that is watched
)

// makeRoom adjusts the limit for the collector to what the index needs, until ctx ends.
// Blocks that were let go count until they are collected; that keeps the process little
// larger than its cache.
func (s *server) makeRoom(ctx context.Context) {
	tick := time.NewTicker(roomEvery)
	defer tick.Stop()
	for last := int64(0); ; {
		folders, busy := s.indexing.watcher.Load()
		room := int64(spareRoom) + int64(folders)*folderRoom
		if busy {
			room += workRoom
		}
		room += s.acting.room()
		if room != last {
			debug.SetMemoryLimit(s.cache.Stats().MaxBytes + room)
			last = room
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// held tells whether a job is about to index a location, or stands still there. One that
// was cut off and that nobody goes on with is made up for.
func (x *indexing) held(ctx context.Context, location int64) bool {
	list, err := jobs.List(ctx, x.places.library, 0)
	if err != nil {
		return false
	}
	for _, j := range list {
		here := j.Kind == jobIndex && j.Location == location && j.Device == x.places.library.ThisDevice().ID
		if here && (j.Live || j.Detached || j.State != library.Interrupted) {
			return true
		}
	}
	return false
}

// search answers the queries of the folder search/.
func (x *indexing) search(ctx context.Context, query string, limit int, yield func(name string, target sdpath.Path) error) error {
	s, err := x.open()
	if err != nil {
		return err
	}
	_, err = s.Search(ctx, search.Query{Text: query, Limit: limit}, func(h search.Hit) error {
		return yield(h.File.Name, h.Path)
	})
	return err
}

// open gives the Searcher, which is made for the first query.
func (x *indexing) open() (*search.Searcher, error) {
	if s := x.searcher.Load(); s != nil {
		return s, nil
	}
	s, err := search.Open(x.places.library, x.places.resolver)
	if err != nil {
		return nil, err
	}
	if !x.searcher.CompareAndSwap(nil, s) {
		_ = s.Close() // somebody else was faster
	}
	return x.searcher.Load(), nil
}

// close ends it, with all that was changed in volumes noted. What could not be is looked at
// by the next mount. A nil x is fine.
func (x *indexing) close() error {
	if x == nil {
		return nil
	}
	if x.watcher != nil {
		ctx, cancel := context.WithTimeout(context.Background(), flushWait)
		defer cancel()
		if err := x.watcher.Close(ctx); err != nil {
			x.places.log.Warn("the index is behind", "err", err)
		}
	}
	if s := x.searcher.Load(); s != nil {
		return s.Close()
	}
	return nil
}
