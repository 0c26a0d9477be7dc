package fs

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// watcher makes the kernel forget what changes behind the mount, which fanotify(7)
// tells: root listens to every file system that local/ has met, others (since
// Linux 5.13) to each directory that the kernel knows. A nil *watcher watches
// nothing; it stands for a kernel that cannot do that.
//
// Reading and notifying are two goroutines: a notification waits for the
// directory's lock in the kernel, and meanwhile events must not be lost.
type watcher struct {
	fd   int
	pid  int32
	wake chan struct{}
	stop chan struct{}
	ends [2]int // a pipe, whose writing end close closes for the sake of poll
	done sync.WaitGroup
	log  *slog.Logger
	own  atomic.Int32 // how much of this process changes files beside the mount

	mu       sync.Mutex
	dirs     map[string]*localNode // by file system and file handle
	pending  map[change]changeKind // to tell soon
	writing  map[change]changeKind // to tell at leisure
	overflow bool

	tellMu  sync.Mutex
	telling map[*localNode]map[string]changeKind // directories being told, and what came since
}

// change is a name in a directory at which something happened; "." is the
// directory itself.
type change struct {
	dir  *localNode
	name string
}

type changeKind uint8

const (
	changedEntry changeKind = 1 << iota // another file has the name now, or none
	changedFile                         // the same file, other attributes or bytes
)

const (
	entryEvents = unix.FAN_CREATE | unix.FAN_DELETE | unix.FAN_MOVED_FROM | unix.FAN_MOVED_TO
	fileEvents  = unix.FAN_ATTRIB | unix.FAN_MODIFY | unix.FAN_CLOSE_WRITE
)

// settle is how long events are gathered before they are read.
//
// echo is how long after that it is told again of names: a lookup that was under
// way when the change came may have been remembered after the first time. It is
// also how late the kernel is told of writes to a file that is open for writing
// through the mount. Nearly always they came that way, so that the kernel knows
// already, and forgetting what it knows would cost a request.
const (
	settle = 2 * time.Millisecond
	echo   = 200 * time.Millisecond
)

// newWatcher gives nil where the kernel or the lack of privilege does not allow it.
func newWatcher(log *slog.Logger) *watcher {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_DFID_NAME|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK,
		unix.O_RDONLY|unix.O_CLOEXEC|unix.O_LARGEFILE)
	if err != nil {
		return nil
	}
	var ends [2]int
	if unix.Pipe2(ends[:], unix.O_CLOEXEC) != nil {
		unix.Close(fd)
		return nil
	}
	return &watcher{
		fd:      fd,
		ends:    ends,
		pid:     int32(os.Getpid()),
		wake:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		log:     log,
		dirs:    make(map[string]*localNode),
		pending: make(map[change]changeKind),
		writing: make(map[change]changeKind),
		telling: make(map[*localNode]map[string]changeKind),
	}
}

// start begins to read events; the tree is served by then.
func (w *watcher) start() {
	if w == nil {
		return
	}
	w.done.Add(2)
	go w.read()
	go w.notify()
}

// close ends both goroutines and waits for them.
func (w *watcher) close() {
	if w == nil {
		return
	}
	close(w.stop)
	unix.Close(w.ends[1])
	w.done.Wait()
	unix.Close(w.ends[0])
	unix.Close(w.fd)
}

// mark begins to listen to the file system that fd lies on.
func (w *watcher) mark(fd int) bool {
	if w == nil {
		return false
	}
	return !isRoot || w.listen(unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, 0, fd)
}

func (w *watcher) listen(flags uint, also uint64, fd int) bool {
	return unix.FanotifyMark(w.fd, flags, entryEvents|fileEvents|unix.FAN_ONDIR|also, unix.AT_FDCWD, procPath(fd)) == nil
}

// add registers directory n, open at fd. From its return on changes in n and of n
// are reported, and may be remembered for long.
func (w *watcher) add(n *localNode, fd int) {
	n.dev.learn(n.tree, fd)
	if w == nil || !n.dev.watched || n.dir.watched.Load() {
		return
	}
	if !isRoot && !w.listen(unix.FAN_MARK_ADD|unix.FAN_MARK_ONLYDIR, unix.FAN_EVENT_ON_CHILD, fd) {
		return // as many as fs.fanotify.max_user_marks allows
	}
	if h, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH); err == nil {
		w.register(n, h)
	}
}

// addEntry registers directory n, which is name in parent, open at dirfd, where that
// takes no descriptor of n. It tells whether n was not registered before and is now.
func (w *watcher) addEntry(n, parent *localNode, dirfd int, name string) bool {
	if w == nil || !isRoot || n.dir.watched.Load() || n.dev != parent.dev || !n.dev.watched {
		return false
	}
	h, _, err := unix.NameToHandleAt(dirfd, name, 0)
	if err != nil {
		return false
	}
	w.register(n, h)
	w.mu.Lock()
	defer w.mu.Unlock()
	n.dir.found = change{parent, name}
	return true
}

