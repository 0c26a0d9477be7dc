package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sd/cache"
	"sd/fs"
	"sd/rename"
	"sd/staging"
)

// useTimeout is how long files that were open at SIGTERM may stay in use.
const useTimeout = 10 * time.Second

// carryTimeout is how long SIGTERM waits for changed attributes to be sent.
const carryTimeout = 3 * time.Second

// server is one mount being served by this process.
type server struct {
	info     *mountInfo
	fs       *fs.Server
	tree     atomic.Pointer[fs.Server] // the same, for those who begin before it is there
	cache    *cache.Cache
	staging  *staging.Store  // nil if read-only
	renames  *rename.Journal // nil if read-only
	places   *places
	indexing *indexing
	acting   *acting
	metrics  *metrics
	log      *slog.Logger
	ending   *ending

	life   context.Context // of what goes on beside the tree
	die    context.CancelFunc
	beside sync.WaitGroup
}

// serve mounts, says so, and returns when the tree is unmounted. Whoever waits for
// the mount is told of a failure too; the same failure is returned.
func (a *app) serve(ctx context.Context, opts mountOptions) error {
	level := slog.LevelInfo
	if a.verbose > 0 || opts.debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(a.errOut, &slog.HandlerOptions{Level: level}))

	// From here on signals are ours: the first asks for a clean end, the second for any.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	s, listener, err := a.start(context.WithoutCancel(ctx), opts, log)
	if err != nil {
		reportReady(readyReport{Error: err.Error()})
		return err
	}

	var replies sync.WaitGroup
	go serveControl(listener, &replies, s.handle)
	log.Info("mounted", "mountpoint", s.info.Mountpoint, "library", s.info.Library, "version", version)
	reportReady(readyReport{Mountpoint: s.info.Mountpoint})

	s.waitForEnd(signals)
	s.acting.pause() // what is not done goes on at the next mount
	s.finish(signals)
	// Until here a new mount at the same place waits: what we have left is its work.
	err = s.close()
	unregister(s.info)
	listener.Close()
	replies.Wait()
	log.Info("unmounted", "mountpoint", s.info.Mountpoint)
	return err
}

// waitForEnd returns when the tree is unmounted by whatever means.
func (s *server) waitForEnd(signals <-chan os.Signal) {
	select {
	case <-s.fs.Done():
		return
	case sig := <-signals:
		s.log.Info("asked to end", "signal", sig)
	}

	gone := make(chan struct{})
	go func() {
		defer close(gone)
		ctx, cancel := context.WithTimeout(s.life, carryTimeout)
		defer cancel()
		s.carry(ctx)
		err := s.fs.Unmount()
		if err == nil {
			return
		}
		// New work ends here; what is open has a while to finish.
		s.log.Warn("files are in use, detaching", "err", err, "holders", holders(s.info.Mountpoint))
		s.detach()
		select {
		case <-s.fs.Done():
		case <-time.After(useTimeout):
			s.log.Warn("files are still in use, ending all the same", "mountpoint", s.info.Mountpoint)
		}
	}()
	select {
	case <-gone:
	case sig := <-signals:
		s.log.Warn("asked to end at once", "signal", sig)
		s.ending.allow(0)
		s.detach()
	}
}

func (s *server) detach() {
	if err := s.fs.Detach(); err != nil {
		s.log.Error("the tree stays in place", "err", err)
	}
}
