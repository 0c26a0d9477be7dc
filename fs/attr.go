package fs

import (
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// owner is what nodes without a POSIX owner of their own show.
type owner struct {
	uid, gid, umask uint32
}

func newOwner(cfg *Config) owner {
	o := owner{uint32(os.Getuid()), uint32(os.Getgid()), 0o022}
	if cfg.UID != nil {
		o.uid = *cfg.UID
	}
	if cfg.GID != nil {
		o.gid = *cfg.GID
	}
	if cfg.Umask != nil {
		o.umask = *cfg.Umask
	}
	return o
}

// blockSize is what stat(2) recommends for reading cloud files. Larger ones would
// make programs that buffer by it fetch more than they want.
const blockSize = 128 << 10

// dirAttr describes a directory that is nowhere on a disk.
func (t *tree) dirAttr(a *fuse.Attr, mode uint32, mtime time.Time) {
	a.Mode = syscall.S_IFDIR | mode&^t.owner.umask
	a.Nlink = 1 // "not counted", as on btrfs: find(1) then looks by itself
	a.Size = 4096
	t.common(a, mtime)
}

func (t *tree) common(a *fuse.Attr, mtime time.Time) {
	if mtime.IsZero() {
		mtime = t.started
	}
	a.Uid, a.Gid = t.owner.uid, t.owner.gid
	a.Blksize = blockSize
	a.Blocks = (a.Size + 511) / 512
	sec, nsec := uint64(mtime.Unix()), uint32(mtime.Nanosecond())
	a.Mtime, a.Mtimensec = sec, nsec
	a.Ctime, a.Ctimensec = sec, nsec
	a.Atime, a.Atimensec = sec, nsec
}

// uriAttr is an extended attribute of every node: the SdPath of what it shows.
const uriAttr = "user.sd.uri"

// answerXattr gives a value in the form of getxattr(2): no room at all asks for
// the size.
func answerXattr(value string, dest []byte) (uint32, syscall.Errno) {
	if len(dest) < len(value) {
		if len(dest) == 0 {
			return uint32(len(value)), 0
		}
		return uint32(len(value)), syscall.ERANGE
	}
	return uint32(copy(dest, value)), 0
}

// noAttr says that there is no such extended attribute.
const noAttr = syscall.Errno(fuse.ENOATTR)
