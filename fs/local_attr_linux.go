package fs

import (
	"bytes"
	"context"
	"strings"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"sd/identity"
	"sd/library/catalog"
)

// fattrKillPrivileges in SETATTR: the change takes set-id bits away.
const fattrKillPrivileges = fuse.FATTR_KILL_SUIDGID

// Setattr changes size, owner, mode and times, in this order: a change of owner
// clears bits that the mode given with it may set again.
func (n *localNode) Setattr(ctx context.Context, f fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	fd := -1
	if lf := fileOf(f); lf != nil {
		fd = lf.fd
	} else {
		p, errno := n.pathFd()
		if errno != 0 {
			return errno
		}
		defer unix.Close(p)
		fd = p
	}
	if size, ok := in.GetSize(); ok {
		if errno := truncate(fd, fileOf(f) != nil, int64(size)); errno != 0 {
			return errno
		}
	}
	uid, uok := in.GetUID()
	gid, gok := in.GetGID()
	if uok || gok || in.Valid == 0 { // chown(-1, -1) clears set-id bits and touches ctime
		u, g := -1, -1
		if uok {
			u = int(uid)
		}
		if gok {
			g = int(gid)
		}
		if err := unix.Fchownat(fd, "", u, g, unix.AT_EMPTY_PATH); err != nil {
			return toErrno(err)
		}
	}
	if mode, ok := in.GetMode(); ok {
		if err := unix.Chmod(procPath(fd), mode&0o7777); err != nil {
			return toErrno(err)
		}
	} else if in.Valid&fattrKillPrivileges != 0 {
		n.killPrivileges(fd)
	}
	if errno := setTimes(fd, in); errno != 0 {
		return errno
	}
	var st unix.Statx_t
	if errno := statxFd(fd, &st); errno != 0 {
		return errno
	}
	n.fillAttr(&st, &out.Attr)
	out.SetTimeout(n.attrTimeout(&st))
	return 0
}

// truncate cuts what fd has open; an O_PATH descriptor goes by its path in /proc.
func truncate(fd int, open bool, size int64) syscall.Errno {
	for {
		var err error
		if open {
			err = unix.Ftruncate(fd, size)
			if err == unix.EINVAL { // the handle is read-only
				err = unix.Truncate(procPath(fd), size)
			}
		} else {
			err = unix.Truncate(procPath(fd), size)
		}
		if err != unix.EINTR {
			return toErrno(err)
		}
	}
}

func setTimes(fd int, in *fuse.SetAttrIn) syscall.Errno {
	if in.Valid&(fuse.FATTR_ATIME|fuse.FATTR_MTIME) == 0 {
		return 0
	}
	spec := func(is, now uint32, sec uint64, nsec uint32) unix.Timespec {
		switch {
		case in.Valid&is == 0:
			return unix.Timespec{Nsec: unix.UTIME_OMIT}
		case in.Valid&now != 0:
			return unix.Timespec{Nsec: unix.UTIME_NOW}
		}
		return unix.Timespec{Sec: int64(sec), Nsec: int64(nsec)}
	}
	ts := []unix.Timespec{
		spec(fuse.FATTR_ATIME, fuse.FATTR_ATIME_NOW, in.Atime, in.Atimensec),
		spec(fuse.FATTR_MTIME, fuse.FATTR_MTIME_NOW, in.Mtime, in.Mtimensec),
	}
	err := unix.UtimesNanoAt(fd, "", ts, unix.AT_EMPTY_PATH)
	if err == unix.EINVAL || err == unix.ENOENT { // before Linux 5.8
		err = unix.UtimesNanoAt(unix.AT_FDCWD, procPath(fd), ts, 0)
	}
	return toErrno(err)
}

// Access answers access(2) where the kernel does not check permissions by itself,
// which is where only root uses the mount.
func (n *localNode) Access(ctx context.Context, mask uint32) syscall.Errno {
	var st unix.Statx_t
	if errno := n.stat(nil, &st); errno != 0 {
		return errno
	}
	if mask&unix.X_OK != 0 && st.Mode&unix.S_IFMT != unix.S_IFDIR && st.Mode&0o111 == 0 {
		return syscall.EACCES
	}
	if mask&unix.W_OK == 0 {
		return 0
	}
	fd, errno := n.pathFd()
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	return toErrno(unix.Access(procPath(fd), unix.W_OK)) // EROFS, or immutable
}

// Statx is Getattr with the time of birth.
func (n *localNode) Statx(ctx context.Context, f fusefs.FileHandle, flags, mask uint32, out *fuse.StatxOut) syscall.Errno {
	var st unix.Statx_t
	if errno := n.stat(f, &st); errno != 0 {
		return errno
	}
	var a fuse.Attr
	n.fillAttr(&st, &a)
	out.SetTimeout(n.attrTimeout(&st))
	out.Statx = fuse.Statx{
		Mask: st.Mask & (unix.STATX_BASIC_STATS | unix.STATX_BTIME), Blksize: a.Blksize, Nlink: a.Nlink,
		Uid: a.Uid, Gid: a.Gid, Mode: st.Mode, Ino: a.Ino, Size: a.Size, Blocks: a.Blocks,
		Atime: sxTime(st.Atime), Btime: sxTime(st.Btime), Ctime: sxTime(st.Ctime), Mtime: sxTime(st.Mtime),
		RdevMajor: st.Rdev_major, RdevMinor: st.Rdev_minor,
	}
	return 0
}

func sxTime(t unix.StatxTimestamp) fuse.SxTime { return fuse.SxTime{Sec: uint64(t.Sec), Nsec: t.Nsec} }

// Getxattr reads an extended attribute.
func (n *localNode) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	if attr == uriAttr {
		if _, p := n.Parent(); p == nil {
			return 0, noAttr
		}
		return answerXattr(n.uri(), dest)
	}
	if isIdentityAttr(attr) {
		value, errno := n.identified(ctx, attr)
		switch {
		case errno != 0:
			return 0, errno
		case value != "":
			return answerXattr(value, dest)
		}
		return 0, noAttr
	}
	if k, errno, ok := n.getxattrOpen(attr, dest); ok {
		return k, errno
	}
	fd, errno := n.pathFd()
	if errno != 0 {
		return 0, errno
	}
	defer unix.Close(fd)
	k, err := unix.Getxattr(procPath(fd), attr, dest)
	return uint32(max(k, 0)), toErrno(err)
}

// getxattrOpen is Getxattr where n is open: the kernel asks for capabilities before
// the first write to each file.
func (n *localNode) getxattrOpen(attr string, dest []byte) (size uint32, errno syscall.Errno, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil || len(n.file.handles) == 0 {
		return 0, 0, false
	}
	k, err := unix.Fgetxattr(n.file.handles[0].fd, attr, dest)
	return uint32(max(k, 0)), toErrno(err), true
}

// identified answers an attribute about what file n holds, if the catalog knows that of the
// version that is there now.
func (n *localNode) identified(ctx context.Context, attr string) (string, syscall.Errno) {
	if _, p := n.Parent(); p == nil || n.IsDir() {
		return "", 0
	}
	var st unix.Statx_t
	if errno := n.stat(nil, &st); errno != 0 {
		return "", errno
	}
	return n.tree.identified(ctx, attr, n.Path(n.tree.root.EmbeddedInode()), func(f *catalog.File) bool {
		return f.Size == int64(st.Size) && f.ModTime == nanoseconds(st.Mtime) &&
			f.Version == identity.LocalVersion(nanoseconds(st.Ctime), st.Ino)
	})
}

func nanoseconds(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

func (n *localNode) uri() string {
	return "local://" + *n.tree.name.Load() + "/" + n.Path(n.tree.root.EmbeddedInode())
}

// Setxattr writes an extended attribute; those of sd itself cannot be written.
func (n *localNode) Setxattr(ctx context.Context, attr string, data []byte, flags uint32) syscall.Errno {
	if strings.HasPrefix(attr, "user.sd.") {
		return syscall.ENOTSUP
	}
	fd, errno := n.pathFd()
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	if err := unix.Setxattr(procPath(fd), attr, data, int(flags&^aclKillsSetgid)); err != nil {
		return toErrno(err)
	}
	defer n.modeMayHaveChanged(attr)
	if flags&aclKillsSetgid == 0 {
		return 0
	}
	var st unix.Statx_t
	if errno := statxFd(fd, &st); errno != 0 {
		return errno
	}
	return toErrno(unix.Chmod(procPath(fd), uint32(st.Mode)&0o7777&^unix.S_ISGID))
}

// Removexattr removes an extended attribute.
func (n *localNode) Removexattr(ctx context.Context, attr string) syscall.Errno {
	fd, errno := n.pathFd()
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	defer n.modeMayHaveChanged(attr)
	return toErrno(unix.Removexattr(procPath(fd), attr))
}

// modeMayHaveChanged makes the kernel ask again after an ACL was written: it carries
// the mode, and where the kernel checks no permissions it takes it for any attribute.
func (n *localNode) modeMayHaveChanged(attr string) {
	if attr == "system.posix_acl_access" {
		n.NotifyContent(-1, 0) // attributes alone
	}
}

// Listxattr names the extended attributes of the file itself. "trusted.*" is for
// root's eyes only, as the kernel would have it.
func (n *localNode) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	fd, errno := n.pathFd()
	if errno != 0 {
		return 0, errno
	}
	defer unix.Close(fd)
	if callerOf(ctx).Uid == 0 || !isRoot {
		k, err := unix.Listxattr(procPath(fd), dest)
		return uint32(max(k, 0)), toErrno(err)
	}
	all := make([]byte, 64<<10) // XATTR_LIST_MAX
	k, err := unix.Listxattr(procPath(fd), all)
	if err != nil {
		return 0, toErrno(err)
	}
	var seen []byte
	for name := range bytes.SplitAfterSeq(all[:k], []byte{0}) {
		if !bytes.HasPrefix(name, []byte("trusted.")) {
			seen = append(seen, name...)
		}
	}
	return answerXattr(string(seen), dest)
}

var _ interface {
	fusefs.NodeSetattrer
	fusefs.NodeAccesser
	fusefs.NodeStatxer
	fusefs.NodeGetxattrer
	fusefs.NodeSetxattrer
	fusefs.NodeRemovexattrer
	fusefs.NodeListxattrer
} = (*localNode)(nil)
