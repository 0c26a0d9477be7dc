package fs

import (
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// raw wraps go-fuse's bridge. It counts requests, serves directories without
// OPENDIR (dirhandles.go), lets a node set the timeout of its own negative
// answer, and carries four facts that the node API drops, in fields that the
// operation in question does not use otherwise:
//
//	CREATE, MKDIR, MKNOD: the caller's umask, in the mode (see splitMode)
//	WRITE:                the write flags and O_APPEND, in Pid (see writeFlagsOf)
//	SETXATTR:             "clear set-group-ID too", in the flags (see aclKillsSetgid)
//	FLUSH:                the lock owner, in Uid and Gid (see lockOwnerOf)
type raw struct {
	fuse.RawFileSystem
	counts opCounts
	dirs   dirHandles
}

func newRaw(bridge fuse.RawFileSystem) *raw {
	r := &raw{RawFileSystem: bridge}
	r.dirs.init(bridge)
	return r
}

func (r *raw) Init(s *fuse.Server) {
	r.RawFileSystem.Init(s)
	r.dirs.enabled = kernelNeedsNoOpendir(s)
}

// opCounts counts requests since the mount, by operation.
type opCounts [opEnd]atomic.Int64

type op uint8

const (
	opLookup op = iota
	opForget
	opGetattr
	opSetattr
	opReadlink
	opSymlink
	opMknod
	opMkdir
	opUnlink
	opRmdir
	opRename
	opLink
	opOpen
	opRead
	opWrite
	opStatfs
	opRelease
	opFsync
	opSetxattr
	opGetxattr
	opListxattr
	opRemovexattr
	opFlush
	opOpendir
	opReaddir
	opReleasedir
	opFsyncdir
	opLocks
	opAccess
	opCreate
	opIoctl
	opFallocate
	opLseek
	opCopyFileRange
	opStatx
	opEnd
)

var opNames = [opEnd]string{
	"LOOKUP", "FORGET", "GETATTR", "SETATTR", "READLINK", "SYMLINK", "MKNOD", "MKDIR", "UNLINK", "RMDIR", "RENAME", "LINK",
	"OPEN", "READ", "WRITE", "STATFS", "RELEASE", "FSYNC", "SETXATTR", "GETXATTR", "LISTXATTR", "REMOVEXATTR", "FLUSH",
	"OPENDIR", "READDIR", "RELEASEDIR", "FSYNCDIR", "LOCK", "ACCESS", "CREATE", "IOCTL", "FALLOCATE", "LSEEK", "COPY_FILE_RANGE", "STATX",
}

// snapshot gives the counts that are not zero.
func (c *opCounts) snapshot() map[string]int64 {
	m := make(map[string]int64)
	for i := range c {
		if n := c[i].Load(); n != 0 {
			m[opNames[i]] = n
		}
	}
	return m
}

func (r *raw) Lookup(cancel <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	r.counts[opLookup].Add(1)
	st := r.RawFileSystem.Lookup(cancel, h, name, out)
	if st == fuse.ENOENT && out.EntryTimeout() > 0 {
		out.NodeId = 0 // the kernel's form of a negative answer that it may keep
		return fuse.OK
	}
	return st
}

func (r *raw) Forget(node, n uint64) {
	r.counts[opForget].Add(1)
	r.dirs.forget(node)
	r.RawFileSystem.Forget(node, n)
}

func (r *raw) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	r.counts[opGetattr].Add(1)
	return r.RawFileSystem.GetAttr(cancel, in, out)
}

func (r *raw) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	r.counts[opSetattr].Add(1)
	return r.RawFileSystem.SetAttr(cancel, in, out)
}

func (r *raw) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	r.counts[opMknod].Add(1)
	in.Mode |= in.Umask << umaskShift
	return r.RawFileSystem.Mknod(cancel, in, name, out)
}

func (r *raw) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	r.counts[opMkdir].Add(1)
	in.Mode |= in.Umask << umaskShift
	return r.RawFileSystem.Mkdir(cancel, in, name, out)
}

func (r *raw) Unlink(cancel <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	r.counts[opUnlink].Add(1)
	return r.RawFileSystem.Unlink(cancel, h, name)
}

func (r *raw) Rmdir(cancel <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	r.counts[opRmdir].Add(1)
	return r.RawFileSystem.Rmdir(cancel, h, name)
}

func (r *raw) Rename(cancel <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	r.counts[opRename].Add(1)
	return r.RawFileSystem.Rename(cancel, in, from, to)
}

func (r *raw) Link(cancel <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	r.counts[opLink].Add(1)
	return r.RawFileSystem.Link(cancel, in, name, out)
}

func (r *raw) Symlink(cancel <-chan struct{}, h *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	r.counts[opSymlink].Add(1)
	return r.RawFileSystem.Symlink(cancel, h, target, name, out)
}

func (r *raw) Readlink(cancel <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	r.counts[opReadlink].Add(1)
	return r.RawFileSystem.Readlink(cancel, h)
}

func (r *raw) Access(cancel <-chan struct{}, in *fuse.AccessIn) fuse.Status {
	r.counts[opAccess].Add(1)
	return r.RawFileSystem.Access(cancel, in)
}

