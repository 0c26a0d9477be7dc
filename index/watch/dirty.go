package watch

import (
	"strings"
	"time"

	"sd/index"
)

// How long events are gathered before a folder is looked at.
const (
	quiet      = 300 * time.Millisecond // after the last event
	patience   = time.Second            // after the first event that changed an entry
	leisure    = 10 * time.Second       // after the first event that changed only bytes
	restFactor = 10                     // a look that took long is not repeated for so many times as long
	maxRest    = 30 * time.Second
	shortLook  = 50 * time.Millisecond // what takes less is never rested from
)

// maxDirty is how many folders may be dirty by themselves; beyond it the whole location is.
const maxDirty = 20_000

// dirty is the set of folders of one location in which something happened, with the time
// when each is to be looked at. It gathers: who writes a large file, or fills a folder,
// causes few looks. The zero value is empty. It is not safe for concurrent use.
type dirty struct {
	marks map[string]*mark
	rests map[string]time.Time // folders that took long, not to be looked at before
	all   bool                 // everything is dirty
}

// mark is what happened in one folder since its last look.
type mark struct {
	first, last time.Time
	names       time.Time // the first event that changed an entry; zero: only bytes were written
	deep        bool      // what lies below may have changed too
}

// event says what an event changed.
type event uint8

const (
	wroteBytes   event = iota // of a file, whose size and time follow
	changedEntry              // an entry came, went, or has other attributes
	changedTree               // the rules for all below may be others
)

// add notes an event in dir, and tells whether a look may be due sooner now.
func (d *dirty) add(dir string, e event, now time.Time) (sooner bool) {
	if d.all {
		return false
	}
	m := d.marks[dir]
	if m == nil {
		sooner = true
		if len(d.marks) >= maxDirty {
			d.marks, d.all = nil, true
			return true
		}
		if d.marks == nil {
			d.marks = map[string]*mark{}
		}
		m = &mark{first: now}
		d.marks[dir] = m
	}
	m.last = now
	if e != wroteBytes && m.names.IsZero() {
		m.names, sooner = now, true
	}
	m.deep = m.deep || e == changedTree
	return sooner
}

// due is when dir's mark is to be looked at.
func (d *dirty) due(dir string, m *mark) time.Time {
	at, latest := m.last.Add(quiet), m.first.Add(leisure)
	if !m.names.IsZero() {
		latest = m.names.Add(patience)
	}
	if latest.Before(at) {
		at = latest
	}
	if rest := d.rests[dir]; rest.After(at) {
		at = rest
	}
	return at
}

// next is when the first look is due; false: nothing is dirty.
func (d *dirty) next() (at time.Time, ok bool) {
	if d.all {
		return time.Time{}, true
	}
	for dir, m := range d.marks {
		if due := d.due(dir, m); !ok || due.Before(at) {
			at, ok = due, true
		}
	}
	return at, ok
}

// take removes what is due and returns it; what lies below a folder that is looked at with
// all below it is not named. all says that the whole location is to be scanned.
func (d *dirty) take(now time.Time) (looks []index.Dirty, all bool) {
	if d.all {
		*d = dirty{}
		return nil, true
	}
	deep := map[string]bool{}
	for dir, m := range d.marks {
		if d.due(dir, m).After(now) {
			continue
		}
		delete(d.marks, dir)
		looks = append(looks, index.Dirty{Dir: dir, Recursive: m.deep})
		if m.deep {
			deep[dir] = true
		}
	}
	for dir, at := range d.rests {
		if !at.After(now) {
			delete(d.rests, dir)
		}
	}
	if len(deep) == 0 {
		return looks, false
	}
	kept := looks[:0]
	for _, l := range looks {
		if !below(l.Dir, deep) {
			kept = append(kept, l)
		}
	}
	return kept, false
}

// took says how long it has taken to look at all of these.
func (d *dirty) took(looks []index.Dirty, now time.Time, took time.Duration) {
	each := took / time.Duration(len(looks))
	if each < shortLook {
		return
	}
	if d.rests == nil {
		d.rests = map[string]time.Time{}
	}
	for _, l := range looks {
		d.rests[l.Dir] = now.Add(min(restFactor*each, maxRest))
	}
}

// forget drops all that is noted, because the whole location is about to be scanned.
func (d *dirty) forget() { d.marks, d.all = nil, false }

// below tells whether a folder above dir is in set. The folder "" is above all others.
func below(dir string, set map[string]bool) bool {
	for dir != "" {
		dir = parent(dir)
		if set[dir] {
			return true
		}
	}
	return false
}

// parent is the folder above dir, which is not "".
func parent(dir string) string {
	if i := strings.LastIndexByte(dir, '/'); i >= 0 {
		return dir[:i]
	}
	return ""
}

// within tells whether path is dir or lies below it; "" is above all.
func within(path, dir string) bool {
	return dir == "" || path == dir || strings.HasPrefix(path, dir) && path[len(dir)] == '/'
}
