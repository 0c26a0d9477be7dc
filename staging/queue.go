package staging

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"sd/backends"
)

// job is the upload of one File that was acknowledged. The Store's mu guards jobs and
// queues.
type job struct {
	file    *File
	since   time.Time
	running bool
	next    time.Time // not before
	fails   int
}

// queue holds the jobs of one volume, oldest first. While the volume is unreachable, or its
// login has ended, one job at a time tries, and the pause between is that of the volume.
type queue struct {
	volume  string
	jobs    []*job
	running int
	fails   int
	next    time.Time
	backend backends.Backend // of the last attempt
	timer   *time.Timer

	sawOffline bool // or without a login, by the store's own word, since the last failure
}

const healthEvery = 500 * time.Millisecond

// Start begins the background work: uploads, their retries, and dropping what was
// begun by processes that are gone. It ends with Close.
func (s *Store) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.closed {
		return
	}
	s.started = true
	for _, q := range s.queues {
		s.serve(q)
	}
	for _, o := range s.orphans {
		s.spawn(func() { s.dropOrphan(o) })
	}
	s.orphans = nil
}

// enqueue makes sure that there is a job for f.
func (s *Store) enqueue(f *File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[f.volume]
	if q == nil {
		q = &queue{volume: f.volume}
		s.queues[f.volume] = q
	}
	if s.closed || slices.ContainsFunc(q.jobs, func(j *job) bool { return j.file == f }) {
		return
	}
	f.mu.Lock()
	j := &job{file: f, since: f.since, fails: f.attempts}
	f.mu.Unlock()
	if j.fails > 0 && s.started {
		j.next = time.Now().Add(s.pause(j.fails))
	}
	i, _ := slices.BinarySearchFunc(q.jobs, j, func(a, b *job) int {
		if a.since.After(b.since) {
			return 1
		}
		return -1
	})
	q.jobs = slices.Insert(q.jobs, i, j)
	s.serve(q)
}

// pause is how long to wait after so many failures in a row.
func (s *Store) pause(fails int) time.Duration {
	d := s.cfg.RetryMax
	if shift := fails - 1; shift < 30 && s.cfg.RetryMin<<shift < d {
		d = s.cfg.RetryMin << shift
	}
	return d/2 + rand.N(d/2+1)
}

// serve begins what may begin. It needs mu.
func (s *Store) serve(q *queue) {
	if !s.started || s.closed {
		return
	}
	now, limit := time.Now(), s.cfg.Uploads
	wake := time.Time{}
	if q.fails > 0 {
		limit = 1
	}
	if q.next.After(now) {
		limit, wake = 0, q.next
	}
	for _, j := range q.jobs {
		if q.running >= limit {
			break
		}
		if j.running {
			continue
		}
		if j.next.After(now) {
			if wake.IsZero() || j.next.Before(wake) {
				wake = j.next
			}
			continue
		}
		if s.spawn(func() { s.work(q, j) }) {
			j.running = true
			q.running++
		}
	}
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	if !wake.IsZero() && len(q.jobs) > 0 {
		wait := max(0, time.Until(wake))
		if q.fails > 0 {
			wait = min(wait, healthEvery)
		}
		q.timer = time.AfterFunc(wait, func() { s.look(q) })
	}
}

// look is called when a pause may be over: by the clock, or because the store of the
// volume is online again, or has another login.
func (s *Store) look(q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, ok := q.backend.(backends.HealthReporter); ok && q.fails > 0 && q.running == 0 {
		switch h := h.Health(); {
		case !h.Online || h.Expired:
			q.sawOffline = true
		case q.sawOffline:
			q.retry()
		}
	}
	s.serve(q)
}

// isExpired tells whether a store says that its login has ended, so that it refuses every upload.
func isExpired(b backends.Backend) bool {
	h, ok := b.(backends.HealthReporter)
	return ok && h.Health().Expired
}

// retry ends all pauses. It needs the Store's mu.
func (q *queue) retry() {
	q.next, q.fails, q.sawOffline = time.Time{}, 0, false
	for _, j := range q.jobs {
		j.next = time.Time{}
	}
}

// hurry ends the pause of f.
func (s *Store) hurry(f *File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[f.volume]
	if q == nil {
		return
	}
	for _, j := range q.jobs {
		if j.file == f {
			j.next, j.fails = time.Time{}, 0
		}
	}
	s.serve(q)
}

// work makes one attempt for a job.
func (s *Store) work(q *queue, j *job) {
	made, err := j.file.sync(s.ctx, true)
	s.mu.Lock()
	j.running = false
	q.running--
	switch {
	case s.ctx.Err() != nil:
	case err == nil || j.file.unwanted():
		s.done++
		q.fails, q.next = 0, time.Time{}
		j.fails = 0
		if !j.file.waits() {
			q.jobs = slices.DeleteFunc(q.jobs, func(other *job) bool { return other == j })
		}
	default:
		s.failed++
		j.fails++
		j.next = time.Now().Add(s.pause(j.fails))
		q.backend = j.file.lastBackend()
		ended := isExpired(q.backend)
		q.sawOffline = q.sawOffline || ended
		if ended || errors.Is(err, backends.ErrOffline) {
			q.fails++
			q.next = time.Now().Add(s.pause(q.fails))
		} else {
			q.fails = 0
		}
	}
	s.serve(q)
	s.tellIdle()
	s.mu.Unlock()
	if made && err == nil && s.cfg.Committed != nil {
		if e, ok := j.file.Entry(); ok {
			s.cfg.Committed(j.file.volume, e.Name, e)
		}
	}
	j.file.settle()
}

// unqueue removes the job of f, unless it is running: then it removes itself.
func (s *Store) unqueue(f *File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[f.volume]; q != nil {
		q.jobs = slices.DeleteFunc(q.jobs, func(j *job) bool { return j.file == f && !j.running })
	}
	s.tellIdle()
}

// tellIdle wakes Drain when no job is left. It needs mu.
func (s *Store) tellIdle() {
	if s.idle == nil {
		return
	}
	for _, q := range s.queues {
		if len(q.jobs) > 0 {
			return
		}
	}
	close(s.idle)
	s.idle = nil
}

// Drain waits until nothing that was acknowledged waits for its upload. What had failed
// is tried again at once, and then after the usual pauses. When ctx ends first, the
// error names what is left; that stays for the next Open.
func (s *Store) Drain(ctx context.Context) error {
	s.mu.Lock()
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	for _, q := range s.queues {
		q.retry()
		s.serve(q)
	}
	s.tellIdle()
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	left := s.Pending()
	if len(left) == 0 {
		return nil
	}
	const named = 5
	var b strings.Builder
	for i, p := range left[:min(named, len(left))] {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%q (%s)", p.Name, p.State)
		if p.Reason != "" {
			fmt.Fprintf(&b, ": %s", p.Reason)
		}
	}
	if more := len(left) - named; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return fmt.Errorf("%d files wait for their upload: %s: %w", len(left), b.String(), context.Cause(ctx))
}

// lastBackend is the store that f was last sent to, or nil.
func (f *File) lastBackend() backends.Backend {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sentTo
}

// uploading tells whether f is being uploaded, or will be in the background.
func (f *File) uploading() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commit != nil || f.dirty() && (f.ackSeq > f.doneSeq || f.kept)
}
