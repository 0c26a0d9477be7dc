package watch

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"sd/index"
)

const (
	// localEvery is how often a whole location is looked at all the same: the system does not
	// tell everything, such as what happens below a file system that was mounted meanwhile.
	localEvery = 6 * time.Hour
	// checkEvery is how often the location's root is looked at.
	checkEvery = 2 * time.Second
	// overflowRest is how long two scans because of lost events lie apart.
	overflowRest = 10 * time.Second
)

// local keeps a location of this device fresh. Its goroutine scans; the notifier's only
// notes what is to be scanned.
type local struct {
	*place
	root string // of the location, as a path of the system
	wake chan struct{}
	mark string // of the root, when it was last scanned

	// Under place.mu, as what place has:
	watched watched // folders, as paths of the system
	dirty   dirty
	whole   time.Time // when all is to be looked at next
	lost    time.Time // when that was done for lost events
}

func newLocal(p *place) *local {
	p.limit.least = p.w.cfg.pace.limited
	return &local{place: p, root: systemPath(p.loc.Path), wake: make(chan struct{}, 1)}
}

// systemPath is where the system has a path of the catalog.
func systemPath(dir string) string { return filepath.FromSlash("/" + dir) }

// catalogPath is the inverse.
func catalogPath(name string) string { return strings.Trim(filepath.ToSlash(name), "/") }

// happened implements listener. Events of folders that are not watched for this location
// are not its own.
func (l *local) happened(name string, op fsnotify.Op) {
	now := time.Now()
	dir := filepath.Dir(name)
	kind := wroteBytes
	switch {
	case filepath.Base(name) == ".gitignore":
		kind = changedTree
	case op&^fsnotify.Write != 0:
		kind = changedEntry
	}
	l.mu.Lock()
	news := false
	if l.watched.has(dir) {
		news = l.dirty.add(catalogPath(dir), kind, now)
	}
	if l.watched.has(name) {
		news = l.folderHappened(name, op, now) || news
	}
	l.mu.Unlock()
	if news {
		l.rouse()
	}
}

// folderHappened notes what happened to a watched folder itself; l.mu is held.
func (l *local) folderHappened(name string, op fsnotify.Op, now time.Time) (news bool) {
	if op.Has(fsnotify.Create) || op.Has(fsnotify.Rename) {
		// Another folder has the name now, or none; those below went with it.
		for _, other := range l.watched.from(name) {
			l.unwatch(other)
		}
	} else if op.Has(fsnotify.Remove) {
		l.unwatch(name)
	}
	if name == l.root {
		if op.Has(fsnotify.Remove) || op.Has(fsnotify.Rename) {
			l.whole = now
		}
		return true
	}
	return l.dirty.add(catalogPath(name), changedEntry, now)
}

func (l *local) unwatch(name string) {
	l.watched.remove(name)
	l.watching = l.watched.len()
	l.w.notifier.remove(name)
}

// overflowed implements listener.
func (l *local) overflowed() {
	now := time.Now()
	l.mu.Lock()
	at := l.lost.Add(overflowRest)
	if at.Before(now) {
		at = now
	}
	if l.whole.After(at) {
		l.whole, l.lost = at, at
		l.w.log.Info("changes were lost because there were too many at once: the location is scanned", "location", l.loc.Name)
	}
	l.limit.overflows++
	l.mu.Unlock()
	l.rouse()
}

func (l *local) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run first begins to watch and then scans, so that nothing falls between.
func (l *local) run(ctx context.Context) {
	l.set(Waiting, nil)
	l.w.notifier.listen(l)
	defer l.end()
	l.w.identify.want(l.place) // what a killed process has left
	for {
		l.checkRoot(time.Now())
		if wait := l.wait(time.Now()); wait > 0 {
			timer := time.NewTimer(min(wait, checkEvery))
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-l.wake:
				timer.Stop()
				continue
			case <-timer.C:
				continue
			}
		}
		if ctx.Err() != nil {
			return
		}
		l.work(ctx, time.Now())
	}
}

