package fs

import (
	"context"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
	"sd/cache"
	"sd/sdpath"
)

// Changed tells the mount what this process has changed in a volume without it: name, a file,
// a link or a folder, is e now, or with nil is no more. The volume is named by its fingerprint,
// name is whole, as the store has it. The next look through the mount, and who listens to
// Changes, finds it so. Who has another version of a file open goes on with that one, and what
// is staged for the name stays, to be refused by its condition. Where the kernel is busy in
// the folder it hears a little later. It must not be called by who serves a request of the
// kernel. Safe for concurrent use; what is told of one name must be told in order.
func (s *Server) Changed(volume, name string, e *backends.Entry) {
	t := s.tree
	if e != nil {
		now := *e
		now.Name, now.Shown = name, ""
		t.changes.Put(volume, name, now)
	} else {
		t.changes.Removed(volume, name)
	}
	st := t.volumes.known(volume)
	if st == nil {
		return // nobody has looked into it yet
	}
	dir, seg := splitName(name)
	if e != nil {
		st.appeared(dir, seg, *e)
	} else {
		st.vanished(dir, seg)
	}
}

// heedFor is how long after a change of a local file its event may come.
const heedFor = 2 * time.Second

// Heed is for who is about to change local files without the mount, in this process: until
// done is called, once, the kernel is told of that as of what other processes do. Volumes need
// none; see Changed.
func (s *Server) Heed() (done func()) {
	local := s.tree.local
	local.heed(1)
	return func() { time.AfterFunc(heedFor, func() { local.heed(-1) }) }
}

// appeared notes that somebody beside the mount has made e.
func (s *store) appeared(dir, seg string, e backends.Entry) {
	e.Name, e.Shown, e.Kind = seg, "", kindOf(&e)
	if shown := sdpath.Escape(seg); shown != seg {
		e.Shown = shown
	}
	if e.Kind != backends.Dir && !s.succeeds(join(dir, seg), &e) {
		return
	}
	there, state := s.tree.names.Lookup(s.dirKey(dir), e.Label())
	switch {
	case state != cache.Present || (there.Kind == backends.Dir) == (e.Kind == backends.Dir):
		s.tree.names.Put(s.dirKey(dir), e)
	case e.Kind == backends.Dir: // beside a file, which gets another name
		s.tree.names.Invalidate(s.dirKey(dir))
	default:
		e.Shown = sdpath.EscapeTwin(seg)
		s.tree.names.Put(s.dirKey(dir), e)
	}
	s.touch(dir)
	s.madeIn(dir, &e)
	s.leadTo(dir)
}

// madeIn has the kernel see what was made in a folder. A folder that it knows already stays known:
// somebody may work in it.
func (s *store) madeIn(dir string, e *backends.Entry) {
	if parent := s.folderNode(dir); e.Kind == backends.Dir && parent != nil && s.folderNode(join(dir, e.Name)) != nil {
		_ = parent.NotifyContent(0, 0)
		return
	}
	s.lookAgain(dir, e.Label())
}

// succeeds takes a name from an object whose version is no more, for one that is e. False
// says that something of the name is here alone, which comes first.
func (s *store) succeeds(name string, e *backends.Entry) bool {
	o := s.objects.find(name)
	switch {
	case o == nil:
	case o.unsent():
		return false
	case o.is(e):
		o.learn(e)
	default:
		s.objects.remove(o)
	}
	return true
}

// leadTo notes that the folders above what was made are there.
func (s *store) leadTo(dir string) {
	for dir != "" {
		parent, seg := splitName(dir)
		e := backends.Entry{Name: seg, Kind: backends.Dir}
		if shown := sdpath.Escape(seg); shown != seg {
			e.Shown = shown
		}
		known, state := s.tree.names.Lookup(s.dirKey(parent), e.Label())
		switch {
		case state == cache.Present && known.Kind == backends.Dir:
			return
		case state == cache.Present:
			s.tree.names.Invalidate(s.dirKey(parent))
		default:
			s.tree.names.Put(s.dirKey(parent), e)
		}
		s.madeIn(parent, &e)
		dir = parent
	}
}

// vanished notes that somebody beside the mount has removed a name.
func (s *store) vanished(dir, seg string) {
	name, label := join(dir, seg), sdpath.Escape(seg)
	o := s.objects.find(name)
	if o != nil && o.unsent() {
		return
	}
	known, state := s.tree.names.Lookup(s.dirKey(dir), label)
	_, beside := s.tree.names.Lookup(s.dirKey(dir), sdpath.EscapeTwin(seg))
	folder := state == cache.Present && known.Kind == backends.Dir || s.folderNode(name) != nil
	switch {
	case folder && o == nil && beside != cache.Present:
		s.dropFolder(dir, seg, label)
	case o != nil:
		s.forget(o)
	default:
		if folder {
			label = sdpath.EscapeTwin(seg)
		}
		s.tree.carrier.drop(s, dir, seg)
		s.tree.facts.DropFact(s.key, dir, seg)
		s.tree.names.Remove(s.dirKey(dir), label)
		s.touch(dir)
	}
	s.lookAgain(dir, sdpath.Escape(seg))
	s.lookAgain(dir, sdpath.EscapeTwin(seg))
	s.emptied(dir)
}

// emptied has the folders above what was removed looked for again, where they may have ended
// with it.
func (s *store) emptied(dir string) {
	for dir != "" && !s.folders.marked(dir) && s.tree.names.Occupied(s.dirKey(dir)) != cache.Present {
		parent, seg := splitName(dir)
		s.tree.names.Invalidate(s.dirKey(parent))
		s.lookAgain(parent, sdpath.Escape(seg))
		dir = parent
	}
}

// tellWait is how long the kernel is waited for: a lookup on a dead server may hold the folder.
const tellWait = 20 * time.Millisecond

// lookAgain has the kernel forget an entry of a folder, or that there is none, and the
// folder's listing.
func (s *store) lookAgain(dir, label string) {
	node := s.folderNode(dir)
	if node == nil {
		return
	}
	told := make(chan struct{})
	if !s.tree.beside.run(func(context.Context) {
		defer close(told)
		_ = node.NotifyEntry(label)
		_ = node.NotifyContent(0, 0)
	}) {
		return
	}
	late := time.NewTimer(tellWait)
	defer late.Stop()
	select {
	case <-told:
	case <-late.C:
	}
}

// folderNode gives the node of a folder, or nil where the kernel does not know it.
func (s *store) folderNode(dir string) *fusefs.Inode {
	node := s.root.EmbeddedInode()
	if dir == "" {
		return node
	}
	for _, seg := range sdpath.SplitKey(dir) {
		if node = s.childOf(node, sdpath.Escape(seg)); node == nil {
			return nil
		}
	}
	if n, ok := node.Operations().(*objectNode); !ok || n.obj != nil {
		return nil
	}
	return node
}