func (w *watcher) register(n *localNode, h unix.FileHandle) {
	key := make([]byte, 0, 12+h.Size())
	key = binary.NativeEndian.AppendUint32(key, uint32(n.dev.fsid.Val[0]))
	key = binary.NativeEndian.AppendUint32(key, uint32(n.dev.fsid.Val[1]))
	key = binary.NativeEndian.AppendUint32(key, uint32(h.Type()))
	key = append(key, h.Bytes()...)

	w.mu.Lock()
	defer w.mu.Unlock()
	n.dir.handle = string(key)
	w.dirs[n.dir.handle] = n
	n.dir.watched.Store(true)
}

func (w *watcher) remove(n *localNode) {
	if w == nil || !n.dir.watched.Load() {
		return
	}
	if !isRoot {
		n.mu.Lock()
		if n.dir.fd >= 0 {
			w.listen(unix.FAN_MARK_REMOVE|unix.FAN_MARK_ONLYDIR, unix.FAN_EVENT_ON_CHILD, n.dir.fd)
		}
		n.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n.dir.watched.Store(false)
	if w.dirs[n.dir.handle] == n {
		delete(w.dirs, n.dir.handle)
	}
}

// read gathers events until close.
func (w *watcher) read() {
	defer w.done.Done()
	buf := make([]byte, 256<<10)
	for {
		fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}, {Fd: int32(w.ends[0]), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		if fds[1].Revents != 0 {
			return
		}
		if err != nil || fds[0].Revents == 0 {
			continue
		}
		// Where there is one event there are more: waking up for each would take the
		// processor from those who cause them.
		if !w.pause(settle) {
			return
		}
		n, err := unix.Read(w.fd, buf)
		if err != nil {
			if err != unix.EAGAIN && err != unix.EINTR {
				w.log.Warn("changes behind the mount are no longer reported", "err", err)
				return
			}
			continue
		}
		if w.gather(buf[:n]) {
			select {
			case w.wake <- struct{}{}:
			default:
			}
		}
	}
}

// pause tells whether d has passed before close.
func (w *watcher) pause(d time.Duration) bool {
	select {
	case <-w.stop:
		return false
	case <-time.After(d):
		return true
	}
}

// gather notes the events in buf (struct fanotify_event_metadata) that concern
// directories the kernel knows; it tells whether there were any.
func (w *watcher) gather(buf []byte) (any bool) {
	const metadata = 24
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(buf) >= metadata {
		size := int(binary.NativeEndian.Uint32(buf))
		if size < metadata || size > len(buf) {
			return any
		}
		event := buf[:size]
		buf = buf[size:]
		mask := binary.NativeEndian.Uint64(event[8:])
		if mask&unix.FAN_Q_OVERFLOW != 0 {
			w.overflow, any = true, true
			continue
		}
		if int32(binary.NativeEndian.Uint32(event[20:])) == w.pid && w.own.Load() == 0 {
			continue // the kernel knows what it asked us to do
		}
		dir, name := w.place(event[metadata:])
		if dir == nil {
			continue
		}
		c := change{dir, name}
		switch {
		case mask&entryEvents != 0:
			w.pending[c] |= changedFile | changedEntry
		case mask&unix.FAN_ATTRIB == 0 && c.beingWritten():
			w.writing[c] |= changedFile
		default:
			w.pending[c] |= changedFile
		}
		any = true
	}
	return any
}

// place reads an information record of type FAN_EVENT_INFO_TYPE_DFID_NAME: the
// directory, if it is registered, and the name in it.
func (w *watcher) place(rec []byte) (*localNode, string) {
	const header, fsid, handle = 4, 8, 8
	if len(rec) < header+fsid+handle || rec[0] != unix.FAN_EVENT_INFO_TYPE_DFID_NAME {
		return nil, ""
	}
	size := int(binary.NativeEndian.Uint16(rec[2:]))
	n := int(binary.NativeEndian.Uint32(rec[header+fsid:]))
	if size > len(rec) || header+fsid+handle+n > size {
		return nil, ""
	}
	var key [fsid + 4 + 128]byte
	k := copy(key[:], rec[header:header+fsid])
	k += copy(key[k:], rec[header+fsid+4:header+fsid+handle])
	k += copy(key[k:], rec[header+fsid+handle:header+fsid+handle+n])
	dir := w.dirs[string(key[:k])]
	if dir == nil {
		return nil, ""
	}
	if _, p := dir.Parent(); p == nil && dir.dir.found.dir != nil {
		// Two lookups met, and the other one's node was taken.
		if other := dir.dir.found.node(); other != nil && other.ino == dir.ino {
			dir = other
		}
	}
	name := rec[header+fsid+handle+n : size]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	return dir, string(name)
}
