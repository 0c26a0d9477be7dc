package watch

import (
	"context"
	"slices"
	"sync"
	"time"

	"sd/backends"
	"sd/library"
	"sd/library/catalog"
)

const (
	gather     = 100 * time.Millisecond // from the first change to its writing: others may follow
	maxChanges = 1 << 16                // that wait for a volume; more, and it is scanned instead
	maxBatch   = 1000                   // in one transaction
	maxLoose   = 1 << 12                // that wait for a location to appear
	looseAge   = 10 * time.Second       // for so long
)

// verb is what was done to an object.
type verb uint8

const (
	put verb = iota
	removed
	moved
	passed
)

// change is one thing that the mount has done in a volume.
type change struct {
	verb    verb
	name    string
	to      string // moved
	dir     bool   // moved
	entry   backends.Entry
	version string // passed
	size    int64  // passed
	sum     string // passed
	at      time.Time
}

// changes brings what the mount changes in volumes into the catalog, for each volume in
// the order in which it was done. Nobody who tells of a change waits.
type changes struct {
	w *Watcher

	mu     sync.Mutex
	queues map[string]*queue       // by volume: those that have a location
	loose  map[string][]change     // of volumes without: perhaps one is just being added
	asked  map[int64]chan struct{} // by location
	behind map[int64]time.Time     // locations that have to be scanned for what was not written
	closed bool
	work   sync.WaitGroup
}

// queue is what waits for one volume. changes.mu guards it.
type queue struct {
	volume    string
	max       int // that may wait
	locations []library.Location
	list      []change
	busy      int  // taken from the list and not written yet
	overflow  bool // the list was given up: scan instead
	wake      chan struct{}
	hurry     chan struct{} // closed: write all that there is and end
	ended     chan struct{}
	ctx       context.Context // of the writing
	stop      context.CancelFunc
}

func newChanges(w *Watcher) *changes {
	return &changes{w: w, queues: map[string]*queue{}, loose: map[string][]change{}, asked: map[int64]chan struct{}{}, behind: map[int64]time.Time{}}
}

// Put notes that an object is new or has another version.
func (w *Watcher) Put(volume, name string, e backends.Entry) {
	w.changes.add(volume, change{verb: put, name: name, entry: e})
}

// Removed notes that an object, or an empty folder, is gone.
func (w *Watcher) Removed(volume, name string) {
	w.changes.add(volume, change{verb: removed, name: name})
}

// Moved notes that an object, or with dir a folder and all in it, has another name.
func (w *Watcher) Moved(volume, old, new string, dir bool) {
	w.changes.add(volume, change{verb: moved, name: old, to: new, dir: dir})
}

// wantsPatience is how long a reader of a volume waits for the catalog.
const wantsPatience = 50 * time.Millisecond

// Wants tells whether a version is in the catalog and its content is not known. Of volumes
// without a location, which most reads are of, it knows that at once; a busy catalog means no.
func (w *Watcher) Wants(volume, name, version string, size int64) bool {
	c := w.changes
	c.mu.Lock()
	indexed := c.queues[volume] != nil && !c.closed
	c.mu.Unlock()
	if !indexed {
		return false
	}
	ctx, cancel := context.WithTimeout(w.life, wantsPatience)
	defer cancel()
	_, f, err := w.cat.FindFile(ctx, catalog.VolumePlace(volume), name)
	return err == nil && f.Version == version && f.Size == size && !f.Proof.Proven()
}

// Passed notes that all bytes of a version were read, and their BLAKE3 in hex.
func (w *Watcher) Passed(volume, name, version string, size int64, sum string) {
	w.changes.add(volume, change{verb: passed, name: name, version: version, size: size, sum: sum})
}

// again is the channel on which a location of a volume is asked for a scan.
func (c *changes) again(location int64) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.asked[location]
	if ch == nil {
		ch = make(chan struct{}, 1)
		c.asked[location] = ch
	}
	return ch
}

func (c *changes) add(volume string, ch change) {
	ch.at = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	q := c.queues[volume]
	if q == nil {
		c.addLoose(volume, ch)
		return
	}
	q.add(ch)
}

// addLoose keeps a change for a moment. c.mu is held.
func (c *changes) addLoose(volume string, ch change) {
	list := c.loose[volume]
	old := 0
	for old < len(list) && (len(list)-old >= maxLoose || ch.at.Sub(list[old].at) > looseAge) {
		old++
	}
	c.loose[volume] = append(list[old:], ch)
}

