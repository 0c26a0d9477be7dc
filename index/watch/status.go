package watch

import (
	"cmp"
	"slices"
	"time"

	"sd/index"
	"sd/library/catalog"
)

// Status tells how a Watcher fares.
type Status struct {
	Locations []LocationStatus
	Folders   int    // that are watched, over all locations
	Waiting   int    // changes of volumes that are not in the catalog yet
	Problem   string // why nothing, or not all, is kept fresh
}

// LocationStatus tells how one location fares.
type LocationStatus struct {
	ID    int64
	Name  string
	Place catalog.Place
	Path  string
	State State
	Err   string // what goes wrong, in Gone and Failing
	// Counted tells whether Counts are known; they may be some seconds old.
	Counted  bool
	Counts   catalog.Counts
	Scanned  time.Time       // when the last whole scan ended, in whatever process; zero: never
	Scan     *index.Progress // of the scan under way here, else nil
	Identify *index.Progress // of the identification under way here, else nil
	// Watched is how many folders are watched, Unwatched how many cannot be. Advice says why,
	// and what can be done; "" if all are.
	Watched, Unwatched int
	Advice             string
	Overflows          int // how often changes were lost, and all was scanned for it
}

// Status returns a snapshot, the locations in the order in which they were added. It waits a
// quarter of a second at most for how much is indexed.
func (w *Watcher) Status() Status {
	s := Status{Waiting: w.changes.waiting()}
	w.mu.Lock()
	notifier := w.notifier
	s.Problem = w.err
	if s.Problem == "" && w.noTell != nil {
		s.Problem = "changes on the local disk are seen by looking now and then: " + w.noTell.Error()
	}
	w.mu.Unlock()
	s.Folders = notifier.count()
	places := w.all()
	recount(places)
	for _, p := range places {
		s.Locations = append(s.Locations, p.status())
	}
	slices.SortFunc(s.Locations, func(a, b LocationStatus) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// Load tells how much goes on: how many folders are watched, and whether a location is
// being scanned or identified. It costs next to nothing.
func (w *Watcher) Load() (folders int, busy bool) {
	w.mu.Lock()
	notifier := w.notifier
	w.mu.Unlock()
	for _, p := range w.all() {
		p.mu.Lock()
		busy = busy || p.progress != nil || p.identifying != nil
		p.mu.Unlock()
	}
	return notifier.count(), busy
}

func (p *place) status() LocationStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := LocationStatus{
		ID: p.id, Name: p.loc.Name, Place: p.loc.Place, Path: p.loc.Path,
		State: p.state, Counted: p.counts.ok, Counts: p.counts.known, Scanned: p.loc.Scanned,
		Scan: p.progress, Identify: p.identifying,
		Watched: p.watching, Unwatched: p.limit.folders(), Advice: p.limit.advice(), Overflows: p.limit.overflows,
	}
	switch {
	case s.State == Fresh && s.Identify != nil:
		s.State = Identifying
	case s.State == Gone || s.State == Failing:
		s.Err = p.err
	}
	return s
}
