package library

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// mkdirPrivate makes dir and what is missing above it, for this user alone, whatever
// the umask. What exists is left as it is.
func mkdirPrivate(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	} else if !errors.Is(err, iofs.ErrNotExist) {
		return access(dir, err)
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := mkdirPrivate(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); errors.Is(err, iofs.ErrExist) {
		return nil // another process was faster
	} else if err != nil {
		return access(dir, err)
	}
	return access(dir, os.Chmod(dir, 0o700))
}

// writeFile replaces the file at path in one step, for this user alone, and returns
// when the disk has it.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return access(path, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return access(path, err)
	}
	if _, err := f.Write(data); err != nil {
		return access(path, err)
	}
	if err := f.Sync(); err != nil {
		return access(path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return access(path, err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename in dir durable where the file system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return access(dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return access(dir, err)
	}
	return nil
}

// lock makes dataDir if need be and holds its lock, which serves between goroutines
// and between processes, until unlock is called.
func lock(ctx context.Context, dataDir string) (unlock func(), err error) {
	if err := mkdirPrivate(dataDir); err != nil {
		return nil, err
	}
	path := filepath.Join(dataDir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, access(path, err)
	}
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return nil, access(path, err)
	}
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, access(path, &os.PathError{Op: "flock", Path: path, Err: err})
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-retry.C:
		}
	}
}

// tighten takes from others what a copy or a stray chmod has given them. It does what it
// may: a library of another owner is used as it is.
func tighten(dir string) {
	if fi, err := os.Stat(dir); err == nil && fi.Mode().Perm() != 0o700 {
		_ = os.Chmod(dir, 0o700)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		path := databasePath(dir) + suffix
		if fi, err := os.Stat(path); err == nil && fi.Mode().Perm() != 0o600 {
			_ = os.Chmod(path, 0o600)
		}
	}
}
