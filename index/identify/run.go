package identify

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"sd/backends"
	"sd/index"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
)

const (
	problemOp   = "identify"
	maxProblems = 10_000 // that are recorded; all are counted
)

// run is one Run.
type run struct {
	cfg     index.Config
	catalog *catalog.Catalog
	loc     library.Location
	under   catalog.FolderID
	options Options
	workers int
	log     *slog.Logger

	tally  tally
	gate   *gate
	writer *writer
	stop   context.CancelCauseFunc

	mu       sync.Mutex
	problems []library.Problem
}

func newRun(cfg index.Config, loc library.Location, o Options, c index.Control) *run {
	r := &run{cfg: cfg, catalog: cfg.Library.Catalog(), loc: loc, options: o, log: cfg.Log}
	if r.log == nil {
		r.log = slog.Default()
	}
	r.tally.began = time.Now()
	r.gate = &gate{control: c, tally: &r.tally}
	return r
}

// do is Run.
func (r *run) do(ctx context.Context) error {
	top, err := r.catalog.FindFolder(ctx, r.loc.Place, r.loc.Path)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil // not scanned yet
	}
	if err != nil {
		return err
	}
	r.under = top.ID
	counts, err := r.catalog.Count(ctx, r.under)
	if err != nil {
		return err
	}
	r.tally.totalFiles, r.tally.totalBytes = counts.Unproven, counts.UnprovenBytes
	if counts.Unproven == 0 {
		return r.record(ctx)
	}
	work, err := r.plan(ctx)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.stop = stop
	r.writer = newWriter(ctx, r.catalog, &r.tally, stop)
	defer r.gate.follow()()
	err = work(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the rest only says that it was stopped
	}
	if failed := r.writer.close(); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	if _, err := r.catalog.Sweep(ctx); err != nil {
		r.log.Warn("what the index no longer needs was not dropped; that is tried again tomorrow", "err", err)
	}
	return r.record(ctx)
}

// plan chooses how the place of the location is worked on.
func (r *run) plan(ctx context.Context) (func(context.Context) error, error) {
	if r.loc.Place.Local() {
		if device := r.cfg.Resolver.ThisDevice(); r.loc.Place != catalog.DevicePlace(device.ID) {
			return nil, fmt.Errorf("location %q is on another device: identify it there", r.loc.Name)
		}
		if r.workers = r.options.Workers; r.workers <= 0 {
			r.workers = localWorkers(r.cfg.Resolver, "/"+r.loc.Path)
		}
		return r.local, nil
	}
	p, err := r.cfg.Resolver.URI(r.loc.Place, "")
	if err != nil {
		return nil, err
	}
	v, _, err := r.cfg.Resolver.Resolve(ctx, p)
	if err != nil {
		return nil, err
	}
	if r.workers = r.options.Workers; r.workers <= 0 {
		r.workers = cloudWorkers
	}
	c := &cloud{run: r, volume: v.Fingerprint, backend: v.Backend}
	return c.identify, nil
}

// localWorkers is one for a disk whose head would have to move between files.
func localWorkers(r *resolver.Resolver, path string) int {
	if locals, err := r.Locals(); err == nil {
		if v, _ := locals.At(path); v != nil && v.Info.Medium == "hdd" {
			return 1
		}
	}
	return max(4, 2*runtime.GOMAXPROCS(0))
}

// folder is the path of a folder in its place.
func (r *run) folder(ctx context.Context, id catalog.FolderID) (string, error) {
	_, dir, err := r.catalog.Path(ctx, id)
	return dir, err
}

// join is the path of a name in a folder below the top of a place, or at it.
func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// settle takes what became of a file.
func (r *run) settle(ctx context.Context, dir catalog.FolderID, path string, found finding, err error) {
	switch {
	case err == nil:
		found.dir = dir
		r.writer.put(found)
	case ctx.Err() != nil:
		return // not the file's fault
	case errors.Is(err, ErrChanged), errors.Is(err, backends.ErrChanged), errors.Is(err, iofs.ErrNotExist), gone(err):
		r.tally.changed.Add(1)
	default:
		r.problem(path, err)
	}
	r.tally.files.Add(1)
}

func (r *run) problem(path string, err error) {
	r.tally.problems.Add(1)
	var at *iofs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is said already
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, library.Problem{
			Location: r.loc.ID, Path: path, Op: problemOp, Text: err.Error(), When: time.Now(),
		})
	}
}

// record puts the problems of this run in place of those of the one before.
func (r *run) record(ctx context.Context) error {
	return r.cfg.Library.ReplaceProblems(ctx, r.loc.ID, "", r.problems, problemOp)
}
