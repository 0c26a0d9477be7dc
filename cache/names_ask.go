package cache

import "sd/backends"

// Known gives what a directory was last known to have under a label, however long ago that
// was. It asks nobody.
func (m *Names) Known(dir DirKey, label string) (backends.Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.best(m.key(dir))
	if l == nil {
		return backends.Entry{}, false
	}
	r := l.find(label)
	if r == nil || r.gone {
		return backends.Entry{}, false
	}
	return l.entry(r), true
}

// Place tells where a name stands in the listing of a directory: an index for Entry,
// which holds as long as that listing does. It asks nobody.
func (m *Names) Place(dir DirKey, label string) (index int, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.best(m.key(dir))
	if l == nil {
		return 0, false
	}
	i, ok := l.place(label)
	return int(i), ok
}

// Entry gives the entry at an index of the listing of a directory; false where there
// is none, or none is believed any more.
func (m *Names) Entry(dir DirKey, index int) (backends.Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.best(m.key(dir))
	if l == nil || index < l.base || index >= l.end() {
		return backends.Entry{}, false
	}
	r := l.at(index)
	if r.gone || r.seen <= m.fresh() {
		return backends.Entry{}, false
	}
	return l.entry(r), true
}

// Occupied tells whether a directory has entries: Absent says that it has none, by a
// complete listing and what was noted since.
func (m *Names) Occupied(dir DirKey) State {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[m.key(dir)]
	if d == nil {
		return Unknown
	}
	after := m.fresh()
	for _, l := range [...]*listing{d.coming, d.shown} {
		if l == nil {
			continue
		}
		for i := range l.records {
			if r := &l.records[i]; !r.gone && r.seen > after {
				return Present
			}
		}
		if l.complete && l.begun > after {
			return Absent
		}
	}
	return Unknown
}

// best is the listing of a directory that knows most now. m.mu is held.
func (m *Names) best(dir DirKey) *listing {
	d := m.dirs[dir]
	if d == nil {
		return nil
	}
	if d.coming != nil && (d.shown == nil || len(d.coming.records) >= len(d.shown.records)) {
		return d.coming
	}
	return d.shown
}
