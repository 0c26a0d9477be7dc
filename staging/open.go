package staging

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const defaultMaxBytes = 10 << 30

// Open makes cfg.Dir if need be, takes a folder in it, and adopts what other processes
// left that live no more. Reads of what it adopts work at once; nothing is uploaded
// before Start.
func Open(cfg Config) (*Store, error) {
	cfg.defaults()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("staging folder: %w", full(err))
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultMaxBytes
		if free, ok := diskFree(cfg.Dir); ok {
			cfg.MaxBytes = min(cfg.MaxBytes, free/2)
		}
	}
	s := &Store{cfg: cfg, files: map[*File]struct{}{}, queues: map[string]*queue{}}
	s.budget.limit = cfg.MaxBytes
	s.ctx, s.stop = context.WithCancel(context.Background())
	own, err := makeFolder(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s.own, s.tag = own, filepath.Base(own.path)
	if err := s.adopt(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.supersede()
	return s, nil
}

// diskFree tells how many bytes a user may still write where dir is.
func diskFree(dir string) (int64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}

func (s *Store) grid() grid { return grid{s.cfg.PartSize} }

// Close stops all uploads; they go on at the next Open. Files that were acknowledged
// stay in the staging folder, the rest is removed. It blocks until nothing runs.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, q := range s.queues {
		if q.timer != nil {
			q.timer.Stop()
		}
	}
	s.mu.Unlock()
	s.stop()
	s.life.Lock()
	s.ended = true
	s.life.Unlock()
	s.running.Wait()
	s.mu.Lock()
	files := s.files
	s.files = map[*File]struct{}{}
	s.mu.Unlock()
	for f := range files {
		f.end()
	}
	s.trash.close()
	s.spare.close()
	for _, d := range append(s.adopted, s.own) {
		d.release()
	}
	return nil
}

// spawn runs fn in a goroutine that Close waits for. After Close it does nothing, and
// says so.
func (s *Store) spawn(fn func()) bool {
	s.life.Lock()
	defer s.life.Unlock()
	if s.ended {
		return false
	}
	s.running.Go(fn)
	return true
}
