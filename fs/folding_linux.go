package fs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// renamesCase tells whether a caller who looks for name, which the store has as label, is
// about to give label that very name. The kernel takes a rename from one name of an inode to
// another for done, and does not ask: it must find nothing there. What it looks up for is
// told by nothing but the system call that the caller is in. Where that may not be read, by
// root or with kernel.yama.ptrace_scope 0, such a rename changes nothing.
func renamesCase(ctx context.Context, fold folding, name, label string) bool {
	from, to, ok := renameOf(callerOf(ctx).Pid)
	return ok && path.Base(to) == name && from != to && fold.same(path.Base(from), label)
}

// renameOf gives the two paths of the rename(2) that a thread is in.
func renameOf(thread uint32) (from, to string, ok bool) {
	proc := "/proc/" + strconv.Itoa(int(thread))
	text, err := os.ReadFile(proc + "/syscall")
	if err != nil {
		return "", "", false
	}
	var number int
	var args [4]uint64
	if n, _ := fmt.Sscanf(string(text), "%d 0x%x 0x%x 0x%x 0x%x", &number, &args[0], &args[1], &args[2], &args[3]); n != 5 {
		return "", "", false
	}
	switch {
	case number == unix.SYS_RENAMEAT || number == unix.SYS_RENAMEAT2:
		args[0], args[1] = args[1], args[3]
	case number != sysRename():
		return "", "", false
	}
	memory, err := os.Open(proc + "/mem")
	if err != nil {
		return "", "", false
	}
	defer memory.Close()
	from, ok = pathAt(memory, args[0])
	if ok {
		to, ok = pathAt(memory, args[1])
	}
	return from, to, ok
}

// sysRename is the number of rename(2) itself, which newer machines do not have.
func sysRename() int {
	if runtime.GOARCH == "amd64" {
		return 82
	}
	return -1
}

// pathAt reads a path from another process's memory, without slashes at its end.
func pathAt(memory *os.File, at uint64) (string, bool) {
	var text []byte
	const page = 4096
	for len(text) < unix.PathMax {
		var buf [page]byte
		n, err := memory.ReadAt(buf[:page-at%page], int64(at)) // the next page may not be there
		if end := bytes.IndexByte(buf[:n], 0); end >= 0 {
			return strings.TrimRight(string(append(text, buf[:end]...)), "/"), true
		}
		if err != nil {
			return "", false
		}
		text, at = append(text, buf[:n]...), at+uint64(n)
	}
	return "", false
}
