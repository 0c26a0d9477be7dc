package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"sd/cache"
	"sd/fs"
)

// drainTimeout is how long files that were open at SIGTERM may stay in use.
const drainTimeout = 10 * time.Second

// server is one mount being served by this process.
type server struct {
	info   *mountInfo
	fs     *fs.Server
	cache  *cache.Cache
	places *places
	log    *slog.Logger
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
	defer s.places.Close()
	defer s.cache.Close()

	var replies sync.WaitGroup
	go serveControl(listener, &replies, s.handle)
	log.Info("mounted", "mountpoint", s.info.Mountpoint, "library", s.info.Library, "version", version)
	reportReady(readyReport{Mountpoint: s.info.Mountpoint})

	s.waitForEnd(signals)
	unregister(s.info)
	listener.Close()
	replies.Wait()
	log.Info("unmounted", "mountpoint", s.info.Mountpoint)
	return nil
}

// start brings up everything that a mount consists of, or nothing.
func (a *app) start(ctx context.Context, opts mountOptions, log *slog.Logger) (s *server, l net.Listener, err error) {
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
	p, err := a.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	// The process must not keep the folder busy that it was started in.
	if err := os.Chdir("/"); err != nil {
		return nil, nil, err
	}
	blocks, err := cache.New(cache.Config{MaxBytes: opts.cacheSize})
	if err != nil {
		return nil, nil, err
	}
	// Blocks that were let go count until they are collected: near this much memory the
	// collector runs more often, so that the process stays little larger than its cache.
	debug.SetMemoryLimit(blocks.Stats().MaxBytes + 64<<20)
	defer func() {
		if err != nil {
			blocks.Close()
		}
	}()
	mounted, err := fs.Mount(fs.Config{
		Resolver:    p.resolver,
		Cache:       blocks,
		Mountpoint:  opts.mountpoint,
		ReadOnly:    opts.readOnly,
		AllowOther:  opts.allowOther,
		Debug:       opts.debug,
		UID:         opts.uid,
		GID:         opts.gid,
		Umask:       opts.umask,
		MetadataTTL: opts.metadataTTL,
		Log:         log,
	})
	if err != nil {
		return nil, nil, err
	}
	s = &server{
		fs: mounted, cache: blocks, places: p, log: log,
		info: &mountInfo{
			Mountpoint: opts.mountpoint, PID: os.Getpid(), Started: time.Now().Round(time.Second),
			DataDir: p.dataDir, Library: p.library.Name(), ReadOnly: opts.readOnly, Version: version,
			Log: logName(opts.mountpoint),
		},
	}
	l, err = register(runtimeDir, s.info)
	if err != nil {
		return nil, nil, errors.Join(err, mounted.Unmount())
	}
	return s, l, nil
}

// logName is where a background mount's log lies; one in the foreground has none.
func logName(mountpoint string) string {
	if !isDaemon() {
		return ""
	}
	name, _ := logPath(mountpoint)
	return name
}

// waitForEnd returns when the tree is unmounted by whatever means.
func (s *server) waitForEnd(signals <-chan os.Signal) {
	select {
	case <-s.fs.Done():
		return
	case sig := <-signals:
		s.log.Info("asked to end", "signal", sig)
	}

	drained := make(chan struct{})
	go func() {
		defer close(drained)
		err := s.fs.Unmount()
		if err == nil {
			return
		}
		// New work ends here; what is open has a while to finish.
		s.log.Warn("files are in use, detaching", "err", err, "holders", holders(s.info.Mountpoint))
		s.detach()
		select {
		case <-s.fs.Done():
		case <-time.After(drainTimeout):
			s.log.Warn("files are still in use, ending all the same", "mountpoint", s.info.Mountpoint)
		}
	}()
	select {
	case <-drained:
	case sig := <-signals:
		s.log.Warn("asked to end at once", "signal", sig)
		s.detach()
	}
}

func (s *server) detach() {
	if err := s.fs.Detach(); err != nil {
		s.log.Error("the tree stays in place", "err", err)
	}
}

// handle answers one question of another process of this user.
func (s *server) handle(req request) answer {
	switch req.Do {
	case "status":
		return answer{Status: s.status()}
	case "reload":
		ctx, cancel := context.WithTimeout(context.Background(), controlTimeout)
		defer cancel()
		if err := s.places.resolver.Reload(ctx); err != nil {
			return answer{Error: err.Error()}
		}
		return answer{}
	case "unmount":
		end := s.fs.Unmount
		if req.Lazy {
			end = s.fs.Detach
		}
		s.log.Info("asked to unmount", "lazy", req.Lazy)
		err := end()
		if err != nil && mountKnownGone(s.info.Mountpoint) {
			// Somebody else was faster: the kernel is about to let go of us.
			err = s.waitForKernel()
		}
		if err != nil {
			return answer{Error: err.Error(), Busy: isBusy(err)}
		}
		return answer{}
	}
	return answer{Error: "unknown request " + quote(req.Do)}
}

// waitForKernel waits for the end of a mount that is out of the tree.
func (s *server) waitForKernel() error {
	select {
	case <-s.fs.Done():
		return nil
	case <-time.After(endTimeout):
		return errors.New("it is out of the tree already, but files there are still in use")
	}
}

// isBusy also knows fusermount's words: it has no errno to give.
func isBusy(err error) bool {
	return errors.Is(err, syscall.EBUSY) || strings.Contains(strings.ToLower(err.Error()), "resource busy")
}
