package watch

import (
	"fmt"
	"os"
	"syscall"
)

// fileMark tells the file at name from others that take its place, by file system and
// inode. "" is none.
func fileMark(name string) string {
	info, err := os.Lstat(name)
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "?"
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
