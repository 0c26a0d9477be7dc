package fs

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Timeouts of what the kernel may remember about local files. Where changes made
// behind the mount are reported (watch_linux.go) it forgets at once, so the long
// one bounds only what no report tells; else it asks again after a second.
const (
	watchedTimeout   = 60 * time.Second
	unwatchedTimeout = time.Second
)

// localTree is what the nodes of one device's file systems share.
type localTree struct {
	name    atomic.Pointer[string] // the folder below local/, for user.sd.uri
	inos    *inoTable
	devices deviceTable
	dirs    dirCache
	hidden  *hiddenMounts
	watch   *watcher // nil where the kernel does not report changes
	backing backingRegistry
	root    *localNode
	shown   atomic.Bool // root has been looked up

	identified identifier

	stopFollowing *os.File      // closed to end follow
	followed      chan struct{} // closed when it has ended
}

// localNode is one file or directory of a real file system. It holds no path and
// no descriptor of its own: it is found through its parent's directory descriptor
// and its name, and what is found must be the very inode it stands for, else the
// answer is ESTALE, which makes the kernel look the name up again.
type localNode struct {
	fusefs.Inode
	tree *localTree
	dev  *device
	ino  uint64

	setid atomic.Bool // had set-id bits when last looked at

	mu   sync.Mutex
	dir  dirState
	file *fileState // nil until first opened
	last int        // descriptor (O_PATH) of a file that lost its name; 0 if none
}

// child gives the node for what st describes, found as name in n, which is open at
// dirfd. A file without a name yet has "".
func (n *localNode) child(ctx context.Context, dirfd int, name string, st *unix.Statx_t, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	dev, errno := n.deviceOf(st)
	if errno != 0 {
		return nil, errno
	}
	n.forgetAbsent(name)
	c := &localNode{tree: n.tree, dev: dev, ino: st.Ino}
	c.dir.fd = -1
	id := fusefs.StableAttr{
		Mode: uint32(st.Mode) & syscall.S_IFMT,
		Ino:  n.tree.inos.number(dev.slot, dev.id, st.Ino),
		Gen:  generation(st),
	}
	if known := n.known(name, id); known != nil && id.Mode == syscall.S_IFDIR {
		c = known
	}
	ch := n.NewInode(ctx, c, id) // before anybody may tell the kernel of c
	attrs := n.timeout()
	if id.Mode == syscall.S_IFDIR {
		// Changes of a directory itself are reported by its own handle, and may have come
		// before it was registered.
		if n.tree.watch.addEntry(c, n, dirfd, name) && statxAt(dirfd, name, 0, st) != 0 {
			return nil, syscall.ENOENT
		}
		attrs = c.timeout()
	} else if st.Nlink > 1 {
		attrs = unwatchedTimeout // it may change under a name that nobody here knows
	}
	c.fillAttr(st, &out.Attr)
	out.SetEntryTimeout(n.timeout())
	out.SetAttrTimeout(attrs)
	return ch, 0
}

// known gives the node that already hangs at name below n, if it is the one with
// that identity.
func (n *localNode) known(name string, id fusefs.StableAttr) *localNode {
	ch := n.GetChild(name)
	if ch == nil || ch.StableAttr() != id {
		return nil
	}
	c, _ := ch.Operations().(*localNode)
	return c
}

// generation tells apart two files that had the same inode number one after the
// other, by their time of birth.
func generation(st *unix.Statx_t) uint64 {
	if st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return uint64(st.Btime.Sec)<<30 ^ uint64(st.Btime.Nsec)
}

// deviceOf gives the facts of the file system that an entry of n lies on.
func (n *localNode) deviceOf(st *unix.Statx_t) (*device, syscall.Errno) {
	id := statxDev(st)
	if id == n.dev.id {
		return n.dev, 0
	}
	if n.tree.hidden.device(id) {
		return nil, syscall.ENOENT
	}
	return n.tree.devices.get(n.tree, id), 0
}

func statxDev(st *unix.Statx_t) deviceID {
	return deviceID{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Mnt_id}
}

// timeout tells how long the kernel may remember entries of n and their attributes.
func (n *localNode) timeout() time.Duration {
	if n.dir.watched.Load() {
		return watchedTimeout
	}
	return unwatchedTimeout
}

// attrTimeout is how long the kernel may remember the attributes of n, which are st.
// Changes to a file are reported through its parent.
func (n *localNode) attrTimeout(st *unix.Statx_t) time.Duration {
	if n.IsDir() {
		return n.timeout()
	}
	if _, p := n.Parent(); p != nil && st.Nlink <= 1 {
		if parent, ok := p.Operations().(*localNode); ok {
			return parent.timeout()
		}
	}
	return unwatchedTimeout
}

