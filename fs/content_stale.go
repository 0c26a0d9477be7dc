package fs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sd/identity"
	"sd/library/catalog"
	"sd/resolver"
)

// maxStale bounds what waits to be noted; what is more will be found again.
const maxStale = 1000

// staleCopies takes off their contents the copies that were found to have changed, so that they are
// identified anew, and has it remembered where a disk or a service has changed them unseen. It
// writes in the background: no reader waits for the library. Safe for concurrent use.
type staleCopies struct {
	resolver *resolver.Resolver
	log      *slog.Logger

	mu      sync.Mutex
	waiting map[staleCopy]refusal
	running bool
	closed  bool
	runs    sync.WaitGroup
}

type staleCopy struct {
	folder catalog.FolderID
	name   string
}

// refusal is what speaks against a copy.
type refusal struct {
	source resolver.Source
	rot    *wrongBytes // nil: it has another version, or cannot be blamed alone
}

// wrongBytes says that a copy has not the bytes that it was proven to have.
type wrongBytes struct{ expected, actual identity.Sum }

func (e *wrongBytes) Error() string {
	return "its bytes are not those that were proven: the disk or the service has changed them unseen"
}

// add notes that a source is not a copy of its content.
func (s *staleCopies) add(src resolver.Source, rot *wrongBytes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting) >= maxStale {
		return
	}
	if s.waiting == nil {
		s.waiting = make(map[staleCopy]refusal)
	}
	s.waiting[staleCopy{src.Folder, src.File.Name}] = refusal{src, rot}
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
		// First what is rotten: once they are disproved nothing tells what they held.
		for _, r := range now {
			if r.rot == nil {
				continue
			}
			if err := s.resolver.Rotten(ctx, &r.source, r.rot.expected, r.rot.actual); err != nil {
				s.log.Warn("cannot note that a copy has rotten", "copy", r.source.Path, "err", err)
			}
		}
		err := s.resolver.Catalog().Update(ctx, func(tx *catalog.Tx) error {
			for c, r := range now {
				if err := tx.Disprove(c.folder, c.name, r.source.File.FileVersion()); err != nil {
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
