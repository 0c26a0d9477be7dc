package cache

import (
	"io/fs"
	"sort"
	"strings"
	"time"
)

// The methods here tie a flat list to those who read. All want Names.mu held.

// reaches tells whether the list is about to come to a directory, and will keep it.
func (f *flat) reaches(key string) bool {
	if f.stopped || f.aged(4) || key < f.keys[0] || key >= f.end() || key <= f.at || f.leftAlone(strings.TrimSuffix(key, "/")) {
		return false
	}
	return f.distance(key) <= reachAhead
}

// distance guesses how many entries the list has to go to a directory of its claim.
func (f *flat) distance(key string) int {
	return (sort.SearchStrings(f.keys, key) - f.key) * f.w.size()
}

// promise has the list fill a listing that was begun for a reader.
func (f *flat) promise(fill *Fill) {
	f.promised[fill.dir.Dir] = fill
	f.feed(fill)
	f.wake()
}

// open begins the listing of a directory that the list comes to, or takes over the one
// that was promised; nil if it is to be left alone. What changed there since the list
// began is put in first, so that it is as if the listing had begun with the list.
func (f *flat) open(dir string) *Fill {
	if fill := f.promised[dir]; fill != nil {
		delete(f.promised, dir)
		return fill
	}
	m := f.w.m
	key := DirKey{f.w.base.Volume, dir}
	if d := m.dirs[key]; d != nil && (d.coming != nil || d.shown != nil && d.shown.complete && d.shown.begun > m.fresh()) {
		return nil
	}
	if f.stopped || m.closed || f.leftAlone(dir) {
		return nil
	}
	fill := m.begin(key)
	f.feed(fill)
	fill.l.walk = f.w
	f.w.filled(fill.l, dirCost)
	return fill
}

func (f *flat) feed(fill *Fill) {
	l := fill.l
	l.fed, l.asked, l.begun = f, f.asked, f.begun
	for _, c := range f.changes[fill.dir.Dir] {
		f.w.m.account(l, func() { c(l, f.w.m.cfg.Now().UnixNano()) })
	}
}

// note remembers a change in dir. With too many the list ends.
func (f *flat) note(dir string, c change) {
	if f.noted++; f.noted > maxNoted {
		f.stop()
		return
	}
	f.changes[dir] = append(f.changes[dir], c)
}

// leftAlone tells whether dir was invalidated since the list began.
func (f *flat) leftAlone(dir string) bool {
	for _, c := range f.changes[dir] {
		if c == nil {
			return true
		}
	}
	return false
}

// kept hands on what was promised where the list has passed it by.
func (f *flat) kept() {
	for dir, fill := range f.promised {
		if f.at >= afterAll(dir+"/") {
			delete(f.promised, dir)
			f.hand(fill)
		}
	}
}

// patience is how long a reader waits for news of l: little more than a listing of its
// own would take.
func (f *flat) patience(l *listing) time.Duration {
	pages := 2
	for dir, fill := range f.promised {
		if fill.l == l {
			pages += f.distance(dir+"/") / pageSize
		}
	}
	return max(minPatience, time.Duration(pages)*f.w.reply)
}

// giveUp has a listing of its own fill l, for whom this list takes too long.
func (f *flat) giveUp(l *listing) {
	for dir, fill := range f.promised {
		if fill.l == l {
			delete(f.promised, dir)
			f.hand(fill)
			return
		}
	}
	for i := range f.stack {
		if t := &f.stack[i]; t.fill != nil && t.fill.l == l {
			f.hand(t.fill)
			t.fill = nil
			return
		}
	}
}

// hand ends what the list does for a listing. If somebody reads it, a listing of its own
// goes on with it.
func (f *flat) hand(fill *Fill) {
	m, l := f.w.m, fill.l
	l.leaveStock()
	l.fed = nil
	switch {
	case m.closed:
		fill.end(fs.ErrClosed)
	case len(l.readers) == 0 || l.list == nil || l.base > 0:
		fill.end(ErrReadAgain)
	default:
		l.asked = make(chan struct{}, 1)
		m.run(fill, l.list)
	}
}

// share gives back most of a claim that proves to be much larger than was guessed, where
// others can take it.
func (f *flat) share() {
	w := f.w
	n := f.key + 1 + w.claimDirs()
	if n+1 < len(f.keys) && (len(f.keys)-n)*w.size() > claimSize && len(w.flats) < w.lists() && w.stock < w.room() && !f.stopped {
		w.giveBack(f.keys[n:])
		f.keys = f.keys[:n:n]
		w.advance()
	}
}

func (f *flat) stop() {
	f.stopped = true
	f.cancel()
	f.wake()
}

func (f *flat) wake() {
	select {
	case f.asked <- struct{}{}:
	default:
	}
}
