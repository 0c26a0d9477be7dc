//go:build unix && !linux

package transfer

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
)

// dress gives a new file the attributes of e that the Task does not omit, and tells which could
// not be given. The file is open as fd, or a link if fd is negative, and called name. Owner comes
// first, for a change of it takes set-id bits away, and times last.
func (task *Task) dress(fd int, name string, e *stores.Entry) (lost []string) {
	if e.HasOwner && task.Omit&Owner == 0 {
		var now unix.Stat_t
		if unix.Lstat(name, &now) != nil || now.Uid != e.UID || now.Gid != e.GID {
			if unix.Lchown(name, int(e.UID), int(e.GID)) != nil {
				lost = append(lost, LostOwner)
			}
		}
	}
	if fd >= 0 {
		mode := uint32(usual)
		if e.HasMode && task.Omit&Mode == 0 {
			mode = e.Mode & stores.Permissions
			if len(lost) > 0 {
				mode &^= unix.S_ISUID | unix.S_ISGID // not for another owner
			}
		}
		if unix.Fchmod(fd, mode) != nil {
			lost = append(lost, LostMode)
		}
		if e.Meta != nil && task.Omit&Xattrs == 0 && !setXattrs(fd, e.Meta.Xattrs) {
			lost = append(lost, LostXattrs)
		}
	}
	if !e.ModTime.IsZero() && task.Omit&Times == 0 {
		t, err := unix.TimeToTimespec(e.ModTime)
		if err == nil {
			err = unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
		}
		if err != nil {
			lost = append(lost, LostTimes)
		}
	}
	return lost
}

// setXattrs tells whether the file got all; only those of the user are looked at, for an object
// may carry anything.
func setXattrs(fd int, xattrs map[string][]byte) bool {
	ok := true
	for _, name := range slices.Sorted(maps.Keys(xattrs)) {
		if strings.HasPrefix(name, "user.") {
			ok = unix.Fsetxattr(fd, name, xattrs[name], 0) == nil && ok
		}
	}
	return ok
}

// usual is the mode of a file of which nobody told one.
const usual = 0o644
