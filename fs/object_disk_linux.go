package fs

import (
	"os"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"
)

// passObject is an open object all of which lies in the cache on disk: the kernel
// reads it from there by itself.
type passObject struct {
	*objectFile
	file *os.File // closed with the handle
}

// PassthroughFd gives the descriptor to register with the kernel.
func (f passObject) PassthroughFd() (int, bool) { return int(f.file.Fd()), true }

var _ fusefs.FilePassthroughFder = passObject{}

// handOver lets the kernel read a handle by itself, where the cache on disk has all of
// its object. The kernel wants that of all handles of an inode, or of none. So it is
// for who is the first; and who comes later and cannot have it, above all to write,
// finds another inode under the name (overtake). Those who read go on to read the
// version that they opened.
func (f *objectFile) handOver() (fusefs.FileHandle, syscall.Errno) {
	o := f.obj
	disk := f.onDisk()
	o.mu.Lock()
	may, must := o.staged == nil && (o.passing > 0 || o.handles == 1), o.passing > 0
	if disk != nil && may {
		o.passing++
		f.disk = disk
		o.mu.Unlock()
		return passObject{f, disk}, 0
	}
	o.mu.Unlock()
	if disk != nil {
		disk.Close()
	}
	if must {
		return nil, o.overtake()
	}
	return f, 0
}

// onDisk opens what the cache on disk has of a handle that only reads, if the kernel
// can read it by itself.
func (f *objectFile) onDisk() *os.File {
	if f.writes || f.reader == nil {
		return nil
	}
	o := f.obj
	o.mu.Lock()
	file, same := o.file(), o.staged == nil && !o.gone
	o.mu.Unlock()
	if !same || file.Size == 0 {
		return nil
	}
	disk, ok := f.node.store.tree.cache.OpenDisk(file)
	if !ok {
		return nil
	}
	local := f.node.store.tree.local
	var st unix.Statx_t
	if statxFd(int(disk.Fd()), &st) == 0 && local.devices.get(local, statxDev(&st)).passthrough(local, int(disk.Fd())) {
		return disk
	}
	disk.Close()
	return nil
}

// leave ends the passing through of a handle that is closed.
func (f *objectFile) leave() {
	if f.disk == nil {
		return
	}
	f.disk.Close()
	f.obj.mu.Lock()
	defer f.obj.mu.Unlock()
	f.obj.passing--
}
