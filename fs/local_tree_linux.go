package fs

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// newLocalTree gives the tree of the file systems below dir, shown as
// local/<name>. It fails only where dir cannot be opened.
func newLocalTree(name, dir string, log *slog.Logger) (*localTree, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	var st unix.Statx_t
	if errno := statxFd(fd, &st); errno != 0 {
		unix.Close(fd)
		return nil, fmt.Errorf("stat %s: %w", dir, errno)
	}
	t := &localTree{
		inos:   newInoTable(),
		hidden: newHiddenMounts(),
		watch:  newWatcher(log),
		dirs:   dirCache{limit: dirLimit()},
	}
	t.name.Store(&name)
	t.root = &localNode{tree: t, dev: t.devices.get(t, statxDev(&st)), ino: st.Ino}
	t.root.dir.fd = fd
	return t, nil
}

// dirLimit keeps open directories to a quarter of the descriptors we may have.
func dirLimit() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 64
	}
	return int(min(max(r.Cur/4, 64), 16384))
}

// rootAttr gives the identity of the tree's root for go-fuse.
func (t *localTree) rootAttr() fusefs.StableAttr {
	return fusefs.StableAttr{Mode: syscall.S_IFDIR, Ino: t.inos.number(t.root.dev.slot, t.root.dev.id, t.root.ino)}
}

// mounted is called between the mount and the first request.
func (t *localTree) mounted(s *fuse.Server) {
	t.backing = s
	t.hidden.refresh() // our own mount is in the table now
	t.watch.start()
	stop, end, err := os.Pipe()
	if err != nil {
		return
	}
	t.stopFollowing, t.followed = end, make(chan struct{})
	go func() {
		defer stop.Close()
		t.follow(stop)
	}()
}

// heed has what this process does to local files seen by the kernel, as if another process
// did it, until as many calls with -1.
func (t *localTree) heed(n int32) {
	if t.watch != nil {
		t.watch.own.Add(n)
	}
}

func (t *localTree) close() {
	t.watch.close()
	if t.stopFollowing != nil {
		t.stopFollowing.Close()
		<-t.followed
	}
	t.dirs.closeAll()
	t.root.mu.Lock()
	defer t.root.mu.Unlock()
	unix.Close(t.root.dir.fd)
	t.root.dir.fd = -1
}

// open gives the node of the tree's root as an entry of parent.
func (t *localTree) open(ctx context.Context, parent *fixedDir, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	t.name.Store(&name)
	var st unix.Statx_t
	if errno := statxFd(t.root.dir.fd, &st); errno != 0 {
		return nil, errno
	}
	ch := parent.NewPersistentInode(ctx, t.root, t.rootAttr())
	t.shown.Store(true)
	t.watch.add(t.root, t.root.dir.fd)
	t.root.fillAttr(&st, &out.Attr)
	out.SetEntryTimeout(lastingTimeout)
	out.SetAttrTimeout(t.root.timeout())
	return ch, 0
}

func (t *localTree) status() LocalStatus {
	st := LocalStatus{Watched: t.watch != nil}
	switch t.root.passthroughState() {
	case passYes:
		st.Passthrough = true
	case passUnknown:
		st.Passthrough = isRoot
		if !isRoot {
			st.Why = "needs root: the kernel lets only CAP_SYS_ADMIN register files"
		}
	case passNo:
		st.Why = "the kernel (6.9 or later is needed), the privilege (root) or the file system does not allow it"
	}
	return st
}

// passthroughState is that of the first file system on which a file was opened.
func (n *localNode) passthroughState() int32 {
	var state atomic.Int32
	n.tree.devices.m.Range(func(_, d any) bool {
		s := d.(*device).pass.Load()
		if s == passYes || (s == passNo && state.Load() == passUnknown) {
			state.Store(s)
		}
		return s != passYes
	})
	return state.Load()
}
