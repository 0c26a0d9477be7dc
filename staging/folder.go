package staging

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// folder is a sub-directory of Config.Dir that this process holds by a lock on a file
// in it. The lock ends with the process, however that ends.
type folder struct {
	path string
	lock *os.File
	dir  *os.File // the folder itself
}

const (
	lockName     = "lock"
	folderPrefix = "s-"
)

// makeFolder makes a folder of this process.
func makeFolder(dir string) (*folder, error) {
	for {
		path, err := os.MkdirTemp(dir, folderPrefix)
		if err != nil {
			return nil, fmt.Errorf("staging folder: %w", full(err))
		}
		// Another process may take it for one that was left, and hold it by now.
		if f, err := holdFolder(path); f != nil || err != nil {
			return f, err
		}
	}
}

// holdFolder locks a folder. It returns nil if a live process holds it, or if it is gone.
func holdFolder(path string) (*folder, error) {
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("staging folder: %w", full(err))
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && !same(lock) {
		err = unix.EWOULDBLOCK // whoever held it removed it
	}
	if err != nil {
		lock.Close()
		if err == unix.EWOULDBLOCK {
			return nil, nil
		}
		return nil, fmt.Errorf("lock staging folder %s: %w", path, err)
	}
	dir, err := os.Open(path)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("staging folder: %w", err)
	}
	return &folder{path, lock, dir}, nil
}

// same tells whether an open file is still the one of its name.
func same(file *os.File) bool {
	open, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(file.Name())
	return err == nil && os.SameFile(open, named)
}

// release gives the folder up, and removes it if nothing is left in it.
func (f *folder) release() {
	if entries, err := os.ReadDir(f.path); err == nil && len(entries) == 1 {
		os.Remove(f.lock.Name())
		os.Remove(f.path)
	}
	f.dir.Close()
	f.lock.Close()
}
