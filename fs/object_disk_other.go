//go:build !linux

package fs

import (
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
)

// passed lets the kernel read nothing by itself.
func (f *objectFile) passed() (fusefs.FileHandle, syscall.Errno) { return f, 0 }

func (f *objectFile) leave() {}
