package fs

import (
	"context"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// callerOf gives who made the request that ctx belongs to; the zero Caller where
// ctx is not a request's.
func callerOf(ctx context.Context) fuse.Caller {
	if c, ok := fuse.FromContext(ctx); ok {
		return *c
	}
	return fuse.Caller{}
}

// umaskShift is where CREATE, MKDIR and MKNOD carry the umask in the mode (see raw):
// above the bits that a mode has.
const umaskShift = 16

// splitMode gives the mode that the caller asked for, and his umask.
func splitMode(mode uint32) (asked, umask uint32) {
	return mode & (1<<umaskShift - 1), mode >> umaskShift
}

// aclKillsSetgid in the flags of SETXATTR: setting the ACL takes the set-group-ID bit
// away, as chmod(2) by somebody outside the group would (see raw).
const aclKillsSetgid = 1 << 16

// writeFlagsOf gives the flags of a WRITE, and O_APPEND if the file is being appended
// to at this moment (see raw).
func writeFlagsOf(ctx context.Context) uint32 { return callerOf(ctx).Pid }

// lockOwnerOf gives the lock owner of a FLUSH (see raw).
func lockOwnerOf(ctx context.Context) uint64 {
	c := callerOf(ctx)
	return uint64(c.Gid)<<32 | uint64(c.Uid)
}
