package cache

import (
	"container/list"
	"context"
	"strings"
	"sync"
	"time"

	"sd/backends"
)

// DefaultNamesBytes is used for NamesConfig.MaxBytes 0: some 400,000 entries.
const DefaultNamesBytes = 64 << 20

// DirKey names a directory: the fingerprint of its volume and its whole name in the
// store, which is "" for the root. Where the volume folds (see Names.Fold), every name of a
// directory, and of an entry, stands for it.
type DirKey struct{ Volume, Dir string }

// State is what Names know of a name.
type State uint8

// The states of a name.
const (
	Unknown State = iota // ask the store
	Present
	Absent
)

// NamesConfig says how much Names keep, and for how long.
type NamesConfig struct {
	// MaxBytes caps all listings; 0 is DefaultNamesBytes. Of a listing that is too large
	// for it, and is being read, only what is near its readers is kept, in some 10 MiB.
	MaxBytes int64
	// TTL is how long an answer is believed after the store gave it; 0 believes none.
	TTL time.Duration
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Names keeps the listings of directories, and single names learnt otherwise. Entries go
// by their Label. Of an entry's Meta it keeps the times, the mode and the owner; times
// are in UTC. It is safe for concurrent use, and nothing here blocks but
// DirReader.At, DirReader.Wait and Close.
type Names struct {
	cfg   NamesConfig
	lists sync.WaitGroup
	done  chan struct{}

	mu      sync.Mutex
	closed  bool
	folds   map[string]func(string) string // by volume
	dirs    map[DirKey]*directory
	running map[*Fill]context.CancelFunc // begun by OpenFrom
	read    map[*listing]struct{}        // those with readers
	walks   map[DirKey]*walk             // by the directory whose sub-directories they fill
	recent  *list.List                   // of *directory, last used first
	bytes   int64                        // of all listings that somebody refers to
}

// directory is what is known of one directory. Its listings count it as a reference.
type directory struct {
	key    DirKey
	shown  *listing // the last one that is over; nil if none
	coming *listing // being filled; nil if none
	order  order    // in which its sub-directories are opened
	place  *list.Element
}

// NewNames makes an empty Names.
func NewNames(cfg NamesConfig) *Names {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultNamesBytes
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Names{
		cfg:     cfg,
		done:    make(chan struct{}),
		folds:   make(map[string]func(string) string),
		dirs:    make(map[DirKey]*directory),
		running: make(map[*Fill]context.CancelFunc),
		read:    make(map[*listing]struct{}),
		walks:   make(map[DirKey]*walk),
		recent:  list.New(),
	}
}

// Fold has names of a volume that fold gives the same for be one, as backends.CaseFolder has
// them. It must be told before anything else of that volume, and a Source of it cannot Walk.
func (m *Names) Fold(volume string, fold func(name string) string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.folds[volume] = fold
}

// Lookup tells what is known of a name as shown. Present comes with the entry. Absent is only
// said when a complete listing that began within the TTL does not have the name, or it
// was removed by Remove within the TTL.
func (m *Names) Lookup(dir DirKey, name string) (backends.Entry, State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[m.key(dir)]
	if d == nil {
		return backends.Entry{}, Unknown
	}
	m.recent.MoveToFront(d.place)
	after := m.fresh()
	for _, l := range [...]*listing{d.coming, d.shown} {
		if l == nil {
			continue
		}
		if e, state := l.lookup(name, after); state != Unknown {
			return e, state
		}
	}
	return backends.Entry{}, Unknown
}

// Put notes that dir has e now: it was written, or the store was asked for it alone.
// This beats what a listing that began earlier says.
func (m *Names) Put(dir DirKey, e backends.Entry) {
	m.change(dir, func(l *listing, now int64) { l.put(e, now) })
}

// Remove notes that dir shows nothing of that name now. This beats what a listing that
// began earlier says.
func (m *Names) Remove(dir DirKey, name string) {
	m.change(dir, func(l *listing, now int64) { l.remove(name, now) })
}

func (m *Names) change(dir DirKey, do change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = m.key(dir)
	d := m.directory(dir)
	if d.shown == nil && d.coming == nil {
		d.shown = m.newListing(dir)
		d.shown.over = true
	}
	now := m.cfg.Now().UnixNano()
	for _, l := range [...]*listing{d.coming, d.shown} {
		if l != nil {
			m.account(l, func() { do(l, now) })
			l.tell()
		}
	}
	m.note(dir, func(l *listing, _ int64) { do(l, now) })
	m.trim()
}

// Invalidate forgets dir. DirReaders that are open go on over what they have, but a listing
// that has begun answers no Lookup any more.
func (m *Names) Invalidate(dir DirKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = m.key(dir)
	if d := m.dirs[dir]; d != nil {
		m.forget(d)
	}
	m.note(dir, nil)
}

// InvalidateTree forgets the directory called dir and all below it, as Invalidate does.
// It takes time proportional to the number of directories kept.
func (m *Names) InvalidateTree(volume, dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = m.key(DirKey{volume, dir}).Dir
	for key, d := range m.dirs {
		if key.Volume == volume && within(key.Dir, dir) {
			m.forget(d)
		}
	}
	for key, w := range m.walks {
		if key.Volume == volume && (within(key.Dir, dir) || within(dir, key.Dir)) {
			w.end()
		}
	}
}

// within tells whether a directory is another or lies below it.
func within(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, prefixOf(dir))
}