func (q *queue) add(ch change) {
	if q.overflow {
		return
	}
	if len(q.list) >= q.max {
		q.list, q.overflow = nil, true
	} else {
		q.list = append(q.list, ch)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// follow takes over which locations there are.
func (c *changes) follow(all []library.Location) {
	byVolume := map[string][]library.Location{}
	for _, loc := range all {
		if v, ok := volumeOf(loc.Place); ok {
			byVolume[v] = append(byVolume[v], loc)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	for v, locations := range byVolume {
		q := c.queues[v]
		if q == nil {
			q = c.begin(v)
		}
		q.locations = locations
	}
	for v, q := range c.queues {
		if byVolume[v] == nil {
			delete(c.queues, v)
			q.stop()
			close(q.hurry)
		}
	}
	for id := range c.asked {
		if !slices.ContainsFunc(all, func(loc library.Location) bool { return loc.ID == id }) {
			delete(c.asked, id)
			delete(c.behind, id)
		}
	}
	now := time.Now()
	for v, list := range c.loose {
		if now.Sub(list[len(list)-1].at) > looseAge {
			delete(c.loose, v)
		}
	}
}

// begin makes the queue of a volume, with what was done there lately. c.mu is held.
func (c *changes) begin(volume string) *queue {
	q := &queue{volume: volume, max: c.w.cfg.pace.changes, wake: make(chan struct{}, 1), hurry: make(chan struct{}), ended: make(chan struct{})}
	q.ctx, q.stop = context.WithCancel(context.Background())
	now := time.Now()
	for _, ch := range c.loose[volume] {
		if now.Sub(ch.at) <= looseAge {
			q.add(ch)
		}
	}
	delete(c.loose, volume)
	c.queues[volume] = q
	c.work.Go(func() { c.run(q) })
	return q
}

// run writes what is queued until there will be no more.
func (c *changes) run(q *queue) {
	defer close(q.ended)
	defer q.stop()
	for {
		over := false
		select {
		case <-q.wake:
			timer := time.NewTimer(gather)
			select {
			case <-timer.C:
			case <-q.hurry:
				over = true
			}
			timer.Stop()
		case <-q.hurry:
			over = true
		}
		for c.step(q) {
		}
		if over {
			return
		}
	}
}

// step writes one batch and tells whether there is more.
func (c *changes) step(q *queue) bool {
	c.mu.Lock()
	batch, locations, overflow := q.list, q.locations, q.overflow
	if len(batch) > maxBatch {
		batch = batch[:maxBatch]
	}
	q.list, q.overflow = q.list[len(batch):], false
	q.busy = len(batch)
	c.mu.Unlock()
	if q.ctx.Err() != nil || !overflow && len(batch) == 0 {
		return false
	}
	var err error
	if len(batch) > 0 {
		err = (&writer{w: c.w, place: catalog.VolumePlace(q.volume), locations: locations}).write(q.ctx, batch)
	}
	if err != nil && q.ctx.Err() == nil {
		c.w.log.Warn("what the mount has changed could not be noted; the volume is scanned instead", "err", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.ctx.Err() == nil {
		q.busy = 0
	}
	if overflow || err != nil {
		now := time.Now()
		for _, loc := range locations {
			c.behind[loc.ID] = now
			c.ask(loc.ID)
		}
	}
	return q.ctx.Err() == nil && len(q.list) > 0
}

// ask has a location scanned. c.mu is held.
func (c *changes) ask(location int64) {
	ch := c.asked[location]
	if ch == nil {
		ch = make(chan struct{}, 1)
		c.asked[location] = ch
	}
	select {
	case ch <- struct{}{}:
	default:
	}
}

// scanned says that a scan of a location that began then has ended well.
func (c *changes) scanned(location int64, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.behind[location]; ok && at.Before(began) {
		delete(c.behind, location)
	}
}

// close writes what is queued, as long as ctx lasts.
func (c *changes) close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	var all []*queue
	for _, q := range c.queues {
		all = append(all, q)
		close(q.hurry)
	}
	c.mu.Unlock()
	defer c.work.Wait()
	stop := context.AfterFunc(ctx, func() {
		for _, q := range all {
			q.stop()
		}
	})
	defer stop()
	left := 0
	for _, q := range all {
		<-q.ended
		c.mu.Lock()
		if left += len(q.list) + q.busy; q.overflow {
			left++
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	left += len(c.behind)
	c.mu.Unlock()
	if left > 0 {
		return &leftError{left}
	}
	return nil
}

// waiting is how many changes are not written yet.
func (c *changes) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, q := range c.queues {
		n += len(q.list) + q.busy
	}
	return n
}