// end gives up all watches.
func (l *local) end() {
	l.w.notifier.unlisten(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range l.watched.from("/") {
		l.unwatch(name)
	}
}

// checkRoot has all looked at when there is another folder at the root than before, or none.
// The system does not tell of a file system that was mounted or unmounted there.
func (l *local) checkRoot(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != Gone && l.state != Failing && fileMark(l.root) != l.mark && l.whole.After(now) {
		l.whole = now
	}
}

// wait is how long nothing is to be done.
func (l *local) wait(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.whole
	if l.state == Gone || l.state == Failing { // then all of it is tried again, by itself
		return at.Sub(now)
	}
	if next, ok := l.dirty.next(); ok && next.Before(at) {
		at = next
	}
	if next, ok := l.limit.next(); ok && next.Before(at) {
		at = next
	}
	return at.Sub(now)
}

// work does what is due.
func (l *local) work(ctx context.Context, now time.Time) {
	l.mu.Lock()
	whole := !l.whole.After(now)
	var looks []index.Dirty
	if !whole {
		looks, whole = l.dirty.take(now)
	}
	if !whole {
		var more []index.Dirty
		more, whole = l.limit.take(now)
		looks = append(looks, more...)
	}
	l.mu.Unlock()
	switch {
	case whole:
		l.lookWhole(ctx)
	case len(looks) > 0:
		l.look(ctx, looks)
	}
}

// lookWhole watches what is known of the location, scans it, and then looks at what is new
// to the watch.
func (l *local) lookWhole(ctx context.Context) {
	done, err := l.turn(ctx)
	if err != nil {
		return
	}
	defer done()
	l.mu.Lock()
	l.dirty.forget()
	l.whole = time.Now().Add(localEvery)
	l.limit.forgetBelow("")
	dir, gone := l.loc.Path, l.state == Gone
	l.mu.Unlock()
	l.w.notifier.retry()
	l.mark = fileMark(l.root)
	if gone { // then this tells whether it is still, and costs little if so
		err = l.scan(ctx)
	}
	if err == nil {
		_, err = l.watchBelow(ctx, dir, true, true)
	}
	if err != nil {
		l.failed(ctx, err)
		return
	}
	began := time.Now()
	if err = l.scan(ctx); err != nil {
		l.failed(ctx, err)
		return
	}
	now := time.Now()
	l.mu.Lock()
	l.limit.took(now, now.Sub(began))
	l.mu.Unlock()
	l.follow(ctx, []index.Dirty{{Dir: dir, Recursive: true}})
}

// look scans folders, and what is new below them.
func (l *local) look(ctx context.Context, looks []index.Dirty) {
	began := time.Now()
	report, err := l.w.index.ScanFolders(ctx, l.location(), looks)
	now := time.Now()
	if err != nil {
		l.failed(ctx, err)
		return
	}
	l.found(report)
	l.mu.Lock()
	l.dirty.took(looks, now, now.Sub(began))
	l.limit.took(now, now.Sub(began))
	l.mu.Unlock()
	l.follow(ctx, looks)
}

// failed has the whole location looked at later.
func (l *local) failed(ctx context.Context, err error) {
	if ended(ctx, err) {
		return
	}
	state := Failing
	if errors.Is(err, index.ErrRoot) {
		state = Gone
	}
	l.set(state, err)
	l.mu.Lock()
	l.whole = time.Now().Add(l.retry(err))
	l.mu.Unlock()
}

// follow watches folders that are new below those that were scanned. Something may have
// happened in them before, so they are scanned once more, until none is new.
func (l *local) follow(ctx context.Context, looks []index.Dirty) {
	for ctx.Err() == nil {
		var again []index.Dirty
		for _, at := range looks {
			tops, err := l.watchBelow(ctx, at.Dir, at.Recursive, false)
			if err != nil {
				l.failed(ctx, err)
				return
			}
			again = append(again, tops...)
		}
		if len(again) == 0 {
			return
		}
		report, err := l.w.index.ScanFolders(ctx, l.location(), again)
		if err != nil {
			l.failed(ctx, err)
			return
		}
		l.found(report)
		looks = again
	}
}

// watchBelow watches the folders that the catalog has in dir, or dir and all below it, and
// returns the uppermost of those that were not watched before. again is as in watch.
func (l *local) watchBelow(ctx context.Context, dir string, deep, again bool) (tops []index.Dirty, err error) {
	fresh := map[string]bool{}
	visit := func(sub string) (into bool) {
		isNew, ok := l.watch(systemPath(sub), again)
		switch {
		case !ok:
			l.mu.Lock()
			l.limit.missed(sub)
			l.mu.Unlock()
		case isNew:
			fresh[sub] = true
			if !below(sub, fresh) {
				tops = append(tops, index.Dirty{Dir: sub, Recursive: true})
			}
		}
		return deep || isNew
	}
	if deep {
		l.mu.Lock()
		l.limit.forgetBelow(dir)
		l.mu.Unlock()
		visit(dir)
	}
	err = l.folders(ctx, dir, visit)
	return tops, err
}

// watch watches one folder. isNew tells that it was not watched before; ok is false if no
// more can be watched. A folder that cannot be opened counts as watched: what happens in it
// cannot be seen by a scan either. Again says that the name may have another folder now.
func (l *local) watch(name string, again bool) (isNew, ok bool) {
	l.mu.Lock()
	have := l.watched.has(name)
	l.mu.Unlock()
	if have && !again {
		return false, true
	}
	if !have && l.w.notifier.isFull() {
		return false, false
	}
	err := l.w.notifier.add(name, !have)
	if errors.Is(err, errFull) {
		return false, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.watched.add(name)
		l.watching = l.watched.len()
	}
	return !have && err == nil, true
}
