package fs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// stillOpen tells whether a process has the file called path open for writing. A
// shell that redirects into a file closes it once before anything is written, since
// it first makes it the standard output: then what is not there yet must not be put
// in place of what is.
func stillOpen(pid uint32, path string) bool {
	fds := filepath.Join("/proc", strconv.Itoa(int(pid)), "fd")
	entries, err := os.ReadDir(fds)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(fds, e.Name())); err == nil && target == path && openForWriting(fds+"info/"+e.Name()) {
			return true
		}
	}
	return false
}

func openForWriting(info string) bool {
	text, err := os.ReadFile(info)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if octal, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseUint(strings.TrimSpace(octal), 8, 64)
			return err == nil && flags&syscall.O_ACCMODE != syscall.O_RDONLY
		}
	}
	return false
}
