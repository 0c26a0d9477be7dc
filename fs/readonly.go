package fs

import (
	"context"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// readOnly refuses every change with EROFS. go-fuse's own answers to what a node
// does not implement differ, and to UNLINK and RMDIR it is success.
type readOnly struct{}

// Mkdir refuses.
func (readOnly) Mkdir(context.Context, string, uint32, *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

// Mknod refuses.
func (readOnly) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

// Symlink refuses.
func (readOnly) Symlink(context.Context, string, string, *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

// Link refuses.
func (readOnly) Link(context.Context, fusefs.InodeEmbedder, string, *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return nil, syscall.EROFS
}

// Create refuses.
func (readOnly) Create(context.Context, string, uint32, uint32, *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EROFS
}

// Unlink refuses.
func (readOnly) Unlink(context.Context, string) syscall.Errno { return syscall.EROFS }

// Rmdir refuses.
func (readOnly) Rmdir(context.Context, string) syscall.Errno { return syscall.EROFS }

// Rename refuses.
func (readOnly) Rename(context.Context, string, fusefs.InodeEmbedder, string, uint32) syscall.Errno {
	return syscall.EROFS
}

// Setattr refuses.
func (readOnly) Setattr(context.Context, fusefs.FileHandle, *fuse.SetAttrIn, *fuse.AttrOut) syscall.Errno {
	return syscall.EROFS
}

// Setxattr refuses.
func (readOnly) Setxattr(context.Context, string, []byte, uint32) syscall.Errno { return syscall.EROFS }

// Removexattr refuses.
func (readOnly) Removexattr(context.Context, string) syscall.Errno { return syscall.EROFS }

// What access(2) asks for.
const (
	accessWrite = 2
	accessExec  = 1
)

// Access refuses to write. The kernel asks on mounts that root alone may enter.
func (readOnly) Access(ctx context.Context, mask uint32) syscall.Errno {
	if mask&accessWrite != 0 {
		return syscall.EROFS
	}
	return 0
}

// Fsync succeeds: nothing is ever dirty.
func (readOnly) Fsync(context.Context, fusefs.FileHandle, uint32) syscall.Errno { return 0 }

var _ interface {
	fusefs.NodeMkdirer
	fusefs.NodeMknoder
	fusefs.NodeSymlinker
	fusefs.NodeLinker
	fusefs.NodeCreater
	fusefs.NodeUnlinker
	fusefs.NodeRmdirer
	fusefs.NodeRenamer
	fusefs.NodeSetattrer
	fusefs.NodeSetxattrer
	fusefs.NodeRemovexattrer
	fusefs.NodeAccesser
	fusefs.NodeFsyncer
} = readOnly{}