func (r *raw) GetXAttr(cancel <-chan struct{}, h *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	r.counts[opGetxattr].Add(1)
	return r.RawFileSystem.GetXAttr(cancel, h, attr, dest)
}

func (r *raw) ListXAttr(cancel <-chan struct{}, h *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	r.counts[opListxattr].Add(1)
	return r.RawFileSystem.ListXAttr(cancel, h, dest)
}

func (r *raw) SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, attr string, data []byte) fuse.Status {
	r.counts[opSetxattr].Add(1)
	if setxattrKillsSetgid(in) {
		in.Flags |= aclKillsSetgid
	}
	return r.RawFileSystem.SetXAttr(cancel, in, attr, data)
}

func (r *raw) RemoveXAttr(cancel <-chan struct{}, h *fuse.InHeader, attr string) fuse.Status {
	r.counts[opRemovexattr].Add(1)
	return r.RawFileSystem.RemoveXAttr(cancel, h, attr)
}

func (r *raw) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	r.counts[opCreate].Add(1)
	in.Mode |= in.Umask << umaskShift
	return r.RawFileSystem.Create(cancel, in, name, out)
}

func (r *raw) Tmpfile(cancel <-chan struct{}, in *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	r.counts[opCreate].Add(1)
	in.Mode |= in.Umask << umaskShift
	return r.RawFileSystem.Tmpfile(cancel, in, out)
}

func (r *raw) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r.counts[opOpen].Add(1)
	return r.RawFileSystem.Open(cancel, in, out)
}

func (r *raw) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	r.counts[opRead].Add(1)
	return r.RawFileSystem.Read(cancel, in, buf)
}

func (r *raw) Lseek(cancel <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	r.counts[opLseek].Add(1)
	return r.RawFileSystem.Lseek(cancel, in, out)
}

func (r *raw) GetLk(cancel <-chan struct{}, in *fuse.LkIn, out *fuse.LkOut) fuse.Status {
	r.counts[opLocks].Add(1)
	return r.RawFileSystem.GetLk(cancel, in, out)
}

func (r *raw) SetLk(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	r.counts[opLocks].Add(1)
	return r.RawFileSystem.SetLk(cancel, in)
}

func (r *raw) SetLkw(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	r.counts[opLocks].Add(1)
	return r.RawFileSystem.SetLkw(cancel, in)
}

func (r *raw) Release(cancel <-chan struct{}, in *fuse.ReleaseIn) {
	r.counts[opRelease].Add(1)
	r.RawFileSystem.Release(cancel, in)
}

func (r *raw) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	r.counts[opWrite].Add(1)
	in.Pid = in.WriteFlags | in.Flags&syscall.O_APPEND
	return r.RawFileSystem.Write(cancel, in, data)
}

func (r *raw) Writev(cancel <-chan struct{}, in *fuse.WriteIn, data [][]byte) (uint32, fuse.Status) {
	r.counts[opWrite].Add(1)
	in.Pid = in.WriteFlags | in.Flags&syscall.O_APPEND
	return r.RawFileSystem.Writev(cancel, in, data)
}

func (r *raw) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	r.counts[opCopyFileRange].Add(1)
	return r.RawFileSystem.CopyFileRange(cancel, in)
}

func (r *raw) Ioctl(cancel <-chan struct{}, in *fuse.IoctlIn, inbuf []byte, out *fuse.IoctlOut, outbuf []byte) fuse.Status {
	r.counts[opIoctl].Add(1)
	return r.RawFileSystem.Ioctl(cancel, in, inbuf, out, outbuf)
}

func (r *raw) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	r.counts[opFlush].Add(1)
	in.Uid, in.Gid = uint32(in.LockOwner), uint32(in.LockOwner>>32)
	return r.RawFileSystem.Flush(cancel, in)
}

func (r *raw) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	r.counts[opFsync].Add(1)
	return r.RawFileSystem.Fsync(cancel, in)
}

func (r *raw) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	r.counts[opFallocate].Add(1)
	return r.RawFileSystem.Fallocate(cancel, in)
}

func (r *raw) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r.counts[opOpendir].Add(1)
	if r.dirs.enabled {
		return fuse.Status(syscall.ENOSYS) // asked once; the kernel then opens directories by itself
	}
	return r.RawFileSystem.OpenDir(cancel, in, out)
}

func (r *raw) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	r.counts[opReaddir].Add(1)
	return r.dirs.read(cancel, in, out, r.RawFileSystem.ReadDir)
}

func (r *raw) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	r.counts[opReaddir].Add(1)
	return r.dirs.read(cancel, in, out, r.RawFileSystem.ReadDirPlus)
}

func (r *raw) ReleaseDir(in *fuse.ReleaseIn) {
	r.counts[opReleasedir].Add(1)
	if in.Fh != 0 {
		r.RawFileSystem.ReleaseDir(in)
	}
}

func (r *raw) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	r.counts[opFsyncdir].Add(1)
	return r.RawFileSystem.FsyncDir(cancel, in)
}

func (r *raw) Statx(cancel <-chan struct{}, in *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	r.counts[opStatx].Add(1)
	return r.RawFileSystem.Statx(cancel, in, out)
}

func (r *raw) StatFs(cancel <-chan struct{}, h *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	r.counts[opStatfs].Add(1)
	return r.RawFileSystem.StatFs(cancel, h, out)
}
