//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// workspace is the temporary directory that all of a run lies in. Mountpoints have a
// folder apart that is never removed with its contents: through a mount of sd that
// somebody failed to unmount, that would be every file of the machine.
type workspace struct {
	dir string // as the mount table shows it: absolute, without links
}

func newWorkspace() (*workspace, error) {
	dir, err := os.MkdirTemp("", "sd-bench-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	w := &workspace{dir: dir}
	return w, errors.Join(os.Mkdir(w.path("data"), 0o700), os.Mkdir(w.path("mnt"), 0o700))
}

func (w *workspace) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

// data makes a folder for files.
func (w *workspace) data(name string) (string, error) {
	dir := w.path("data", name)
	return dir, os.MkdirAll(dir, 0o700)
}

// mountpoint makes an empty folder to mount on.
func (w *workspace) mountpoint(name string) (string, error) {
	dir := w.path("mnt", name)
	return dir, os.MkdirAll(dir, 0o700)
}

// tmpfs mounts one, and says what takes it away again.
func (w *workspace) tmpfs() (dir string, end func(), err error) {
	if dir, err = w.mountpoint("tmpfs"); err != nil {
		return "", nil, err
	}
	if err = unix.Mount("sd-bench", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=700"); err != nil {
		return "", nil, fmt.Errorf("mount a tmpfs: %w", err)
	}
	return dir, func() { _ = unmount(dir) }, nil
}

// close takes away every mount and file. It says so if something stays.
func (w *workspace) close() error {
	for _, m := range mounts() {
		if m.below(w.path("mnt")) {
			progress("%s was still mounted", m.point)
			_ = unmount(m.point)
		}
	}
	for _, m := range mounts() {
		if m.below(w.dir) {
			return fmt.Errorf("%s stays mounted and %s is not removed: unmount it, as root with umount -l", m.point, w.dir)
		}
	}
	points, err := filepath.Glob(w.path("mnt", "*"))
	for _, p := range points {
		err = errors.Join(err, os.Remove(p))
	}
	return errors.Join(err, os.RemoveAll(w.path("data")), os.Remove(w.path("mnt")), os.Remove(w.dir))
}
