package rename

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// home is a folder of journals that one process holds by a lock, which ends with it.
type home struct {
	dir  string
	lock *os.File
}

const (
	lockName   = "lock"
	journalExt = ".rename"
	newPrefix  = ".new-" // of a folder that is not locked yet
)

// newHome makes a folder below root that is ours.
func newHome(root string) (h *home, err error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	for range 10 {
		// Until it is locked, another process may take it for left behind.
		if h, err = tryHome(root); err == nil {
			break
		}
	}
	return h, err
}

func tryHome(root string) (*home, error) {
	name := strings.ToLower(rand.Text())
	dir := filepath.Join(root, newPrefix+name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	h, err := takeHome(dir)
	if err == nil {
		h.dir = filepath.Join(root, name) // only now others see it
		err = os.Rename(dir, h.dir)
	}
	if err == nil {
		err = syncDir(root)
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return h, nil
}

// errHeld says that a live process holds a folder.
var errHeld = errors.New("held by a live process")

// takeHome takes a folder unless a live process holds it.
func takeHome(dir string) (*home, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errHeld
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &home{dir: dir, lock: lock}, nil
}

// leftHomes takes all folders below root that dead processes left.
func leftHomes(root string) ([]*home, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var homes []*home
	var errs []error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		h, err := takeHome(filepath.Join(root, e.Name()))
		switch {
		case err == nil && strings.HasPrefix(e.Name(), newPrefix):
			h.leave() // its process ended at once, or is about to lock it and will try again
		case err == nil:
			homes = append(homes, h)
		case !errors.Is(err, errHeld) && !errors.Is(err, os.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return homes, errors.Join(errs...)
}

// journals lists the paths of the journals in h.
func (h *home) journals() ([]string, error) {
	entries, err := os.ReadDir(h.dir)
	var paths []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), journalExt) {
			paths = append(paths, filepath.Join(h.dir, e.Name()))
		}
	}
	return paths, err
}

// sync makes names of journals outlast a power failure.
func (h *home) sync() error { return syncDir(h.dir) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// leave lets go of h, and removes it if no journal is left in it.
func (h *home) leave() {
	if left, err := h.journals(); err == nil && len(left) == 0 {
		os.Remove(filepath.Join(h.dir, lockName))
		os.Remove(h.dir)
	}
	h.lock.Close()
}