func (n *localNode) fillAttr(st *unix.Statx_t, a *fuse.Attr) {
	n.setid.Store(st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0)
	a.Ino = n.tree.inos.number(n.dev.slot, n.dev.id, st.Ino)
	a.Size = st.Size
	a.Blocks = st.Blocks
	a.Blksize = st.Blksize
	a.Mode = uint32(st.Mode)
	a.Nlink = st.Nlink
	a.Uid, a.Gid = st.Uid, st.Gid
	a.Rdev = uint32(unix.Mkdev(st.Rdev_major, st.Rdev_minor))
	a.Atime, a.Atimensec = uint64(st.Atime.Sec), st.Atime.Nsec
	a.Mtime, a.Mtimensec = uint64(st.Mtime.Sec), st.Mtime.Nsec
	a.Ctime, a.Ctimensec = uint64(st.Ctime.Sec), st.Ctime.Nsec
}

// Lookup finds name below n.
func (n *localNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if n.tree.hidden.entry(n, name) {
		return nil, syscall.ENOENT
	}
	fd, errno := n.acquire()
	if errno != 0 {
		return nil, errno
	}
	defer n.release()
	var st unix.Statx_t
	// The kernel holds the directory's lock while it waits for us, so a dead server
	// must not be asked about the root of its mount.
	errno = statxAt(fd, name, unix.AT_STATX_DONT_SYNC, &st)
	if errno == 0 && statxDev(&st) == n.dev.id && !n.dev.trusted {
		errno = statxAt(fd, name, 0, &st)
	}
	if errno != 0 {
		if errno == syscall.ENOENT {
			out.SetEntryTimeout(n.sayAbsent(name))
		}
		return nil, errno
	}
	return n.child(ctx, fd, name, &st, out)
}

// Getattr describes n, through an open descriptor where there is one: that also
// answers for a file that has no name any more.
func (n *localNode) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	var st unix.Statx_t
	errno := n.stat(f, &st)
	if errno != 0 {
		return errno
	}
	n.fillAttr(&st, &out.Attr)
	out.SetTimeout(n.attrTimeout(&st))
	return 0
}

func (n *localNode) stat(f fusefs.FileHandle, st *unix.Statx_t) syscall.Errno {
	if lf := fileOf(f); lf != nil {
		return statxFd(lf.fd, st)
	}
	if n.IsDir() {
		fd, errno := n.acquire()
		if errno != 0 {
			return errno
		}
		defer n.release()
		return statxFd(fd, st)
	}
	errno := n.statByName(st)
	if errno == syscall.ESTALE {
		if fd, ok := n.heldFd(); ok {
			defer unix.Close(fd)
			return statxFd(fd, st)
		}
	}
	return errno
}

func (n *localNode) statByName(st *unix.Statx_t) syscall.Errno {
	name, parent, errno := n.parent()
	if errno != 0 {
		return errno
	}
	fd, errno := parent.acquire()
	if errno != 0 {
		return errno
	}
	defer parent.release()
	if errno := statxAt(fd, name, 0, st); errno != 0 {
		return stale(errno)
	}
	return n.verify(st)
}

// parent gives one name of n and the directory that has it; ESTALE where it has
// none left.
func (n *localNode) parent() (string, *localNode, syscall.Errno) {
	name, p := n.Parent()
	if p == nil {
		return "", nil, syscall.ESTALE
	}
	parent, ok := p.Operations().(*localNode)
	if !ok {
		return "", nil, syscall.ESTALE
	}
	return name, parent, 0
}

// verify tells whether st is n and not something that took its name behind the
// mount.
func (n *localNode) verify(st *unix.Statx_t) syscall.Errno {
	id := n.StableAttr()
	if st.Ino != n.ino || statxDev(st) != n.dev.id || uint32(st.Mode)&syscall.S_IFMT != id.Mode || generation(st) != id.Gen {
		return syscall.ESTALE
	}
	return 0
}

// stale turns "no such name" into ESTALE: the kernel holds a name that is gone
// behind the mount, and looks it up again.
func stale(errno syscall.Errno) syscall.Errno {
	if errno == syscall.ENOENT || errno == syscall.ENOTDIR {
		return syscall.ESTALE
	}
	return errno
}

// Readlink gives what the symbolic link n says.
func (n *localNode) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	fd, errno := n.pathFd()
	if errno != 0 {
		return nil, errno
	}
	defer unix.Close(fd)
	for size := 256; ; size *= 2 {
		buf := make([]byte, size)
		k, err := unix.Readlinkat(fd, "", buf)
		if err != nil {
			return nil, toErrno(err)
		}
		if k < size {
			return buf[:k], 0
		}
	}
}

// Statfs tells how full the file system below n is.
func (n *localNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	fd, errno := n.pathFd()
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	var s unix.Statfs_t
	if err := unix.Fstatfs(fd, &s); err != nil {
		return toErrno(err)
	}
	out.Blocks, out.Bfree, out.Bavail = s.Blocks, s.Bfree, s.Bavail
	out.Files, out.Ffree = s.Files, s.Ffree
	out.Bsize, out.Frsize, out.NameLen = uint32(s.Bsize), uint32(s.Frsize), uint32(s.Namelen)
	return 0
}

// OnForget closes what n holds; the kernel knows it no more.
func (n *localNode) OnForget() {
	n.setLast(0)
	n.forgetDir()
}

var _ interface {
	fusefs.NodeLookuper
	fusefs.NodeGetattrer
	fusefs.NodeReadlinker
	fusefs.NodeStatfser
	fusefs.NodeOnForgetter
} = (*localNode)(nil)
