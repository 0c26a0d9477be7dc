//go:build !linux

package fs

import (
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
)

// handOver lets the kernel read nothing by itself.
func (f *objectFile) handOver() (fusefs.FileHandle, syscall.Errno) { return f, 0 }

func (f *objectFile) leave() {}
