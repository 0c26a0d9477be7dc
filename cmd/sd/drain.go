package main

import (
	"context"
	"os"
	"sync"
	"time"
)

// tellEvery is how often those who wait for uploads hear how far they are.
const tellEvery = 500 * time.Millisecond

// ending says how long the end of a mount, once the tree is gone, may wait for uploads.
type ending struct {
	over chan struct{}  // closed when it waits no more
	left *uploadsStatus // what is left then, to be read once over is closed

	mu     sync.Mutex
	limit  time.Duration // negative: for ever
	cancel context.CancelFunc
	timer  *time.Timer
}

func newEnding(limit time.Duration) *ending {
	return &ending{limit: limit, over: make(chan struct{})}
}

// allow sets the limit anew, from now on.
func (e *ending) allow(limit time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.limit = limit
	if e.cancel != nil {
		e.arm()
	}
}

// begin gives the context that ends with the limit.
func (e *ending) begin() (context.Context, context.CancelFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	e.arm()
	return ctx, cancel
}

func (e *ending) arm() {
	if e.timer != nil {
		e.timer.Stop()
	}
	switch {
	case e.limit == 0:
		e.cancel()
	case e.limit > 0:
		e.timer = time.AfterFunc(e.limit, e.cancel)
	}
}

// finish waits for uploads when the tree is gone, as long as s.ending and the signals
// allow.
func (s *server) finish(signals <-chan os.Signal) {
	defer close(s.ending.over)
	ctx, cancel := s.ending.begin()
	defer cancel()
	go func() {
		select {
		case sig := <-signals:
			s.log.Warn("asked to end at once", "signal", sig)
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := s.drain(ctx, func(answer) {}); err != nil {
		s.log.Warn("left to the next mount", "err", err)
	}
	left := s.uploads(0)
	for i := range left.files() {
		if left.Files[i].State == "uploading" {
			left.Files[i].State = "waiting" // for it is cut off now
		}
	}
	s.ending.left = left
}

// drain waits until all that was acknowledged is uploaded, and tells now and then what
// it waits for. Attributes that cannot be brought now are no reason to wait.
func (s *server) drain(ctx context.Context, tell func(answer)) error {
	if s.staging == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		s.carry(ctx)
		err = s.staging.Drain(ctx)
	}()
	s.tellUntil(ctx, done, tell)
	<-done
	return err
}

// carry brings changed times, modes and the like to their providers, while there is a
// tree.
func (s *server) carry(ctx context.Context) {
	select {
	case <-s.fs.Done():
		return
	default:
	}
	if err := s.fs.Carry(ctx); err != nil {
		s.log.Warn("changed attributes are left to the next mount", "err", err)
	}
}

// tellUntil tells what is left to upload until done is closed or ctx ends.
func (s *server) tellUntil(ctx context.Context, done <-chan struct{}, tell func(answer)) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		default:
		}
		if u := s.uploads(maxListed); u != nil {
			tell(answer{Waiting: u})
		}
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
