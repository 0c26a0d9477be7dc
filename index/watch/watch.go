// Package watch keeps the locations of a library fresh while a mount lives. What changes on
// the local disk is told by the system and scanned within seconds; what the mount itself
// changes in volumes is noted at once; both are given their content ids in the background. A
// scan at the start catches up with what happened in between.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"sd/index"
	"sd/library"
	"sd/library/catalog"
)

// pollEvery is how often the library is asked whether locations came or went.
const pollEvery = time.Second

// Config says what to keep fresh.
type Config struct {
	// Index names the library, the resolver and the log. All three must be there and outlive
	// the Watcher.
	Index index.Config
	// Pack brings the names that search reads up to date; it is called after scans that
	// changed much, by one goroutine at a time. nil: nobody does.
	Pack func(ctx context.Context) error
	// Held tells whether somebody else, such as a job, is about to index a location for the
	// first time or goes on with it; the Watcher leaves that location alone until then. It is
	// asked about once a second. nil: nobody does.
	Held func(ctx context.Context, location int64) bool
	// MaxFolders bounds how many folders are watched; 0: as many as the system allows. What
	// is beyond is looked at now and then.
	MaxFolders int

	pace pace // tests hurry
}

// pace is how often things are done that nothing asks for. Zero fields are the defaults.
type pace struct {
	limited time.Duration // between looks at folders that cannot be watched, at least
	gone    time.Duration // between looks for a location that is not there
	poll    time.Duration // between questions whether locations came or went
	changes int           // of volumes that wait at most
}

func (p pace) orDefault() pace {
	if p.limited == 0 {
		p.limited = limitEvery
	}
	if p.gone == 0 {
		p.gone = retryGone
	}
	if p.poll == 0 {
		p.poll = pollEvery
	}
	if p.changes == 0 {
		p.changes = maxChanges
	}
	return p
}

// Watcher keeps locations fresh from Start to Close. Its methods are safe for concurrent
// use. Put, Removed, Moved, Wants and Passed make it an fs.Changes.
type Watcher struct {
	cfg    Config
	index  *index.Indexer
	lib    *library.Library
	cat    *catalog.Catalog
	log    *slog.Logger
	device catalog.Place // of this device's files

	life context.Context // of all but the noting of changes
	die  context.CancelFunc
	work sync.WaitGroup

	closed   atomic.Bool
	turn     chan struct{} // held by the whole scan that goes on
	notifier *notifier     // nil: the system tells nothing
	noTell   error         // why; both are set by Start, before all that uses them
	changes  *changes
	identify *identifier
	packer   *packer
	crumb    *crumb

	mu     sync.Mutex
	places map[int64]*place // by the location's ID
	err    string           // why the list of locations is not up to date
}

// New returns a Watcher that keeps nothing fresh yet, but gathers what it is told of changes.
// The caller ends it with Close, started or not.
func New(cfg Config) *Watcher {
	log := cfg.Index.Log
	if log == nil {
		log = slog.Default()
	}
	cfg.pace = cfg.pace.orDefault()
	w := &Watcher{
		cfg: cfg, index: index.New(cfg.Index), lib: cfg.Index.Library, cat: cfg.Index.Library.Catalog(), log: log,
		device: catalog.DevicePlace(cfg.Index.Resolver.ThisDevice().ID),
		turn:   make(chan struct{}, 1), places: map[int64]*place{},
	}
	w.life, w.die = context.WithCancel(context.Background())
	w.changes = newChanges(w)
	w.identify = newIdentifier(w)
	w.packer = newPacker(w)
	return w
}

// Start begins to keep all locations fresh and returns at once.
func (w *Watcher) Start() {
	var unclean bool
	w.crumb, unclean = dropCrumb(w.lib.Dir(), w.log)
	if unclean {
		w.log.Info("an earlier mount was cut off: volumes are looked at again")
	}
	n, err := newNotifier(w.cfg.MaxFolders)
	if err != nil {
		w.log.Warn("changes on the local disk are seen by looking now and then", "err", err)
	}
	w.mu.Lock()
	w.notifier, w.noTell = n, err
	w.mu.Unlock()
	w.work.Go(func() { w.run(unclean) })
	w.work.Go(w.identify.run)
	w.work.Go(w.packer.run)
}

