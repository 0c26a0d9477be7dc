package fs

import (
	"maps"
	"slices"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"
)

// node gives the changed file, if the kernel knows it.
func (c change) node() *localNode {
	child := c.dir.GetChild(c.name)
	if child == nil {
		return nil
	}
	n, _ := child.Operations().(*localNode)
	return n
}

// beingWritten tells whether somebody writes the changed file through the mount.
func (c change) beingWritten() bool {
	n := c.node()
	if n == nil {
		return false
	}
	n.writtenUnseen()
	return n.beingWritten()
}

// notify tells the kernel until close.
func (w *watcher) notify() {
	defer w.done.Done()
	again := make(map[change]changeKind)
	var timer <-chan time.Time
	for {
		select {
		case <-w.stop:
			return
		case <-timer:
			w.invalidate(again)
			again = make(map[change]changeKind)
			timer = nil
			continue
		case <-w.wake:
		}
		soon, late := w.take()
		w.invalidate(soon)
		maps.Copy(again, late)
		for c, kind := range soon {
			if kind&changedEntry != 0 {
				again[c] = kind
			}
		}
		if timer == nil && len(again) > 0 {
			timer = time.After(echo)
		}
	}
}

// take gives what to tell the kernel soon and late.
func (w *watcher) take() (soon, late map[change]changeKind) {
	w.mu.Lock()
	soon, late = w.pending, w.writing
	overflow := w.overflow
	w.pending, w.writing, w.overflow = make(map[change]changeKind), make(map[change]changeKind), false
	var dirs []*localNode
	if overflow {
		dirs = slices.Collect(maps.Values(w.dirs))
	}
	w.mu.Unlock()
	for _, n := range dirs { // events were lost: anything may have changed
		for name := range n.Children() {
			soon[change{n, name}] = changedEntry | changedFile
		}
		for _, name := range n.absentNames() {
			soon[change{n, name}] |= changedEntry
		}
		soon[change{n, "."}] = changedEntry
	}
	return soon, late
}

// invalidate makes the kernel forget a batch. A directory whose lock somebody holds,
// as a lookup on a dead server does, keeps only its own changes waiting.
func (w *watcher) invalidate(batch map[change]changeKind) {
	byDir := make(map[*localNode]map[string]changeKind)
	for c, kind := range batch {
		if byDir[c.dir] == nil {
			byDir[c.dir] = make(map[string]changeKind)
		}
		byDir[c.dir][c.name] |= kind
	}
	w.tellMu.Lock()
	defer w.tellMu.Unlock()
	for dir, names := range byDir {
		if waiting, busy := w.telling[dir]; busy {
			if waiting == nil {
				waiting = make(map[string]changeKind)
				w.telling[dir] = waiting
			}
			for name, kind := range names {
				waiting[name] |= kind
			}
			continue
		}
		w.telling[dir] = nil
		go w.tell(dir, names)
	}
}

// tell works off the changes of one directory, and those that come meanwhile.
func (w *watcher) tell(dir *localNode, names map[string]changeKind) {
	for names != nil {
		dir.forgetNames(names)
		w.tellMu.Lock()
		if names = w.telling[dir]; names == nil {
			delete(w.telling, dir)
		} else {
			w.telling[dir] = nil
		}
		w.tellMu.Unlock()
	}
}

// forgetNames makes the kernel forget what it knows of names in n.
func (n *localNode) forgetNames(names map[string]changeKind) {
	list := false
	for name, kind := range names {
		list = list || name == "." || kind&changedEntry != 0
		if name == "." {
			continue
		}
		drop := n.forgetAbsent(name)
		if child := n.GetChild(name); child != nil {
			child.NotifyContent(0, 0)
			// A name that leads where it led is not dropped: somebody may just have made it
			// his working directory.
			drop = drop || kind&changedEntry != 0 && !n.leadsTo(name, child)
		}
		if drop {
			n.NotifyEntry(name)
		}
	}
	if list {
		n.NotifyContent(0, 0)
	}
}

// leadsTo tells whether name in n is child still.
func (n *localNode) leadsTo(name string, child *fusefs.Inode) bool {
	c, ok := child.Operations().(*localNode)
	if !ok {
		return false
	}
	fd, errno := n.acquire()
	if errno != 0 {
		return false
	}
	defer n.release()
	var st unix.Statx_t
	return statxAt(fd, name, unix.AT_STATX_DONT_SYNC, &st) == 0 && c.verify(&st) == 0
}
