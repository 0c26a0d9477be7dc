package actions

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/trash"
	"sd/backends"
)

const (
	attempts   = 4 // of a step that fails for no lasting reason
	firstPause = 100 * time.Millisecond
)

// perform does s, and ends it or has it wait for a store that cannot be reached. An attempt
// that a pause has ended is made again when the job goes on.
func (r *run) perform(ctx context.Context, s *steps.Step) {
	again := r.history.MayHaveBegun(s.N)
	for n := 1; ; n++ {
		if err := r.control.Check(ctx); err != nil || ctx.Err() != nil {
			r.end(s, nil)
			return
		}
		if r.park(ctx, s, nil) {
			return
		}
		epoch := r.currentEpoch()
		rec, err := r.do(epoch, s, again)
		again = true
		switch {
		case err == nil:
			rec.N = s.N
			r.finish(s, &rec)
			return
		case ctx.Err() != nil:
			r.end(s, nil)
			return
		case epoch.Err() != nil: // the job was paused
			n = 0
			continue
		case isOffline(err) && r.mayWait(s):
			if r.park(ctx, s, err) {
				return
			}
		case !isLasting(err) && n < attempts:
			r.e.log.Debug("a step is tried again", "job", r.job, "step", s.N, "err", err)
		default:
			r.fail(ctx, s, err)
			return
		}
		select {
		case <-time.After(firstPause << n):
		case <-ctx.Done():
		}
	}
}

// finish writes a step's record and ends it.
func (r *run) finish(s *steps.Step, rec *steps.Record) {
	if err := r.journal.Append(*rec); err != nil {
		r.abort(err)
		r.end(s, nil)
		return
	}
	r.end(s, rec)
}

// fail removes what is unfinished of a step that cannot be done, and ends it.
func (r *run) fail(ctx context.Context, s *steps.Step, err error) {
	r.cleanStep(ctx, s)
	r.finish(s, &steps.Record{N: s.N, State: steps.Failed, Err: err.Error()})
}

// abort ends the run: nothing can be written down any more.
func (r *run) abort(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal == nil {
		r.fatal = err
	}
	r.stop(err)
}

// isOffline tells whether err is that of a store which may be back any time.
func isOffline(err error) bool {
	return errors.Is(err, backends.ErrOffline) || errors.As(err, new(*net.OpError)) || errors.As(err, new(*net.DNSError))
}

// isLasting tells whether the same would happen again.
func isLasting(err error) bool {
	for _, lasting := range []error{
		iofs.ErrPermission, iofs.ErrNotExist, iofs.ErrExist, iofs.ErrInvalid, errors.ErrUnsupported,
		backends.ErrChanged, backends.ErrNotEmpty, backends.ErrIsDir, backends.ErrNotDir, backends.ErrNoSpace,
		backends.ErrQuota, backends.ErrTooLarge, backends.ErrNameTooLong, stores.ErrReadOnly, errNoStore, errNotOurs, trash.ErrNoTrash, trash.ErrInTrash, trash.ErrMounted,
		syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EXDEV, syscall.EINVAL, syscall.ELOOP, syscall.EMLINK,
		syscall.ENOTDIR, syscall.EISDIR, syscall.ENOTEMPTY, os.ErrDeadlineExceeded,
	} {
		if errors.Is(err, lasting) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return true
		}
	}
	return false
}

// currentEpoch ends when the job is paused.
func (r *run) currentEpoch() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.epoch
}

// watchPause ends what is under way when the job is paused, so that a large file does not go
// on for an hour.
func (r *run) watchPause(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for paused := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := r.control.Paused()
		switch {
		case now && !paused:
			r.stopEpoch()
		case !now && paused:
			r.beginEpoch(ctx)
		}
		paused = now
	}
}

// beginEpoch begins the time to the next pause.
func (r *run) beginEpoch(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch, r.stopEpoch = context.WithCancel(ctx)
}
