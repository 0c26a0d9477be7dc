package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/jobs"
)

const (
	cloudTransfers = 96   // steps at a time where a service takes part
	queued         = 256  // steps that wait for a worker
	maxParked      = 4096 // steps that wait for something else
	reachBy        = 256  // steps between two marks of how far the journal's job has come
	firstSync      = 5 * time.Second
	syncEvery      = time.Minute
	reportEvery    = 250 * time.Millisecond
)

// run is one run of a job. One goroutine feeds the steps, in order, to workers.
type run struct {
	e         *Engine
	job       int64
	plan      *steps.Plan
	copies    *steps.Finder // of those that an earlier run has made; for the feeding goroutine
	header    steps.Header
	stores    []stores.Store
	history   *steps.History
	journal   *steps.Journal
	transfers *transfer.Transfers
	control   *jobs.Control
	unique    string // what the names of temporary files of this job begin with
	root      string // the local target; "" is none
	began     time.Time

	work   chan *steps.Step
	waits  sync.WaitGroup               // for outages
	active []atomic.Pointer[steps.Step] // by worker
	counts counts
	dirty  dirty
	safe   sync.Mutex // one makes things safe at a time
	stop   context.CancelCauseFunc

	mu        sync.Mutex
	changed   *sync.Cond // pending or parked went down
	state     []steps.State
	reached   int64
	pending   int // given out, not ended
	parked    int // of those, not with the workers
	after     map[int64][]*steps.Step
	removal   []removal                 // may begin once the copies before them are safe
	outages   map[string]*outage        // by the stores that are waited for
	back      map[string]time.Time      // when they were found to be back
	kept      map[int64]json.RawMessage // what large files have saved in this run
	filed     map[int64]struct{}        // those of kept that are in files of their own
	versions  map[int64]string          // of what was copied, where its source may go later
	waited    map[int64]int             // how often steps have waited for a store and got no farther
	stopEpoch context.CancelFunc
	epoch     context.Context // ends when the job is paused
	outcome   Outcome
	fatal     error // ends the run
}

// newRun opens all that a run needs.
func (e *Engine) newRun(ctx context.Context, control *jobs.Control) (*run, error) {
	r, err := e.openRun(ctx, control.Job().ID)
	if err != nil {
		return nil, err
	}
	r.control = control
	if r.journal, err = steps.OpenJournal(e.journalPath(r.job)); err == nil {
		err = r.journal.Append(steps.Record{State: steps.Opened, Boot: bootID()})
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.work = make(chan *steps.Step, queued)
	r.active = make([]atomic.Pointer[steps.Step], r.workers())
	return r, nil
}

// openRun opens what there is of a job.
func (e *Engine) openRun(ctx context.Context, id int64) (*run, error) {
	plan, err := e.openPlan(id)
	if err != nil {
		return nil, err
	}
	r := &run{e: e, job: id, plan: plan, header: plan.Header(), began: time.Now(),
		after: make(map[int64][]*steps.Step), outages: make(map[string]*outage),
		back: make(map[string]time.Time), kept: make(map[int64]json.RawMessage), filed: make(map[int64]struct{}), waited: make(map[int64]int),
		copies: plan.Finder()}
	r.changed = sync.NewCond(&r.mu)
	info, err := e.lib.Info(ctx)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.root = e.rootOf(ctx, &r.header.Spec)
	r.unique = fmt.Sprintf("%s-%d-", info.ID.String()[:8], id)
	count := r.header.Summary.Steps
	r.state = make([]steps.State, count+1)
	r.transfers = transfer.New(transfer.Config{Set: e.set, Limit: limiter(r.header.Spec.Options.BWLimit), Buffers: e.cfg.Buffers, Log: e.log})
	for _, ref := range r.header.Stores {
		st, err := e.set.Open(ctx, ref)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.stores = append(r.stores, st)
	}
	if r.history, err = steps.ReadHistory(e.journalPath(id), count, bootID()); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// close closes what is open.
func (r *run) close() error {
	var errs []error
	if r.journal != nil {
		errs = append(errs, r.journal.Close())
	}
	if r.history != nil {
		errs = append(errs, r.history.Close())
	}
	return errors.Join(append(errs, r.plan.Close())...)
}

// workers is how many steps go on at a time.
func (r *run) workers() int {
	if n := r.header.Spec.Options.Transfers; n > 0 {
		return n
	}
	for _, st := range r.stores {
		if _, ok := st.(*stores.Local); !ok {
			return cloudTransfers
		}
	}
	return 2 * runtime.NumCPU()
}

// run does all steps that are not done, and tells what has come of the whole job.
func (r *run) run(ctx context.Context, show func(Progress)) (Outcome, error) {
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.stop = stop
	defer context.AfterFunc(inner, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changed.Broadcast()
	})()
	var aside, workers sync.WaitGroup
	aside.Go(func() { r.attend(inner, show) })
	aside.Go(func() { r.keepSafe(inner) })
	r.beginEpoch(inner)
	aside.Go(func() { r.watchPause(inner) })
	for i := range r.active {
		workers.Go(func() {
			for s := range r.work {
				r.active[i].Store(s)
				r.perform(inner, s)
				r.active[i].Store(nil)
			}
		})
	}
	err := r.feed(inner)
	if err == nil {
		err = r.drain(inner)
	}
	if err != nil {
		stop(err)
	}
	r.await() // those that wait for a store give up with the context
	r.waits.Wait()
	close(r.work)
	workers.Wait()
	stop(nil)
	aside.Wait()

	if r.fatal != nil {
		err = r.fatal
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if errors.Is(err, jobs.ErrCanceled) {
		r.cleanUp(context.WithoutCancel(ctx))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome.Seconds += time.Since(r.began).Seconds()
	r.outcome.Left = r.header.Work.Files - r.counts.files.Load()
	if show != nil {
		show(r.progress())
	}
	r.control.Report(r.progress())
	if err == nil && r.outcome.Failed+r.outcome.Left > 0 {
		part := &PartError{Job: r.job, Failed: r.outcome.Failed, Left: r.outcome.Left, Total: r.header.Work.Files}
		if len(r.outcome.Failures) > 0 {
			part.First = r.outcome.Failures[0]
		}
		err = part
	}
	return r.outcome, err
}

// limiter bounds bytes a second; nil is no bound.
func limiter(perSecond int64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	burst := min(max(perSecond/4, 64<<10), 4<<20)
	return rate.NewLimiter(rate.Limit(perSecond), int(burst))
}

// bootID names the time since this machine was started; what was only in memory before is
// gone.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
