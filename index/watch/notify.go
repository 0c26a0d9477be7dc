package watch

import (
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long the system may gather events while we handle those before. It merges
// equal ones, so that a stream of writes to one file stays cheap.
const settle = 10 * time.Millisecond

const (
	eventBuffer = 1024    // events that are read ahead from the system's own queue
	maxWaiting  = 100_000 // events that wait to be told
)

// notifier tells listeners what happens in folders of the local disk. One serves all
// locations, because the system allows few of them; a folder of several locations is
// registered once. A nil notifier can watch nothing.
type notifier struct {
	fs    *fsnotify.Watcher
	limit int           // folders at most; 0: what the system allows
	news  chan struct{} // something waits; closed when nothing will any more
	done  chan struct{} // both goroutines have ended

	mu        sync.Mutex
	users     map[string]int // how many listeners watch a folder, by absolute path
	listeners []listener     // replaced, never changed
	full      bool           // the system, or limit, has refused a folder since the last removal

	queueMu sync.Mutex // never held while fsnotify is called
	waiting []fsnotify.Event
}

// listener is told of events. Its methods must not block.
type listener interface {
	// happened tells of an event at an absolute path.
	happened(path string, op fsnotify.Op)
	// overflowed tells that events were lost.
	overflowed()
}

// errFull says that no more folders can be watched.
var errFull = errors.New("no more folders can be watched")

// newNotifier begins to read events. limit bounds the folders, for tests; 0 does not.
func newNotifier(limit int) (*notifier, error) {
	fs, err := fsnotify.NewBufferedWatcher(eventBuffer)
	if err != nil {
		return nil, err
	}
	n := &notifier{fs: fs, limit: limit, news: make(chan struct{}, 1), done: make(chan struct{}), users: map[string]int{}}
	go n.read()
	go n.tell()
	return n, nil
}

// close ends everything.
func (n *notifier) close() {
	if n == nil {
		return
	}
	n.fs.Close()
	<-n.done
}

// count is how many folders are watched.
func (n *notifier) count() int {
	if n == nil {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.users)
}

func (n *notifier) listen(l listener) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners = append(slices.Clone(n.listeners), l)
}

func (n *notifier) unlisten(l listener) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners = slices.DeleteFunc(slices.Clone(n.listeners), func(other listener) bool { return other == l })
}

// add watches a folder for one more listener, or again for one (more false): what has
// the path now may be another folder than before. errFull is the limit; another error
// is that of this folder alone.
func (n *notifier) add(path string, more bool) error {
	if n == nil {
		return errFull
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.users[path] == 0 && n.limit > 0 && len(n.users) >= n.limit {
		n.full = true
		return errFull
	}
	if err := n.fs.Add(path); err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			n.full = true
			return errFull
		}
		return err
	}
	if more || n.users[path] == 0 {
		n.users[path]++
	}
	return nil
}

// remove ends it for one listener.
func (n *notifier) remove(path string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.users[path]--; n.users[path] > 0 {
		return
	}
	delete(n.users, path)
	n.full = false
	_ = n.fs.Remove(path) // which may be gone, and its watch with it
}

// isFull tells whether it makes no sense to try another folder.
func (n *notifier) isFull() bool {
	if n == nil {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.full
}

// retry lets the next add try again: others may have given up theirs.
func (n *notifier) retry() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.full = false
}

// read takes events from fsnotify until close. It calls nothing of that, which may hold its
// lock until an error was taken. After each event it rests a little, unless more wait, so
// that the system can merge what is equal.
func (n *notifier) read() {
	defer close(n.news)
	for {
		select {
		case ev, ok := <-n.fs.Events:
			if !ok {
				return
			}
			n.queue(ev)
		case err, ok := <-n.fs.Errors:
			if !ok {
				return
			}
			// A watch that is to be removed may be gone with its folder. Of all else it is
			// not known what it means for the events.
			if !errors.Is(err, syscall.EINVAL) {
				n.queue(overflow)
			}
		}
		if len(n.fs.Events) == 0 {
			time.Sleep(settle)
		}
	}
}

// overflow stands in the queue for events that were lost.
var overflow = fsnotify.Event{Name: "overflow"}

// queue keeps an event for tell. More than there is room for are lost.
func (n *notifier) queue(ev fsnotify.Event) {
	n.queueMu.Lock()
	if len(n.waiting) >= maxWaiting {
		n.waiting, ev = nil, overflow
	}
	n.waiting = append(n.waiting, ev)
	n.queueMu.Unlock()
	select {
	case n.news <- struct{}{}:
	default:
	}
}

// tell hands events out until read ends.
func (n *notifier) tell() {
	defer close(n.done)
	for range n.news {
		n.queueMu.Lock()
		events := n.waiting
		n.waiting = nil
		n.queueMu.Unlock()
		n.mu.Lock()
		listeners := n.listeners
		n.mu.Unlock()
		for _, ev := range events {
			for _, l := range listeners {
				if ev == overflow {
					l.overflowed()
				} else {
					l.happened(ev.Name, ev.Op)
				}
			}
		}
	}
}
