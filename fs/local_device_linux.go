package fs

import (
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// device is what is known of one mounted file system.
type device struct {
	id   deviceID
	slot uint64

	kind sync.Once
	// Set by kind.
	trusted bool // an ordinary local file system: passthrough and reports may work
	watched bool // the kernel reports changes made behind the mount
	fsid    unix.Fsid

	pass atomic.Int32 // passUnknown, passYes or passNo
}

const (
	passUnknown = iota
	passYes
	passNo
)

// trustedMagics are the file systems whose pages the kernel may share with the
// mount and whose changes it reports wholly. A file system that others change
// over a network, or that is itself served by a program, is not one.
var trustedMagics = map[int64]bool{
	unix.EXT4_SUPER_MAGIC:      true, // and ext2, ext3
	unix.XFS_SUPER_MAGIC:       true,
	unix.BTRFS_SUPER_MAGIC:     true,
	unix.TMPFS_MAGIC:           true,
	unix.OVERLAYFS_SUPER_MAGIC: true,
	unix.F2FS_SUPER_MAGIC:      true,
}

// deviceTable holds every file system met so far. Safe for concurrent use.
type deviceTable struct {
	m sync.Map // deviceID -> *device
}

func (t *deviceTable) get(tree *localTree, id deviceID) *device {
	if d, ok := t.m.Load(id); ok {
		return d.(*device)
	}
	d, _ := t.m.LoadOrStore(id, &device{id: id, slot: tree.inos.slot(id)})
	return d.(*device)
}

// learn finds out what file system d is, from a descriptor on it.
func (d *device) learn(tree *localTree, fd int) {
	d.kind.Do(func() {
		var s unix.Statfs_t
		if unix.Fstatfs(fd, &s) != nil {
			return
		}
		d.fsid = s.Fsid
		d.trusted = trustedMagics[int64(s.Type)]
		d.watched = d.trusted && tree.watch.mark(fd)
	})
}

// backingRegistry is the part of go-fuse's server that passthrough needs.
type backingRegistry interface {
	RegisterBackingFd(*fuse.BackingMap) (int32, syscall.Errno)
	UnregisterBackingFd(id int32) syscall.Errno
}

// passthrough tells whether files of d may be read and written by the kernel
// itself. It tries once with fd, which has a regular file open: go-fuse gives
// passthrough up for the whole mount at the first refusal, so one that could fail
// must not reach it.
func (d *device) passthrough(tree *localTree, fd int) bool {
	switch d.pass.Load() {
	case passYes:
		return true
	case passNo:
		return false
	}
	verdict := int32(passNo)
	if d.learn(tree, fd); d.trusted && tree.backing != nil {
		if id, errno := tree.backing.RegisterBackingFd(&fuse.BackingMap{Fd: int32(fd)}); errno == 0 {
			tree.backing.UnregisterBackingFd(id)
			verdict = passYes
		}
	}
	d.pass.Store(verdict)
	return verdict == passYes
}
