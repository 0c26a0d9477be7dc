package cache

import (
	"slices"
	"strings"
	"time"

	"sd/backends"
)

// A walk fills the listings of the sub-directories of one directory, and of all below
// them, ahead of a reader who opens one after another. Several flat lists do it at a
// time. Each has a claim: some sub-directories that follow each other in the parent's
// listing. What they filled and nobody has read yet is the stock, which is bounded, and
// grows with what is read: a reader who stops costs a few pages.
//
// All is guarded by Names.mu.
type walk struct {
	m      *Names
	base   DirKey
	source Source
	parent *listing // of base; the walk counts as a reference
	begun  int64
	ended  bool

	next  int     // the index in parent after the sub-directories that were claimed
	last  string  // the key of the last of those
	flats []*flat // running

	returned [][]string // claims, or what is left of them, of flat lists that had to end

	stock int // entries filled and not read yet; a directory counts as some
	read  int // those that were read

	dirs, entries int // met so far: how large is a sub-directory

	reply   time.Duration // what the first page of a flat list takes
	replies int
}

const (
	maxWalks    = 4
	fewFlats    = 4 // flat lists of a walk at first
	manyFlats   = 8 // and once manyRead entries were read
	manyRead    = 4000
	claimSize   = 4950 // entries of a claim as far as can be guessed: within five pages
	maxClaim    = 4000 // sub-directories
	anyDir      = 50   // entries of a directory of which nothing is known
	dirCost     = 4    // the memory of a directory, in entries
	stockBytes  = 250  // memory of an entry in stock, roughly
	minStock    = 4000
	maxStock    = 32_000
	pageSize    = 1000
	reachAhead  = 3 * pageSize           // entries a reader waits for rather than list by himself
	firstReply  = 250 * time.Millisecond // until it is known
	minPatience = 100 * time.Millisecond
	// A walk is of no use where answers are believed for less than that.
	minWalkTTL = time.Second
)

// follow has a flat list fill f, if one is about to get there, or if dir was opened in
// the order of its parent's listing. False leaves f to the caller. m.mu is held.
func (m *Names) follow(f *Fill, s Source, next *follower) bool {
	if m.cfg.TTL < minWalkTTL {
		return false
	}
	key := f.dir.Dir + "/"
	for _, w := range m.walks {
		if !w.covers(f.dir) {
			continue
		}
		for _, fl := range w.flats {
			if fl.reaches(key) {
				fl.promise(f)
				return true
			}
		}
	}
	if next == nil || !next.run || next.parent.order.rest > m.cfg.Now().UnixNano() {
		return false
	}
	w := m.walks[next.parent.key]
	if w != nil && (w.parent != next.l || w.begun <= m.fresh()) {
		w.end()
		w = nil
	}
	if w == nil {
		w = m.newWalk(next, s)
	}
	if w == nil || len(w.flats) >= manyFlats {
		return false
	}
	keys := w.claimFrom(key, next.i)
	if len(keys) == 0 {
		return false
	}
	w.start(keys).promise(f)
	w.advance()
	return true
}

// newWalk begins a walk; nil if it is not worth it.
func (m *Names) newWalk(next *follower, s Source) *walk {
	if next.l.begun <= m.fresh() || next.i+1 >= next.l.end() && next.l.over {
		return nil
	}
	if len(m.walks) >= maxWalks {
		var oldest *walk
		for _, w := range m.walks {
			if len(w.flats) == 0 && (oldest == nil || w.begun < oldest.begun) {
				oldest = w
			}
		}
		if oldest == nil {
			return nil
		}
		oldest.end()
	}
	w := &walk{
		m: m, base: next.parent.key, source: s, parent: next.l,
		begun: m.cfg.Now().UnixNano(), reply: firstReply,
	}
	w.parent.refs++
	// Those that were read before tell what size to expect.
	look := runLook / runGap
	for i := next.i - 1; i >= max(next.l.base, next.i-runGap); i-- {
		if r := next.l.at(i); r.kind == backends.Dir {
			dir := DirKey{w.base.Volume, prefixOf(w.base.Dir) + next.l.name(r)}
			if d := m.dirs[dir]; d != nil && d.shown != nil && d.shown.complete {
				w.dirs++
				w.entries += m.weigh(dir, &look)
			}
		}
	}
	m.walks[w.base] = w
	return w
}

// weigh counts the entries of dir and all below it, of which it guesses those that are
// not known. It looks at so many.
func (m *Names) weigh(dir DirKey, look *int) int {
	d := m.dirs[dir]
	if d == nil || d.shown == nil || !d.shown.complete {
		return anyDir
	}
	n := len(d.shown.records)
	for i := range d.shown.records {
		if *look--; *look <= 0 {
			break
		}
		if r := &d.shown.records[i]; r.kind == backends.Dir && !r.gone {
			n += m.weigh(DirKey{dir.Volume, prefixOf(dir.Dir) + d.shown.name(r)}, look)
		}
	}
	return n
}

// covers tells whether dir lies below the base.
func (w *walk) covers(dir DirKey) bool {
	return dir.Volume == w.base.Volume && dir.Dir != w.base.Dir && within(dir.Dir, w.base.Dir)
}

// end ends the walk. Its flat lists end soon.
func (w *walk) end() {
	if w.ended {
		return
	}
	w.ended = true
	if w.m.walks[w.base] == w {
		delete(w.m.walks, w.base)
	}
	for _, f := range w.flats {
		f.stop()
	}
	w.m.unref(w.parent)
}

