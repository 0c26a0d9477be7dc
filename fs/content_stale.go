package fs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sd/library/catalog"
	"sd/resolver"
)

// maxStale bounds what waits to be noted; what is more will be found again.
const maxStale = 1000

// staleCopies takes off their contents the copies that were found to have changed, so that they are
// identified anew. It writes in the background: no reader waits for the library. Safe for
// concurrent use.
type staleCopies struct {
	catalog *catalog.Catalog
	log     *slog.Logger

	mu      sync.Mutex
	waiting map[staleCopy]catalog.FileVersion
	running bool
	closed  bool
	runs    sync.WaitGroup
}

type staleCopy struct {
	folder catalog.FolderID
	name   string
}

// add notes that a source is not a copy of its content.
func (s *staleCopies) add(src resolver.Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting) >= maxStale {
		return
	}
	if s.waiting == nil {
		s.waiting = make(map[staleCopy]catalog.FileVersion)
	}
	s.waiting[staleCopy{src.Folder, src.File.Name}] = src.File.FileVersion()
	if !s.running {
		s.running = true
		s.runs.Go(s.run)
	}
}

// run writes what waits.
func (s *staleCopies) run() {
	for {
		s.mu.Lock()
		now := s.waiting
		s.waiting = nil
		s.running = len(now) > 0
		s.mu.Unlock()
		if len(now) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
			for c, version := range now {
				if err := tx.Disprove(c.folder, c.name, version); err != nil {
					return err
				}
			}
			return nil
		})
		cancel()
		if err != nil {
			s.log.Warn("cannot note that copies have changed", "copies", len(now), "err", err)
		}
	}
}

// close writes what waits and ends.
func (s *staleCopies) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.runs.Wait()
}