// prefixOf is what the names of all below dir begin with.
func prefixOf(dir string) string {
	if dir == "" {
		return ""
	}
	return dir + "/"
}

// Expire forgets every directory of which nothing is believed any more.
func (m *Names) Expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := m.fresh()
	for _, d := range m.dirs {
		if d.idle() && d.shown.seen <= after {
			m.forget(d)
		}
	}
}

// Close ends the listings under way and returns when they have ended. Open
// DirReaders fail with fs.ErrClosed past what they have.
func (m *Names) Close() {
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		close(m.done)
		for _, cancel := range m.running {
			cancel()
		}
		for _, w := range m.walks {
			w.end()
		}
	}
	m.mu.Unlock()
	m.lists.Wait()
}

// NamesStats is what Names hold now.
type NamesStats struct {
	Listings int64 // complete ones
	Partial  int64 // directories of which only some names are known
	Entries  int64
	Bytes    int64
	MaxBytes int64
}

// Stats counts what is kept, in time proportional to the number of directories.
func (m *Names) Stats() NamesStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := NamesStats{Bytes: m.bytes, MaxBytes: m.cfg.MaxBytes}
	for _, d := range m.dirs {
		if d.shown != nil && d.shown.complete {
			s.Listings++
		} else {
			s.Partial++
		}
		for _, l := range [...]*listing{d.coming, d.shown} {
			if l != nil {
				s.Entries += int64(len(l.records))
			}
		}
	}
	return s
}

// The methods below want m.mu held.

// fresh is the time (Unix, ns) after which an answer must have been given.
func (m *Names) fresh() int64 {
	return m.cfg.Now().Add(-m.cfg.TTL).UnixNano()
}

// key is a DirKey by which all names of a directory find it.
func (m *Names) key(dir DirKey) DirKey {
	if fold := m.folds[dir.Volume]; fold != nil {
		dir.Dir = fold(dir.Dir)
	}
	return dir
}

// directory finds or makes the entry of dir, as the one used last.
func (m *Names) directory(dir DirKey) *directory {
	d := m.dirs[dir]
	if d == nil {
		d = &directory{key: dir}
		d.place = m.recent.PushFront(d)
		m.dirs[dir] = d
	}
	m.recent.MoveToFront(d.place)
	return d
}

// idle tells whether nobody reads or fills d.
func (d *directory) idle() bool {
	return d.coming == nil && (d.shown == nil || d.shown.refs == 1)
}

// forget takes d out of the table.
func (m *Names) forget(d *directory) {
	delete(m.dirs, d.key)
	m.recent.Remove(d.place)
	m.unref(d.shown)
	m.unref(d.coming)
	d.shown, d.coming = nil, nil
}

// trim makes MaxBytes hold, if it can. A listing that takes more than half of that loses
// what was read of it, then idle directories are forgotten, used longest ago first,
// then other listings lose what was read of them.
func (m *Names) trim() {
	m.shed(m.cfg.MaxBytes / 2)
	for e := m.recent.Back(); e != nil && m.bytes > m.cfg.MaxBytes; {
		d := e.Value.(*directory)
		e = e.Prev()
		if d.idle() {
			m.forget(d)
		}
	}
	m.shed(0)
}

// shed drops what was read of listings that are larger than size.
func (m *Names) shed(size int64) {
	if m.bytes <= m.cfg.MaxBytes {
		return
	}
	for l := range m.read {
		if before := l.bytes(); before > size && l.shed() {
			m.bytes += l.bytes() - before
		}
	}
}

// newListing makes an empty listing of a directory with one reference.
func (m *Names) newListing(dir DirKey) *listing {
	l := newListing(m.cfg.Now().UnixNano())
	l.fold = m.folds[dir.Volume]
	l.refs = 1
	m.bytes += l.bytes()
	return l
}

// account changes l and notes its new size.
func (m *Names) account(l *listing, change func()) {
	before := l.bytes()
	change()
	m.bytes += l.bytes() - before
}

// unref drops a reference to l, which may be nil.
func (m *Names) unref(l *listing) {
	if l == nil {
		return
	}
	if l.refs--; l.refs == 0 {
		m.bytes -= l.bytes()
		l.leaveStock()
	}
}
