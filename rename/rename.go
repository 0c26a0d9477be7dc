// Package rename renames files and folders in stores that cannot: by copies inside
// the store and, once all of them are there, removal of the old. A journal on the
// local disk sees to it that a process which is killed half-way leaves one of the two
// trees in the end, whole: the next one calls Recover.
//
// What decides. Until the last copy is there the old tree holds, and whatever stops
// the rename makes the copies go again. From then on the new tree holds, and
// whatever stops the removal of the old one, it is tried again.
//
// What is never touched: an object at the new place that we did not make (copies ask
// for absence, and only versions that we made or whose bytes are proven to be those
// of the old object are taken back); an old object that has changed since it was
// copied; an old object whose copy is no longer there when a later process goes on.
//
// A request of a killed process may still take effect at the provider after its end.
// So Recover looks again when some time has passed (Config.Settle).
//
// The journal of a folder outlasts a power failure. That of a file is not synced, for
// that would cost more than the rename: it outlasts the process but not always the
// machine. Then a file may be left under both names, and no byte is lost.
package rename

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sd/backends"
)

// Config says where journals lie and how to reach volumes again. Dir and Backend must
// be set.
type Config struct {
	// Dir holds the journals, in a folder for each process; made if missing.
	Dir string
	// Backend opens a volume by its fingerprint, for what Recover and later attempts do.
	Backend func(ctx context.Context, volume string) (backends.Backend, error)
	// Parallel is the number of requests at once in the rename of a folder; 0: 48.
	Parallel int
	// Settle is how long requests of a process that was killed, or whose reply did not
	// come, may still take effect; 0: 10 s. Large objects are given more.
	Settle time.Duration
	// Linger is how long requests under way may go on when their caller's context has
	// ended; 0: 3 s.
	Linger time.Duration
	// RetryMin and RetryMax bound the pause between attempts to go on; 0: 1 s, 5 min.
	RetryMin, RetryMax time.Duration
	Log                *slog.Logger // nil: slog.Default
}

// Journal renames and remembers what is under way. Its methods are safe for concurrent
// use.
type Journal struct {
	cfg  Config
	home *home
	log  *slog.Logger
	ctx  context.Context // ends with Close
	stop context.CancelFunc
	last atomic.Int64 // number of the last journal

	mu       sync.Mutex
	closed   bool
	retrying bool
	adopted  []*home // of dead processes
	tasks    map[*task]struct{}
	work     sync.WaitGroup // calls and goroutines that Close waits for
}

// Open makes a folder for the journals of this process. What others have left is not
// touched before Recover.
func Open(cfg Config) (*Journal, error) {
	cfg.Parallel = cmp.Or(cfg.Parallel, 48)
	cfg.Settle = cmp.Or(cfg.Settle, 10*time.Second)
	cfg.Linger = cmp.Or(cfg.Linger, 3*time.Second)
	cfg.RetryMin, cfg.RetryMax = cmp.Or(cfg.RetryMin, time.Second), cmp.Or(cfg.RetryMax, 5*time.Minute)
	h, err := newHome(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the journals of renames: %w", err)
	}
	j := &Journal{cfg: cfg, home: h, log: cmp.Or(cfg.Log, slog.Default()), tasks: map[*task]struct{}{}}
	j.ctx, j.stop = context.WithCancel(context.Background())
	return j, nil
}

// Close stops what is under way where it stands and waits for it; a later process goes
// on with it by Recover. Calls that are under way return an error that wraps
// fs.ErrClosed.
func (j *Journal) Close() error {
	j.mu.Lock()
	again := j.closed
	j.closed = true
	j.mu.Unlock()
	j.stop()
	j.work.Wait()
	if again {
		return nil
	}
	for t := range j.tasks {
		t.file.Close()
	}
	for _, h := range append(j.adopted, j.home) {
		h.leave()
	}
	return nil
}

// enter begins a call that Close waits for; leave must follow.
func (j *Journal) enter() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return iofs.ErrClosed
	}
	j.work.Add(1)
	return nil
}

// begin starts the journal of a rename, which is the caller's to work on.
func (j *Journal) begin(h header) (*task, error) {
	h.Since = time.Now()
	path := filepath.Join(j.home.dir, fmt.Sprint(j.last.Add(1), journalExt))
	file, err := create(path, h)
	if err != nil {
		return nil, err
	}
	t := &task{journal: file, header: h, busy: true}
	j.mu.Lock()
	j.tasks[t] = struct{}{}
	j.mu.Unlock()
	return t, nil
}

// done ends a task of which nothing is left to do.
func (j *Journal) done(t *task) {
	t.drop()
	j.mu.Lock()
	delete(j.tasks, t)
	j.mu.Unlock()
}

// later leaves a task to the next attempt, because of err.
func (j *Journal) later(t *task, err error) {
	t.set(func() { t.busy, t.reason = false, err.Error() })
	j.retry()
}

// bound returns a context for requests that ctx's end does not cut off at once, nor
// hold up for long.
func (j *Journal) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stopClose := context.AfterFunc(j.ctx, cancel)
	stopLinger := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(j.cfg.Linger):
			cancel()
		case <-out.Done():
		}
	})
	return out, func() { stopLinger(); stopClose(); cancel() }
}

// Pending is a rename that is not at its end.
type Pending struct {
	Volume string    `json:"volume"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Folder bool      `json:"folder"`
	State  string    `json:"state"` // "listing", "copying", "deleting" or "undoing"
	Done   int       `json:"done"`  // objects that were copied, taken back or removed in this state
	Total  int       `json:"total"` // of this many; 0: not known yet
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"` // why it waits for another attempt
}

// Pending lists the renames that are under way or wait for another attempt, the
// oldest first.
func (j *Journal) Pending() []Pending {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]Pending, 0, len(j.tasks))
	for t := range j.tasks {
		list = append(list, t.pending())
	}
	slices.SortFunc(list, func(a, b Pending) int { return a.Since.Compare(b.Since) })
	return list
}

// task is one rename and its journal.
type task struct {
	*journal
	header header
	plan   plan
	done   atomic.Int64

	mu     sync.Mutex
	busy   bool // somebody works on it
	state  byte // the last phase: 0 (listing, or a file's copy), planned, deleting or undoing
	quiet  time.Time
	reason string
}

func (t *task) set(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

// phase enters the next one in memory and in the journal.
func (t *task) phase(kind byte) error {
	if err := t.add(record{kind: kind}); err != nil {
		return err
	}
	t.set(func() { t.state = kind })
	t.done.Store(0)
	return nil
}

func (t *task) pending() Pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := Pending{
		Volume: t.header.Volume, From: string(t.header.From), To: string(t.header.To), Folder: t.header.Folder,
		State: "copying", Done: int(t.done.Load()), Total: t.plan.total, Since: t.header.Since, Reason: t.reason,
	}
	switch {
	case t.state == deleting:
		p.State = "deleting"
	case t.state == undoing:
		p.State = "undoing"
	case t.header.Folder && t.state == 0:
		p.State, p.Total = "listing", 0
	}
	return p
}

// verbs are what a store must offer.
type verbs struct {
	backends.Backend
	backends.Copier
	backends.Remover
}

func needs(b backends.Backend) (verbs, error) {
	c, ok1 := b.(backends.Copier)
	r, ok2 := b.(backends.Remover)
	if !ok1 || !ok2 {
		return verbs{}, errors.ErrUnsupported
	}
	return verbs{b, c, r}, nil
}
