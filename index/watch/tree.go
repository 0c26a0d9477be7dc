package watch

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Tree tells when something happens in a folder of the local disk, or anywhere below it. It is
// for those who have no location there, and says only that something did.
type Tree struct {
	notifier *notifier
	root     string
	changed  chan struct{}
	fresh    chan string // folders that may have to be watched
	done     sync.WaitGroup

	mu      sync.Mutex
	partial error // why not all folders are watched
	closed  bool
}

// WatchTree begins to watch a folder with all below it. It blocks while these are registered;
// what happens from its return on is told. Folders that cannot be watched make it Partial.
func WatchTree(root string) (*Tree, error) {
	n, err := newNotifier(0)
	if err != nil {
		return nil, err
	}
	t := &Tree{notifier: n, root: filepath.Clean(root), changed: make(chan struct{}, 1), fresh: make(chan string, 1024)}
	n.listen(t)
	if err := n.add(t.root, true); err != nil && !errors.Is(err, errFull) {
		n.close()
		return nil, err
	}
	t.add(t.root)
	t.done.Go(func() {
		for name := range t.fresh {
			t.add(name)
			t.tell() // what happened in it before
		}
	})
	return t, nil
}

// Changed is sent to when something has happened since it was received from last.
func (t *Tree) Changed() <-chan struct{} { return t.changed }

// Partial returns why not all is told, or nil: the system watches only so many folders.
func (t *Tree) Partial() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.partial
}

// Close ends the watch.
func (t *Tree) Close() {
	t.notifier.close()
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	close(t.fresh)
	t.done.Wait()
}

// add watches a folder and all below it.
func (t *Tree) add(name string) {
	_ = filepath.WalkDir(name, func(path string, d iofs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // it is gone, or nobody may see what is in it
		}
		if err := t.notifier.add(path, true); errors.Is(err, errFull) {
			t.mu.Lock()
			t.partial = err
			t.mu.Unlock()
			return iofs.SkipAll
		}
		return nil
	})
}

// happened implements listener.
func (t *Tree) happened(name string, op fsnotify.Op) {
	if base := filepath.Base(name); strings.HasPrefix(base, ".sd-") && strings.HasSuffix(base, ".part") {
		return // a file that sd itself has begun
	}
	if op.Has(fsnotify.Create) {
		if info, err := os.Lstat(name); err == nil && info.IsDir() {
			t.mu.Lock()
			if !t.closed {
				select {
				case t.fresh <- name:
				default: // too many at once: look again at all of them
					t.partial = errFull
				}
			}
			t.mu.Unlock()
		}
	}
	t.tell()
}

// overflowed implements listener.
func (t *Tree) overflowed() { t.tell() }

func (t *Tree) tell() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}
