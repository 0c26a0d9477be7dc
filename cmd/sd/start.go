package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"sd/backends"
	"sd/cache"
	"sd/fs"
	"sd/rename"
	"sd/staging"
)

// start brings up everything that a mount consists of, or nothing.
func (a *app) start(ctx context.Context, opts mountOptions, log *slog.Logger) (_ *server, _ net.Listener, err error) {
	if err := mayMount(opts.allowOther); err != nil {
		return nil, nil, err
	}
	if err := preparePlace(ctx, opts.mountpoint); err != nil {
		return nil, nil, err
	}
	runtimeDir, err := makeRuntimeDir()
	if err != nil {
		return nil, nil, err
	}
	s := &server{log: log, ending: newEnding(opts.drain)}
	s.life, s.die = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.places, err = a.open(ctx); err != nil {
		return nil, nil, err
	}
	s.places.log = log
	s.places.library.LogTo(log)
	s.indexing = newIndexing(s.places, !opts.noIndex)
	if s.metrics, err = listenMetrics(opts.metrics); err != nil {
		return nil, nil, err
	}
	// The process must not keep the folder busy that it was started in.
	if err := os.Chdir("/"); err != nil {
		return nil, nil, err
	}
	s.cache, err = cache.New(cache.Config{MaxBytes: opts.cacheSize, Dir: opts.cacheDir, MaxDisk: opts.diskCacheSize, Log: log})
	if err != nil {
		return nil, nil, err
	}
	// Blocks that were let go count until they are collected: near this much memory the
	// collector runs more often, so that the process stays little larger than its cache.
	debug.SetMemoryLimit(s.cache.Stats().MaxBytes + spareRoom)
	if err := s.openWriting(ctx, opts); err != nil {
		return nil, nil, err
	}
	if s.fs, err = fs.Mount(s.treeConfig(opts)); err != nil {
		return nil, nil, err
	}
	s.tree.Store(s.fs)
	s.info = &mountInfo{
		Mountpoint: opts.mountpoint, PID: os.Getpid(), Started: time.Now().Round(time.Second),
		DataDir: s.places.dataDir, Library: s.places.library.Name(), ReadOnly: opts.readOnly, Version: version,
		Log: logName(opts.mountpoint), Metrics: s.metrics.url(), NoIndex: opts.noIndex,
	}
	l, err := register(runtimeDir, s.info)
	if err != nil {
		return nil, nil, errors.Join(err, s.fs.Unmount())
	}
	s.begin()
	return s, l, nil
}

// openWriting opens what it takes to change volumes, and finds what earlier mounts have
// left to do. A read-only mount leaves that to the next one that may write.
func (s *server) openWriting(ctx context.Context, opts mountOptions) (err error) {
	if opts.readOnly {
		return nil
	}
	// Each library has folders of its own, since another one does not know its volumes.
	library := s.places.library.Name()
	dir := opts.stagingDir
	if dir == "" {
		dir = filepath.Join(s.places.dataDir, "staging")
	}
	s.staging, err = staging.Open(staging.Config{
		Dir:       filepath.Join(dir, library),
		MaxBytes:  opts.stagingSize,
		WriteBack: opts.writeBack,
		Device:    s.places.resolver.ThisDevice().Slug,
		Backend:   s.places.backend,
		Log:       s.log,
		// The kernel may write before start has the tree in its hands.
		Committed: func(volume, name string, e backends.Entry) {
			if tree := s.tree.Load(); tree != nil {
				tree.Committed(volume, name, e)
			}
		},
		Conflict: func(volume, name, copy string) {
			if tree := s.tree.Load(); tree != nil {
				tree.Conflicted(volume, name, copy)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("there is no place for files that are being written: %w; choose one with --staging-dir, or mount with --read-only", err)
	}
	s.renames, err = rename.Open(rename.Config{
		Dir:     filepath.Join(s.places.dataDir, "renames", library),
		Backend: s.places.backend,
		Log:     s.log,
	})
	return err
}

// treeConfig says what fs is to serve.
func (s *server) treeConfig(opts mountOptions) fs.Config {
	return fs.Config{
		Resolver:    s.places.resolver,
		Cache:       s.cache,
		Mountpoint:  opts.mountpoint,
		ReadOnly:    opts.readOnly,
		AllowOther:  opts.allowOther,
		Debug:       opts.debug,
		UID:         opts.uid,
		GID:         opts.gid,
		Umask:       opts.umask,
		MetadataTTL: opts.metadataTTL,
		Staging:     s.staging,
		Renames:     s.renames,
		Facts:       s.places.library,
		Search:      s.indexing.search,
		Changes:     s.indexing.changes(),
		OverlayDir:  filepath.Join(s.places.dataDir, "overlay"),
		Log:         s.log,
	}
}

// begin starts what goes on beside the tree. It ends with s.life.
func (s *server) begin() {
	if s.staging != nil {
		s.staging.Start()
	}
	if s.renames != nil {
		s.beside.Go(func() {
			if err := s.renames.Recover(s.life); err != nil && s.life.Err() == nil {
				s.log.Warn("renames of an earlier mount are not finished", "err", err)
			}
		})
	}
	s.metrics.serve(s)
	s.acting = newActing(s)
	s.startIndexing()
}

// close ends what start has brought up, but for the tree. What waits for its upload
// stays on the disk.
func (s *server) close() error {
	var errs []error
	s.die()
	s.beside.Wait()
	errs = append(errs, s.acting.close())
	s.metrics.close()
	if s.renames != nil {
		errs = append(errs, s.renames.Close())
	}
	if s.staging != nil {
		errs = append(errs, s.staging.Close())
	}
	errs = append(errs, s.indexing.close()) // after all that changes volumes
	if s.cache != nil {
		s.cache.Close()
	}
	if s.places != nil {
		errs = append(errs, s.places.Close())
	}
	return errors.Join(errs...)
}

// backend is the store of the volume with this fingerprint.
func (p *places) backend(ctx context.Context, fingerprint string) (backends.Backend, error) {
	v, err := p.byFingerprint(ctx, fingerprint)
	if err != nil {
		return nil, err
	}
	if v, err = p.opened(ctx, v); err != nil {
		return nil, err
	}
	return v.Backend, nil
}

// logName is where a background mount's log lies; one in the foreground has none.
func logName(mountpoint string) string {
	if !isDaemon() {
		return ""
	}
	name, _ := logPath(mountpoint)
	return name
}
