package fs

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// pathFd opens n itself with O_PATH, whatever it is, never following a link. The
// caller closes it.
func (n *localNode) pathFd() (int, syscall.Errno) {
	if n.IsDir() {
		fd, errno := n.acquire()
		if errno != 0 {
			return -1, errno
		}
		defer n.release()
		return dupFd(fd)
	}
	if fd, ok := n.heldFd(); ok {
		return fd, 0
	}
	return n.openByName(unix.O_PATH)
}

// openByName opens n through its name.
func (n *localNode) openByName(flags int) (int, syscall.Errno) {
	name, parent, errno := n.parent()
	if errno != 0 {
		return -1, errno
	}
	pfd, errno := parent.acquire()
	if errno != 0 {
		return -1, errno
	}
	defer parent.release()
	return n.openVerified(pfd, name, flags)
}

// heldFd duplicates a descriptor that is open on file n already: that of a handle,
// or the one that was kept when n lost its name.
func (n *localNode) heldFd() (int, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fd := n.last
	if n.file != nil && len(n.file.handles) > 0 {
		fd = n.file.handles[0].fd
	}
	if fd == 0 {
		return -1, false
	}
	fd, errno := dupFd(fd)
	return fd, errno == 0
}

// keep opens the entry called name, if the kernel knows it, before it loses that
// name: it may be open, mapped, on its way to be opened, or somebody's working
// directory. undo is for when the name stays after all.
func (n *localNode) keep(name string) (undo func()) {
	ch := n.GetChild(name)
	if ch == nil {
		return func() {}
	}
	c, ok := ch.Operations().(*localNode)
	if !ok {
		return func() {}
	}
	if c.IsDir() {
		c.pin(true)
		return func() { c.pin(false) }
	}
	fd, errno := c.openByName(unix.O_PATH)
	if errno != 0 {
		return func() {}
	}
	var st unix.Statx_t
	if statxFd(fd, &st) != 0 || st.Nlink > 1 { // its other names lead to it
		unix.Close(fd)
		return func() {}
	}
	c.setLast(fd)
	return func() { c.setLast(0) }
}

func (n *localNode) setLast(fd int) {
	n.mu.Lock()
	old := n.last
	n.last = fd
	n.mu.Unlock()
	if old != 0 {
		unix.Close(old)
	}
}

// openVerified opens name with flags, without following a link and without
// blocking, and makes sure that it is n.
func (n *localNode) openVerified(dirfd int, name string, flags int) (int, syscall.Errno) {
	fd, errno := openat(dirfd, name, flags|unix.O_NOFOLLOW, 0)
	if errno != 0 {
		if errno == syscall.ELOOP {
			return -1, syscall.ESTALE
		}
		return -1, stale(errno)
	}
	var st unix.Statx_t
	if errno = statxFd(fd, &st); errno == 0 {
		errno = n.verify(&st)
	}
	if errno != 0 {
		unix.Close(fd)
		return -1, errno
	}
	n.setid.Store(st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0)
	return fd, 0
}
