//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of times in /proc (USER_HZ), the same on all of Linux.
const clockTick = 10 * time.Millisecond

// cpuTime is what a process has used so far, in steps of a clockTick. It is 0 for pid
// 0, which stands for the kernel.
func cpuTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, tail, _ := strings.Cut(string(text), ") ") // the name before it may hold spaces
	fields := strings.Fields(tail)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick
}

// peakMemory is the most that a process had resident, in MiB.
func peakMemory(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(value)[0])
			return float64(kib) / 1024
		}
	}
	return 0
}

// waitEnd waits until a process is gone, at most for the given time.
func waitEnd(pid int, patience time.Duration) bool {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if unix.Kill(pid, 0) == unix.ESRCH {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}
