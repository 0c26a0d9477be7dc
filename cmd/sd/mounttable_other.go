//go:build !linux

package main

import (
	"os"
	"os/exec"
)

// mountEntry is one line of the kernel's table of mounts.
type mountEntry struct {
	Mountpoint string
	Type       string
}

// mountTable is not read here; callers fall back on the registry and on stat.
func mountTable() ([]mountEntry, error) { return nil, nil }

// detach takes mountpoint out of the tree at once.
func detach(mountpoint string) error {
	out, err := exec.Command("umount", "-f", mountpoint).CombinedOutput()
	if err != nil && len(out) > 0 {
		return &os.PathError{Op: "umount", Path: mountpoint, Err: errorText(out)}
	}
	return err
}
