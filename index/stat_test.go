package index_test

import (
	"os"
	"syscall"
)

func statOf(info os.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }
