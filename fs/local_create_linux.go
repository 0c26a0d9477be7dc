package fs

import (
	"context"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// created makes an entry of n as the caller, by do, and describes it.
func (n *localNode) created(ctx context.Context, name string, out *fuse.EntryOut, do func(dirfd int) syscall.Errno) (*fusefs.Inode, syscall.Errno) {
	fd, errno := n.acquire()
	if errno != 0 {
		return nil, errno
	}
	defer n.release()
	if n.tree.hidden.entry(n, name) {
		return nil, syscall.EEXIST
	}
	if errno := asCaller(callerOf(ctx), func() syscall.Errno { return do(fd) }); errno != 0 {
		return nil, errno
	}
	var st unix.Statx_t
	if errno := statxAt(fd, name, 0, &st); errno != 0 {
		return nil, errno
	}
	return n.child(ctx, fd, name, &st, out)
}

// mode applies the caller's umask as POSIX says: not below a directory with a
// default ACL, which takes its place.
func (n *localNode) mode(dirfd int, mode uint32) uint32 {
	mode, umask := splitMode(mode)
	masked := mode &^ umask
	if masked == mode {
		return mode
	}
	if size, err := unix.Getxattr(procPath(dirfd), "system.posix_acl_default", nil); err == nil && size > 0 {
		return mode
	}
	return masked
}

// Mkdir makes a directory.
func (n *localNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return n.created(ctx, name, out, func(fd int) syscall.Errno {
		return toErrno(unix.Mkdirat(fd, name, n.mode(fd, mode)))
	})
}

// Mknod makes a device node, FIFO, socket or empty file.
func (n *localNode) Mknod(ctx context.Context, name string, mode, dev uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return n.created(ctx, name, out, func(fd int) syscall.Errno {
		return toErrno(unix.Mknodat(fd, name, n.mode(fd, mode), int(dev)))
	})
}

// Symlink makes a symbolic link.
func (n *localNode) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return n.created(ctx, name, out, func(fd int) syscall.Errno {
		return toErrno(unix.Symlinkat(target, fd, name))
	})
}

// Link gives target one more name.
func (n *localNode) Link(ctx context.Context, target fusefs.InodeEmbedder, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	t, ok := target.(*localNode)
	if !ok {
		return nil, syscall.EXDEV
	}
	fd, errno := n.acquire()
	if errno != 0 {
		return nil, errno
	}
	defer n.release()
	if errno := t.linkTo(fd, name); errno != 0 {
		return nil, errno
	}
	var st unix.Statx_t
	if errno := statxAt(fd, name, 0, &st); errno != 0 {
		return nil, errno
	}
	return n.child(ctx, fd, name, &st, out)
}

// linkTo links n, even if it has no name yet (O_TMPFILE), at name in dirfd.
func (n *localNode) linkTo(dirfd int, name string) syscall.Errno {
	fd, errno := n.pathFd()
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	if isRoot {
		if err := unix.Linkat(fd, "", dirfd, name, unix.AT_EMPTY_PATH); err != unix.ENOENT && err != unix.EPERM {
			return toErrno(err)
		}
	}
	return toErrno(unix.Linkat(unix.AT_FDCWD, procPath(fd), dirfd, name, unix.AT_SYMLINK_FOLLOW))
}

// Create makes and opens a file. The kernel has found no such name; where one has
// come up behind the mount since, ESTALE makes it look again, so that the
// permissions of the existing file are checked.
func (n *localNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	return n.createFile(ctx, flags, out, func(dirfd, open int) (int, syscall.Errno) {
		if n.tree.hidden.entry(n, name) {
			return -1, syscall.EEXIST
		}
		fd, errno := openat(dirfd, name, open|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, n.mode(dirfd, mode))
		if errno == syscall.EEXIST && flags&unix.O_EXCL == 0 {
			errno = syscall.ESTALE
		}
		return fd, errno
	})
}

// Tmpfile makes and opens a file without a name.
func (n *localNode) Tmpfile(ctx context.Context, flags, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	return n.createFile(ctx, flags, out, func(dirfd, open int) (int, syscall.Errno) {
		return openat(dirfd, ".", open|unix.O_TMPFILE|int(flags)&unix.O_EXCL, n.mode(dirfd, mode))
	})
}

func (n *localNode) createFile(ctx context.Context, flags uint32, out *fuse.EntryOut, open func(dirfd, flags int) (int, syscall.Errno)) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	dirfd, errno := n.acquire()
	if errno != 0 {
		return nil, nil, 0, errno
	}
	defer n.release()
	var fd int
	errno = asCaller(callerOf(ctx), func() (e syscall.Errno) {
		fd, e = open(dirfd, backingFlags(flags))
		return e
	})
	if errno != 0 {
		return nil, nil, 0, errno
	}
	var st unix.Statx_t
	if errno := statxFd(fd, &st); errno != 0 {
		unix.Close(fd)
		return nil, nil, 0, errno
	}
	ch, errno := n.child(ctx, dirfd, "", &st, out)
	if errno != 0 {
		unix.Close(fd)
		return nil, nil, 0, errno
	}
	node := ch.Operations().(*localNode)
	h, fuseFlags := node.attach(ctx, fd, flags, &st)
	return ch, h, fuseFlags, 0
}

// Unlink removes the name of a file.
func (n *localNode) Unlink(ctx context.Context, name string) syscall.Errno {
	return n.remove(name, 0)
}

// Rmdir removes an empty directory.
func (n *localNode) Rmdir(ctx context.Context, name string) syscall.Errno {
	return n.remove(name, unix.AT_REMOVEDIR)
}

func (n *localNode) remove(name string, flags int) syscall.Errno {
	if n.tree.hidden.entry(n, name) {
		return syscall.EBUSY
	}
	fd, errno := n.acquire()
	if errno != 0 {
		return errno
	}
	defer n.release()
	undo := n.keep(name)
	if err := unix.Unlinkat(fd, name, flags); err != nil {
		undo()
		return toErrno(err)
	}
	return 0
}

// Rename moves a file or directory; flags are renameat2(2)'s.
func (n *localNode) Rename(ctx context.Context, name string, newParent fusefs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*localNode)
	if !ok {
		return syscall.EXDEV
	}
	if n.tree.hidden.entry(n, name) || to.tree.hidden.entry(to, newName) {
		return syscall.EBUSY
	}
	fd, errno := n.acquire()
	if errno != 0 {
		return errno
	}
	defer n.release()
	tofd, errno := to.acquire()
	if errno != 0 {
		return errno
	}
	defer to.release()
	undo := to.keep(newName)
	err := unix.Renameat2(fd, name, tofd, newName, uint(flags))
	if err != nil || flags&unix.RENAME_EXCHANGE != 0 {
		undo()
	}
	return toErrno(err)
}

var _ interface {
	fusefs.NodeMkdirer
	fusefs.NodeMknoder
	fusefs.NodeSymlinker
	fusefs.NodeLinker
	fusefs.NodeCreater
	fusefs.NodeTmpfiler
	fusefs.NodeUnlinker
	fusefs.NodeRmdirer
	fusefs.NodeRenamer
} = (*localNode)(nil)
