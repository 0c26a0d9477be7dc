package main

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"sync/atomic"

	"sd/actions"
	"sd/actions/stores"
	"sd/jobs"
	"sd/library"
)

// actAtOnce is how many actions a mount runs at the same time.
const actAtOnce = 2

// actRoom is how much memory an action may use beyond the mount's cache before the collector
// runs more often.
const actRoom = 96 << 20

// acting is what a mount does to run the actions that are left to it. The tree is told what
// they change. A nil *acting runs none.
type acting struct {
	server *server
	engine *actions.Engine
	wakes  []chan struct{} // one for each worker of a lane
	life   context.Context // of actions; it ends before the server's
	stop   context.CancelFunc
	busy   atomic.Int64 // how many run

	idle sync.WaitGroup
}

// newActing begins nothing yet.
func newActing(s *server) *acting {
	x := &acting{server: s}
	x.life, x.stop = context.WithCancel(s.life)
	x.engine = actions.New(actions.Config{
		Library: s.places.library, Resolver: s.places.resolver, Log: s.log,
		Hooks: stores.Hooks{Settle: s.fs.Settle, Changed: s.fs.Changed},
	})
	return x
}

// startJobs begins to run the jobs that are left to a mount. A mount that may not write takes
// no actions.
func (s *server) startJobs() {
	x := s.acting
	other := &lane{
		places: s.places, name: "index", wake: x.wake(), run: s.places.runJob,
		takes: func(kind string) bool { return kind != jobAction },
	}
	s.beside.Go(func() { other.work(s.life) })
	for range actAtOnce {
		if s.info.ReadOnly {
			return
		}
		l := &lane{
			places: s.places, name: "actions", wake: x.wake(), run: x.run,
			takes: func(kind string) bool { return kind == jobAction },
		}
		x.idle.Go(func() { l.work(x.life) })
	}
}

// wake gives a channel that look sends on.
func (x *acting) wake() <-chan struct{} {
	wake := make(chan struct{}, 1)
	x.wakes = append(x.wakes, wake)
	return wake
}

// look has all workers look for jobs now.
func (x *acting) look() {
	if x == nil {
		return
	}
	for _, wake := range x.wakes {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// run runs an action, until it ends or the mount does: then the next one goes on with it.
func (x *acting) run(ctx context.Context, job library.Job) error {
	x.busy.Add(1)
	defer x.busy.Add(-1)
	defer x.server.fs.Heed()()
	_, err := x.engine.Run(ctx, job, nil)
	return err
}

// room is how much memory actions may use now.
func (x *acting) room() int64 { return x.busy.Load() * actRoom }

// actingStatus is an action that a mount runs.
type actingStatus struct {
	ID       int64            `json:"id"`
	Title    string           `json:"title"`
	State    library.JobState `json:"state"`
	Far      string           `json:"far"` // how far it is, in a few words
	Progress json.RawMessage  `json:"progress,omitempty"`
}

// status tells of the actions that run here.
func (x *acting) status(ctx context.Context) (rows []actingStatus) {
	if x == nil || x.busy.Load() == 0 {
		return nil
	}
	p := x.server.places
	list, err := jobs.List(ctx, p.library, 0)
	if err != nil {
		return nil
	}
	for _, j := range list {
		if j.Kind != jobAction || !j.Live || j.PID != os.Getpid() {
			continue
		}
		if row, err := p.jobRow(ctx, j); err == nil {
			rows = append(rows, actingStatus{row.ID, row.Title, row.State, row.far(), row.Progress})
		}
	}
	return rows
}

// pause ends the actions that run, and waits for that. They are begun no more.
func (x *acting) pause() {
	if x == nil {
		return
	}
	x.stop()
	x.idle.Wait()
}

// close pauses, and has all noted that was learned of files.
func (x *acting) close() error {
	if x == nil {
		return nil
	}
	x.pause()
	return x.engine.Close()
}
