//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// mountEntry is a line of the mount table.
type mountEntry struct {
	point string
	kind  string // ext4, fuse.sd, …
}

// below tells whether the mountpoint is dir or lies in it.
func (m mountEntry) below(dir string) bool {
	return m.point == dir || strings.HasPrefix(m.point, strings.TrimSuffix(dir, "/")+"/")
}

// mounts reads the mount table, the last mount first.
func mounts() []mountEntry {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var all []mountEntry
	for line := range strings.Lines(string(text)) {
		head, tail, _ := strings.Cut(line, " - ")
		fields := strings.Fields(head)
		kind, _, ok := strings.Cut(tail, " ")
		if !ok || len(fields) < 5 {
			continue
		}
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
		all = append([]mountEntry{{point, kind}}, all...)
	}
	return all
}

// mountedAt is the kind of what is mounted on exactly this path, "" if nothing is.
func mountedAt(point string) string {
	for _, m := range mounts() {
		if m.point == point {
			return m.kind
		}
	}
	return ""
}

// fileSystem is the kind of file system that a path lies on.
func fileSystem(path string) string {
	best := mountEntry{}
	for _, m := range mounts() {
		if (mountEntry{point: path}).below(m.point) && len(m.point) > len(best.point) {
			best = m
		}
	}
	return best.kind
}

// unmount takes away what is mounted on a path, in use or not.
func unmount(point string) error {
	err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EPERM) { // an ordinary user's mounts are unmounted by the helper that made them
		out, helperErr := exec.Command("fusermount3", "-u", "-z", "-q", point).CombinedOutput()
		if helperErr != nil {
			return fmt.Errorf("fusermount3 -u %s: %w: %s", point, helperErr, out)
		}
		return nil
	}
	return err
}
