package rename

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Recover finishes or undoes what dead processes left, and what this one has left for
// later, and returns when it has tried all of it. What it could not do it goes on
// trying in the background; the error tells why. It makes requests, and may wait until
// those of a process that was killed a moment ago have taken effect (Config.Settle).
func (j *Journal) Recover(ctx context.Context) error {
	if err := j.enter(); err != nil {
		return fail("", err)
	}
	defer j.work.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(j.ctx, cancel)()
	homes, err := leftHomes(j.cfg.Dir)
	errs := []error{err}
	for _, h := range homes {
		errs = append(errs, j.adopt(h))
	}
	errs = append(errs, j.attempt(ctx))
	j.retry()
	return errors.Join(errs...)
}

// adopt takes the journals of a dead process.
func (j *Journal) adopt(h *home) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	paths, err := h.journals()
	if err == nil && len(paths) == 0 || j.closed {
		h.leave()
		return err
	}
	j.adopted = append(j.adopted, h)
	errs := []error{err}
	for _, path := range paths {
		file, head, err := reopen(path)
		if err == errNoHeader {
			err = os.Remove(path)
		} else if err == nil {
			t := &task{journal: file, header: head}
			j.tasks[t] = struct{}{}
			_, err = t.load()
			if info, statErr := os.Stat(path); statErr == nil {
				wait := time.Until(info.ModTime()) + j.settleTime(max(t.plan.large, head.Size))
				t.quiet = time.Now().Add(min(wait, j.settleTime(max(t.plan.large, head.Size))))
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("journal of a rename %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

// settleTime is how long a request about an object of size bytes may take effect after
// its caller has gone. A provider copies some 16 MiB in a second at least.
func (j *Journal) settleTime(size int64) time.Duration {
	return j.cfg.Settle + time.Duration(min(size, 5<<30)>>24)*time.Second
}

// unsettled notes that a request of t may still take effect.
func (j *Journal) unsettled(t *task, size int64) {
	until := time.Now().Add(j.settleTime(size))
	t.set(func() {
		if t.quiet.Before(until) {
			t.quiet = until
		}
	})
}

// settled tells whether no request of t can take effect any more.
func (j *Journal) settled(t *task) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !time.Now().Before(t.quiet)
}

// attempt goes on with all tasks that nobody works on.
func (j *Journal) attempt(ctx context.Context) error {
	var idle []*task
	j.mu.Lock()
	for t := range j.tasks {
		t.set(func() {
			if !t.busy {
				t.busy, idle = true, append(idle, t)
			}
		})
	}
	j.mu.Unlock()
	defer j.tidy()
	errs := make([]error, len(idle))
	var group errgroup.Group
	group.SetLimit(32)
	for i, t := range idle {
		group.Go(func() error {
			err := j.resume(ctx, t)
			if err == nil {
				j.done(t)
				return nil
			}
			t.set(func() { t.busy, t.reason = false, err.Error() })
			errs[i] = fmt.Errorf("rename of %q to %q: %w", t.header.From, t.header.To, err)
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(errs...)
}

// tidy lets go of the folders of dead processes in which no journal is left.
func (j *Journal) tidy() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.adopted = slices.DeleteFunc(j.adopted, func(h *home) bool {
		left, err := h.journals()
		empty := err == nil && len(left) == 0
		if empty {
			h.leave()
		}
		return empty
	})
}

// retry goes on with what was left, in the background, until nothing is.
func (j *Journal) retry() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || j.retrying || !j.idle() {
		return
	}
	j.retrying = true
	j.work.Go(func() {
		for pause := j.cfg.RetryMin; ; pause = min(2*pause, j.cfg.RetryMax) {
			select {
			case <-time.After(pause):
			case <-j.ctx.Done():
				return
			}
			_ = j.attempt(j.ctx) // the reasons are in Pending
			j.mu.Lock()
			more := j.idle()
			j.retrying = more
			j.mu.Unlock()
			if !more {
				return
			}
		}
	})
}

// idle tells whether a task waits for another attempt. It needs j.mu.
func (j *Journal) idle() bool {
	for t := range j.tasks {
		t.mu.Lock()
		busy := t.busy
		t.mu.Unlock()
		if !busy {
			return true
		}
	}
	return false
}

// resume brings a rename to one of its two ends.
func (j *Journal) resume(ctx context.Context, t *task) error {
	if t.header.Folder && !t.plan.made {
		return nil // nothing was done yet
	}
	b, err := j.cfg.Backend(ctx, t.header.Volume)
	if err != nil {
		return err
	}
	once := func() error {
		v, err := needs(b)
		if err != nil {
			return err
		}
		return j.resumeFile(ctx, v, t)
	}
	if t.header.Folder {
		v, err := needsTree(b)
		if err != nil {
			return err
		}
		if t.state == deleting {
			return j.resumeRemoval(ctx, v, t)
		}
		once = func() error { return j.takeBack(ctx, v, t) }
	}
	for {
		final := t.state == deleting || j.settled(t)
		if err := once(); err != nil {
			return err
		}
		if final {
			j.log.Info("a rename that was cut short is settled", "volume", t.header.Volume,
				"from", string(t.header.From), "to", string(t.header.To), "holds", t.state == deleting)
			return nil
		}
		select {
		case <-time.After(time.Until(t.quiet)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (j *Journal) resumeRemoval(ctx context.Context, v tree, t *task) error {
	known, err := t.load()
	if err != nil {
		return err
	}
	stays, err := j.removeTree(ctx, v, t, known, func() { t.done.Add(1) })
	if err == nil && stays != nil {
		j.log.Warn("a rename has left what was changed meanwhile", "volume", t.header.Volume,
			"from", string(t.header.From), "to", string(t.header.To), "err", stays)
	}
	return err
}
