package staging

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"sd/backends"
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
	s := &Store{cfg: cfg, files: map[*File]struct{}{}}
	s.budget.limit = cfg.MaxBytes
	s.ctx, s.stop = context.WithCancel(context.Background())
	own, err := makeFolder(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s.own = own
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
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
	s.mu.Lock()
	files := s.files
	s.files = map[*File]struct{}{}
	s.mu.Unlock()
	var errs []error
	for f := range files {
		errs = append(errs, f.end())
	}
	s.own.release()
	return errors.Join(errs...)
}

// backendFor finds the store for an upload of f.
func (s *Store) backendFor(ctx context.Context, f *File) (backends.Backend, error) {
	if f.backend != nil {
		return f.backend, nil
	}
	return s.backendOf(ctx, f)
}
