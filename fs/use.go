package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"
	"sync/atomic"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
	"sd/sdpath"
)

// use is what goes on for a volume that is in use, and not before: who only mounts asks no
// provider. Safe for concurrent use.
type use struct {
	of atomic.Pointer[backends.Backend] // that it goes on for

	mu   sync.Mutex
	stop context.CancelFunc // of listening to that; nil if it tells no changes
	room room
}

// watchAgain is how long after a failure a store is listened to again.
const watchAgain = time.Minute

// used notes that the provider is being asked for something.
func (s *store) used() {
	p := s.present.Load()
	if s.use.of.Load() == p {
		return
	}
	s.use.mu.Lock()
	defer s.use.mu.Unlock()
	if s.use.of.Load() == p {
		return
	}
	s.use.of.Store(p)
	if s.use.stop != nil {
		s.use.stop()
		s.use.stop = nil
	}
	s.measureRoom()
	w, ok := (*p).(backends.Watcher)
	if !ok {
		return
	}
	ctx, stop := context.WithCancel(s.tree.beside.life)
	if s.tree.beside.run(func(context.Context) { s.listen(ctx, w) }) {
		s.use.stop = stop
	} else {
		stop()
	}
}

// retire ends the listening to a volume that was removed. It begins again with the first use of
// another backend: that of the volume once it was added anew.
func (s *store) retire() {
	s.use.mu.Lock()
	defer s.use.mu.Unlock()
	if s.use.stop != nil {
		s.use.stop()
		s.use.stop = nil
	}
}

// listen heeds what a store tells of changes, until ctx ends or the store can tell none.
func (s *store) listen(ctx context.Context, w backends.Watcher) {
	for {
		err := w.Watch(ctx, func(name string, below bool) { s.heard(ctx, name, below) })
		if ctx.Err() != nil {
			return
		}
		if err == nil || errors.Is(err, errors.ErrUnsupported) {
			s.tree.log.Debug("the provider tells no changes", "volume", s.uri)
			return
		}
		s.tree.log.Warn("changes of others are seen late", "volume", s.uri, "err", err, "again_in", watchAgain)
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchAgain):
		}
	}
}

// heard forgets what is known of a name that somebody may have changed at the provider, and
// of all below it. What is here alone, and what is open, stays as it is.
func (s *store) heard(ctx context.Context, name string, below bool) {
	names := s.tree.names
	if name == "" {
		if below {
			names.InvalidateTree(s.key, "")
			doubtBelow(s.root.EmbeddedInode())
		} else {
			names.Invalidate(s.dirKey(""))
			_ = s.root.NotifyContent(0, 0)
		}
		return
	}
	dir, seg := splitName(name)
	label := sdpath.Escape(seg)
	if e, ok := s.tree.names.Known(s.dirKey(dir), label); ok {
		label = e.Label() // as the kernel may have it
	}
	names.Invalidate(s.dirKey(dir))
	folder := s.folderNode(name)
	if below || folder != nil {
		names.InvalidateTree(s.key, name)
	}
	switch {
	case folder == nil:
		s.lookAgain(dir, label)
	case below:
		s.stillThere(ctx, folder, name, dir, label)
		doubtBelow(folder)
	default:
		s.stillThere(ctx, folder, name, dir, label)
	}
}

// heldFor is how long the kernel believes in a folder, and how long it would believe that a name is
// away, where the store tells changes. Of some it tells no names, and a folder that is dropped with all
// below puts out who works in it; so it is looked for again soon, which costs no request.
const heldFor = time.Second

// holds gives how long the kernel may keep the name of a folder, or nothing for a name.
func (s *store) holds(ttl time.Duration) time.Duration {
	if _, tells := s.backend().(backends.Watcher); tells {
		return min(ttl, heldFor)
	}
	return ttl
}

// doubtBelow has the kernel look again for everything in and below a folder: for files at once, and
// for folders and what is away when it has held them long enough.
func doubtBelow(folder *fusefs.Inode) {
	_ = folder.NotifyContent(0, 0)
	for name, child := range folder.Children() {
		if child.IsDir() {
			doubtBelow(child)
		} else {
			_ = folder.NotifyEntry(name)
		}
	}
}

// stillThere has the kernel look again for a folder that it knows, and of which something may
// have changed; for its name only if it is gone, or who works in it would be put out.
func (s *store) stillThere(ctx context.Context, folder *fusefs.Inode, name, dir, label string) {
	_ = folder.NotifyContent(0, 0)
	if parent := s.folderNode(dir); parent != nil {
		_ = parent.NotifyContent(0, 0)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	e, err := s.backend().Stat(ctx, name)
	_, seg := splitName(name)
	_, stored := splitName(e.Name)
	switch gone := errors.Is(err, iofs.ErrNotExist); {
	case gone, err == nil && (e.Kind != backends.Dir || stored != seg):
		s.lookAgain(dir, label)
	case err != nil:
		s.tree.log.Debug("cannot tell whether the folder is still there", "path", s.uri+name, "err", err)
	}
}
