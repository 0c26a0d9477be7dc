package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// defaultMountpoint is /sd for root and ~/sd for everyone else.
func defaultMountpoint() (string, error) {
	if os.Geteuid() == 0 {
		return "/sd", nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("HOME is not set, so there is no default: say which MOUNTPOINT")
	}
	return filepath.Join(home, "sd"), nil
}

// realMountpoint is the name that the kernel will know mountpoint by. It does not
// touch mountpoint itself unless that is a symbolic link: a dead mount may be there.
func realMountpoint(mountpoint string) (string, error) {
	path, err := filepath.Abs(mountpoint)
	if err != nil {
		return "", err
	}
	if parent, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(parent, filepath.Base(path))
	}
	if _, err := os.Readlink(path); err == nil {
		return filepath.EvalSymlinks(path)
	}
	return path, nil
}

// mountedType is the type of what is mounted at exactly path, "" if nothing is.
func mountedType(path string) string {
	table, _ := mountTable()
	found := ""
	for _, m := range table {
		if m.Mountpoint == path {
			found = m.Type
		}
	}
	return found
}

// isDead says whether what is mounted at path has lost its server. It gives up on a
// server that does not answer: that one is not dead.
func isDead(path string) bool {
	result := make(chan error, 1)
	go func() {
		// Not stat(2): the kernel may remember for a second what that says.
		result <- unix.Statfs(path, new(unix.Statfs_t))
	}()
	select {
	case err := <-result:
		return errors.Is(err, syscall.ENOTCONN)
	case <-time.After(controlTimeout):
		return false
	}
}

// preparePlace makes path fit to mount on: heals a dead mount, creates a missing
// folder, and refuses what should not be covered.
func preparePlace(ctx context.Context, path string) error {
	if live := mountAt(ctx, path); live != nil && !waitForEnding(ctx, live) {
		return fmt.Errorf("%s is mounted already, by sd with pid %d; 'sd umount %s' ends that", path, live.PID, path)
	}
	for kind := mountedType(path); ; kind = mountedType(path) {
		dead := isDead(path)
		switch {
		case dead && (kind == "fuse.sd" || kind == ""):
			if err := detach(path); err != nil {
				return fmt.Errorf("%s is a dead mount that could not be removed: %w", path, err)
			}
			continue
		case dead:
			return fmt.Errorf("%s is a dead mount of another program (%s); remove it with: umount -l %s", path, kind, path)
		case kind == "fuse.sd":
			return fmt.Errorf("%s is mounted already, by an sd that is not of this session; unmount it there first", path)
		}
		break
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("%w; name a MOUNTPOINT that you may create", err)
		}
		return nil
	}
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder; name an empty or a new one", path)
	}
	return refuseFull(path)
}

// waitForEnding waits for m to end, if it was unmounted already by other means and has
// only to tidy up; uploads it leaves to us. False: it is still mounted.
func waitForEnding(ctx context.Context, m *mountInfo) bool {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	if mountKnownGone(m.Mountpoint) {
		_, _ = m.ask(ctx, request{Do: "yield"}, controlTimeout, false, nil) // it may have ended
	}
	for mountKnownGone(m.Mountpoint) && ctx.Err() == nil {
		if mountAt(ctx, m.Mountpoint) == nil {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// endTimeout bounds how long a server may take to end after its mount is gone.
const endTimeout = 10 * time.Second

// mountKnownGone says that the kernel has no mount at path. Where its table cannot be
// read nothing is known.
func mountKnownGone(path string) bool {
	table, err := mountTable()
	return err == nil && len(table) > 0 && mountedType(path) == ""
}

// refuseFull refuses a folder with files in it: the mount would hide them.
func refuseFull(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(3)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is not empty (it has %s), and a mount would hide that; name an empty or a new folder",
		path, strings.Join(names, ", "))
}

// errorText is a program's complaint as an error.
func errorText(out []byte) error { return errors.New(strings.TrimSpace(string(out))) }