// fail ends the walk, and has none follow it for as long as answers are believed.
func (w *walk) fail() {
	if d := w.m.dirs[w.base]; d != nil {
		d.order.rest = w.m.cfg.Now().Add(w.m.cfg.TTL).UnixNano()
	}
	w.end()
}

// advance starts flat lists while there is room, and ends the walk where there is
// nothing left to do.
func (w *walk) advance() {
	for !w.ended && len(w.flats) < w.lists() && w.stock < w.room() {
		if w.begun <= w.m.fresh() || w.m.closed {
			break
		}
		keys := w.claim()
		if len(keys) == 0 {
			break
		}
		w.start(keys)
	}
	nothing := len(w.returned) == 0 && w.next >= w.parent.end() && w.parent.over
	if !w.ended && len(w.flats) == 0 && (w.begun <= w.m.fresh() || nothing) {
		w.end()
	}
}

func (w *walk) lists() int {
	if w.read < manyRead {
		return fewFlats
	}
	return manyFlats
}

// room is how large the stock may grow.
func (w *walk) room() int {
	most := min(maxStock, int(w.m.cfg.MaxBytes/4/stockBytes))
	return min(minStock+4*w.read, most)
}

// size guesses how many entries lie in a sub-directory, all levels together; at least 1.
func (w *walk) size() int {
	if w.dirs == 0 {
		return anyDir
	}
	return max(1, w.entries/w.dirs)
}

// claimDirs is how many sub-directories a claim should have.
func (w *walk) claimDirs() int { return min(max(1, claimSize/w.size()), maxClaim) }

// claim takes the keys of the next sub-directories: those of one claim, or a quarter
// more where nothing is left then. What others gave back comes first.
func (w *walk) claim() (keys []string) {
	n := w.claimDirs()
	if len(w.returned) > 0 {
		keys = w.returned[0]
		if w.returned = w.returned[1:]; len(keys) > n+n/4 {
			w.giveBack(keys[n:])
			keys = keys[:n:n]
		}
		return keys
	}
	var ends []int // indexes after those of keys
	last := w.last
	for i := max(w.next, w.parent.base); i < w.parent.end() && len(keys) <= n+n/4; i++ {
		if r := w.parent.at(i); r.kind == backends.Dir && !r.gone {
			if key := prefixOf(w.base.Dir) + w.parent.name(r) + "/"; key > last {
				keys, ends, last = append(keys, key), append(ends, i+1), key
			}
		}
	}
	switch {
	case len(keys) == 0:
		w.next = max(w.next, w.parent.end())
		return nil
	case len(keys) > n+n/4:
		keys = keys[:n]
	}
	w.next, w.last = ends[len(keys)-1], keys[len(keys)-1]
	return keys
}

// claimFrom takes a claim that begins with the sub-directory of that key, at index i of
// the parent's listing; none if it was claimed before and is not to be had back.
func (w *walk) claimFrom(key string, i int) []string {
	for j, keys := range w.returned {
		if k, ok := slices.BinarySearch(keys, key); ok {
			w.returned = slices.Delete(w.returned, j, j+1)
			return keys[k:]
		}
	}
	if key <= w.last {
		return nil
	}
	back := w.returned
	w.returned, w.next = nil, i
	defer func() { w.returned = back }()
	return w.claim()
}

// giveBack has what is left of a claim claimed anew.
func (w *walk) giveBack(keys []string) {
	if len(keys) > 0 {
		w.returned = append(w.returned, keys)
		slices.SortFunc(w.returned, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	}
}

// start starts a flat list over a claim.
func (w *walk) start(keys []string) *flat {
	f := newFlat(w, keys)
	w.flats = append(w.flats, f)
	w.m.lists.Go(f.run)
	return f
}

// replied notes what a first page took.
func (w *walk) replied(d time.Duration) {
	if w.replies++; w.replies == 1 {
		w.reply = d
	}
	w.reply = (w.reply + d) / 2
}

// wake lets flat lists that wait look again.
func (w *walk) wake() {
	for _, f := range w.flats {
		f.wake()
	}
}

// taken notes that l is being read: what a walk filled leaves its stock.
func (m *Names) taken(l *listing) {
	w := l.walk
	if w == nil {
		return
	}
	w.read += l.cost
	l.leaveStock()
	w.advance()
}

// leaveStock takes l out of the stock that it is in, if any.
func (l *listing) leaveStock() {
	if w := l.walk; w != nil {
		w.stock -= l.cost
		l.walk, l.cost = nil, 0
		w.wake()
	}
}

// filled accounts for n entries, or a directory that costs as much, in l.
func (w *walk) filled(l *listing, n int) {
	if l.walk == nil {
		w.read += n
		return
	}
	w.stock += n
	l.cost += n
}

// note has the flat lists that are under way hold to a change in dir, or leave dir
// alone if it is nil.
func (m *Names) note(dir DirKey, c change) {
	for _, w := range m.walks {
		if w.covers(dir) {
			for _, f := range w.flats {
				f.note(dir.Dir, c)
			}
		}
	}
}

// afterAll gives the key that comes after all below a sub-directory's key.
func afterAll(key string) string { return strings.TrimSuffix(key, "/") + "0" }

// forgetFlat takes f out of those that run.
func (w *walk) forgetFlat(f *flat) {
	w.flats = slices.DeleteFunc(w.flats, func(o *flat) bool { return o == f })
}
