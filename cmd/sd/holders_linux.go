package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holder is a process that keeps a mountpoint busy, and by what.
type holder struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
	How  string `json:"how"`
}

// holders finds who keeps mountpoint busy, by names alone: nothing below it is
// touched, so this works on a mount that no longer answers. Processes of other users
// are seen only by root.
func holders(mountpoint string) []holder {
	var found []holder
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range procs {
		pid, err := strconv.Atoi(filepath.Base(proc))
		if err != nil || pid == os.Getpid() {
			continue
		}
		if how := holds(proc, mountpoint); how != "" {
			name, _ := os.ReadFile(proc + "/comm")
			found = append(found, holder{PID: pid, Name: strings.TrimSpace(string(name)), How: how})
		}
	}
	return found
}

// holds says how the process uses mountpoint, or "".
func holds(proc, mountpoint string) string {
	within := func(path string) bool {
		path = strings.TrimSuffix(path, " (deleted)")
		return path == mountpoint || strings.HasPrefix(path, mountpoint+"/")
	}
	for _, link := range [][2]string{{"cwd", "working directory"}, {"root", "root directory"}, {"exe", "program"}} {
		if to, err := os.Readlink(filepath.Join(proc, link[0])); err == nil && within(to) {
			return fmt.Sprintf("%s %s", link[1], to)
		}
	}
	fds, _ := filepath.Glob(proc + "/fd/*")
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && within(to) {
			return "open " + to
		}
	}
	maps, _ := os.ReadFile(proc + "/maps")
	for line := range strings.Lines(string(maps)) {
		if i := strings.IndexByte(line, '/'); i >= 0 && within(strings.TrimSpace(line[i:])) {
			return "mapped " + strings.TrimSpace(line[i:])
		}
	}
	return ""
}
