package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// mountEntry is one line of the kernel's table of mounts.
type mountEntry struct {
	Mountpoint string
	Type       string
}

// mountTable lists what is mounted in this namespace, the newest last.
func mountTable() ([]mountEntry, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var table []mountEntry
	for lines := bufio.NewScanner(f); lines.Scan(); {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if ok && len(left) >= 5 && len(right) >= 1 {
			table = append(table, mountEntry{Mountpoint: unescapeOctal(left[4]), Type: right[0]})
		}
	}
	return table, nil
}

// unescapeOctal undoes what the kernel does to space, tab, newline and backslash.
func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// detach takes mountpoint out of the tree at once; what is open there stays open.
func detach(mountpoint string) error {
	err := unix.Unmount(mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err == nil || os.Geteuid() == 0 {
		return err
	}
	out, err := exec.Command("fusermount3", "-u", "-z", "--", mountpoint).CombinedOutput()
	if err != nil && len(out) > 0 {
		return &os.PathError{Op: "fusermount3", Path: mountpoint, Err: errorText(out)}
	}
	return err
}
