package fs

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dirState is a directory's descriptor (O_PATH), opened when first needed and
// closed when other directories need the place more.
type dirState struct {
	watched atomic.Bool // changes of its entries are reported
	recent  atomic.Bool // used since the clock hand last passed

	// Guarded by localNode.mu.
	fd     int                  // -1 while closed
	users  int                  // calls under way on fd
	pinned bool                 // has no name any more: fd is the only way to it
	handle string               // key in the watcher
	absent map[string]time.Time // see sayAbsent
	found  change               // where it was found when it was registered; guarded by the watcher's lock

	slot int // place in dirCache.ring, guarded by its lock
}

// dirCache bounds the open directory descriptors by the CLOCK algorithm
// (Corbató, 1968): one pass of grace for those used lately.
type dirCache struct {
	limit int

	mu   sync.Mutex
	ring []*localNode
	hand int
}

// acquire gives n's descriptor, good until release. It opens by the parent's
// where it must, up to the root in the worst case.
func (n *localNode) acquire() (int, syscall.Errno) {
	n.mu.Lock()
	if n.dir.fd >= 0 {
		n.dir.users++
		fd := n.dir.fd
		n.mu.Unlock()
		n.dir.recent.Store(true)
		return fd, 0
	}
	n.mu.Unlock()

	name, parent, errno := n.parent()
	if errno != 0 {
		return -1, errno
	}
	pfd, errno := parent.acquire()
	if errno != 0 {
		return -1, errno
	}
	fd, errno := n.openVerified(pfd, name, unix.O_PATH|unix.O_DIRECTORY)
	parent.release()
	if errno != 0 {
		return -1, errno
	}
	n.tree.watch.add(n, fd)

	n.mu.Lock()
	n.dir.users++
	if n.dir.fd >= 0 { // another call was quicker
		unix.Close(fd)
		fd = n.dir.fd
		n.mu.Unlock()
		return fd, 0
	}
	n.dir.fd = fd
	n.mu.Unlock()
	n.dir.recent.Store(true)
	n.tree.dirs.add(n)
	return fd, 0
}

func (n *localNode) release() {
	n.mu.Lock()
	n.dir.users--
	n.mu.Unlock()
}

// pin keeps n's descriptor open for as long as the kernel knows n, or ends that.
func (n *localNode) pin(on bool) {
	if _, errno := n.acquire(); errno != 0 {
		return
	}
	n.mu.Lock()
	n.dir.users--
	n.dir.pinned = on
	n.mu.Unlock()
}

// forgetDir closes n's descriptor and tells the watcher; n opens it again should
// it be used once more.
func (n *localNode) forgetDir() {
	if !n.IsDir() {
		return
	}
	n.tree.watch.remove(n)
	n.mu.Lock()
	fd := n.dir.fd
	if n.dir.users > 0 || n == n.tree.root {
		fd = -1
	} else {
		n.dir.fd = -1
	}
	n.mu.Unlock()
	if fd >= 0 {
		n.tree.dirs.drop(n)
		unix.Close(fd)
	}
}

func (c *dirCache) add(n *localNode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ring) >= c.limit {
		for range 2 * len(c.ring) {
			c.hand = (c.hand + 1) % len(c.ring)
			if c.ring[c.hand].evict() {
				n.dir.slot = c.hand
				c.ring[c.hand] = n
				return
			}
		}
	}
	n.dir.slot = len(c.ring)
	c.ring = append(c.ring, n)
}

// sweep closes the directories of other file systems than root's that nobody has used
// since the last sweep, or all that are not in use: an open directory would keep its
// file system from being unmounted.
func (c *dirCache) sweep(root *device, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.ring) - 1; i >= 0; i-- {
		n := c.ring[i]
		if n.dev == root {
			continue
		}
		if all {
			n.dir.recent.Store(false)
		}
		if n.evict() {
			c.remove(n)
		}
	}
}

func (c *dirCache) drop(n *localNode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(n)
}

func (c *dirCache) remove(n *localNode) {
	i, last := n.dir.slot, len(c.ring)-1
	if i > last || c.ring[i] != n {
		return
	}
	c.ring[i] = c.ring[last]
	c.ring[i].dir.slot = i
	c.ring[last] = nil
	c.ring = c.ring[:last]
}

// evict closes n's descriptor if nobody used it since the last pass.
func (n *localNode) evict() bool {
	if n.dir.recent.Swap(false) {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dir.users > 0 || n.dir.pinned {
		return false
	}
	if n.dir.fd >= 0 {
		unix.Close(n.dir.fd)
		n.dir.fd = -1
	}
	return true
}

// closeAll closes every directory; the tree is served no more.
func (c *dirCache) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.ring {
		n.mu.Lock()
		if n.dir.fd >= 0 {
			unix.Close(n.dir.fd)
			n.dir.fd = -1
		}
		n.mu.Unlock()
	}
	c.ring = nil
}