// Close ends all scans at once and then notes what was changed in volumes, which takes no
// longer than ctx lasts. Only the first call does anything.
func (w *Watcher) Close(ctx context.Context) error {
	if !w.closed.CompareAndSwap(false, true) {
		return nil
	}
	w.die()
	err := w.changes.close(ctx)
	w.work.Wait()
	w.notifier.close()
	if err != nil {
		w.crumb.leave()
		return fmt.Errorf("not all that was changed is in the index; the next mount looks again: %w", err)
	}
	w.crumb.clean(w.allCaughtUp())
	return nil
}

// run follows which locations there are.
func (w *Watcher) run(unclean bool) {
	last := int64(-1)
	tick := time.NewTicker(w.cfg.pace.poll)
	defer tick.Stop()
	for first := true; ; first = false {
		n, err := w.lib.Generation(w.life)
		if err == nil && n != last {
			if err = w.follow(w.life, first, unclean); err == nil {
				last = n
			}
		}
		w.fault(err)
		select {
		case <-w.life.Done():
			for _, p := range w.all() {
				p.stop()
			}
			return
		case <-tick.C:
		}
	}
}

// fault logs an error of the library once.
func (w *Watcher) fault(err error) {
	text := ""
	if err != nil && w.life.Err() == nil {
		text = err.Error()
	}
	w.mu.Lock()
	news := text != w.err
	w.err = text
	w.mu.Unlock()
	if news && text != "" {
		w.log.Warn("the list of locations cannot be read", "err", err)
	}
}

// follow begins with new locations, ends with removed ones and takes over what changed.
func (w *Watcher) follow(ctx context.Context, first, unclean bool) error {
	list, err := w.lib.Locations(ctx)
	if err != nil {
		return err
	}
	there := map[int64]bool{}
	for _, loc := range list {
		there[loc.ID] = true
		w.mu.Lock()
		p := w.places[loc.ID]
		w.mu.Unlock()
		if p != nil && p.update(loc) {
			continue
		}
		if p != nil { // its folder, mode or rules are others
			p.stop()
		}
		w.begin(loc, first && unclean)
	}
	for _, p := range w.all() {
		if !there[p.id] {
			p.stop()
			w.mu.Lock()
			delete(w.places, p.id)
			w.mu.Unlock()
		}
	}
	w.changes.follow(list)
	return nil
}

// begin starts to keep a location fresh. At once says that a cloud volume is to be looked at
// however recent its last scan is.
func (w *Watcher) begin(loc library.Location, atOnce bool) {
	p := &place{w: w, id: loc.ID, loc: loc, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(w.life)
	p.cancel = cancel
	w.mu.Lock()
	w.places[loc.ID] = p
	w.mu.Unlock()
	run := func() { newCloud(p, atOnce).run(ctx) }
	switch {
	case loc.Place == w.device:
		run = func() { newLocal(p).run(ctx) }
	case !isVolume(loc.Place):
		p.set(Elsewhere, nil)
		run = func() { <-ctx.Done() } // a location of another device
	}
	w.work.Go(func() {
		defer close(p.done)
		defer cancel()
		run()
	})
}

// all are the places at the moment.
func (w *Watcher) all() []*place {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]*place, 0, len(w.places))
	for _, p := range w.places {
		list = append(list, p)
	}
	return list
}

// allCaughtUp tells whether each volume was looked at since the start.
func (w *Watcher) allCaughtUp() bool {
	for _, p := range w.all() {
		if !p.caughtUp() {
			return false
		}
	}
	return true
}

// takeTurn waits until no other whole scan goes on; the caller gives it back.
func (w *Watcher) takeTurn(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *Watcher) giveTurn() { <-w.turn }

// sameWork tells whether two states of a location ask for the same work.
func sameWork(a, b library.Location) bool {
	return a.Place == b.Place && a.Path == b.Path && a.Mode == b.Mode && reflect.DeepEqual(a.Rules, b.Rules)
}

// ended tells whether err only says that ctx is over.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, context.Canceled)
}
