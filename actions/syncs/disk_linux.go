package syncs

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// flushDisk waits until all that was written to the file system of a folder is on its disk.
func flushDisk(dir string) error {
	for {
		f, err := os.Open(dir)
		if errors.Is(err, iofs.ErrNotExist) && dir != "/" {
			dir = filepath.Dir(dir)
			continue
		}
		if err != nil {
			return err
		}
		defer f.Close()
		if err := unix.Syncfs(int(f.Fd())); err != nil {
			return &iofs.PathError{Op: "sync", Path: dir, Err: err}
		}
		return nil
	}
}
