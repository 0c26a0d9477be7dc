package fs

import (
	"maps"
	"slices"
	"time"
)

// mostAbsent is how many names a folder remembers to have said are not there. After forgotten the
// kernel has certainly forgotten one.
const (
	mostAbsent = 256
	forgotten  = watchedTimeout + 10*time.Second
)

// sayAbsent tells how long the kernel may believe that nothing in n has a name. For longer than
// a second it may only what is remembered, so that it can be told otherwise.
func (n *localNode) sayAbsent(name string) time.Duration {
	if !n.dir.watched.Load() {
		return unwatchedTimeout
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if _, known := n.dir.absent[name]; !known && len(n.dir.absent) >= mostAbsent {
		maps.DeleteFunc(n.dir.absent, func(_ string, said time.Time) bool { return now.Sub(said) > forgotten })
		if len(n.dir.absent) >= mostAbsent {
			return unwatchedTimeout
		}
	}
	if n.dir.absent == nil {
		n.dir.absent = make(map[string]time.Time, 1)
	}
	n.dir.absent[name] = now
	return watchedTimeout
}

// forgetAbsent tells whether the kernel may believe that nothing in n has a name, which ends with
// the call. Other names it need not be told of, and must not: a lookup may find one in the same
// moment, and the folder that it leads to would be lost to those who have just entered it.
func (n *localNode) forgetAbsent(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, known := n.dir.absent[name]
	delete(n.dir.absent, name)
	return known
}

// absentNames are those that forgetAbsent is true of.
func (n *localNode) absentNames() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.dir.absent))
}
