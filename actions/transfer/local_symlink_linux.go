package transfer

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/actions/stores"
)

// link copies a symbolic link: the text as it is.
func (c *localCopy) link(ctx context.Context) (r Result, err error) {
	e := &c.task.Source
	fd, err := openAt(unix.AT_FDCWD, e.Name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return r, c.task.onSource(stores.LocalError("open", e.Name, err))
	}
	defer unix.Close(fd)
	if err := unix.Fstat(fd, &c.was); err != nil {
		return r, stores.LocalError("stat", e.Name, err)
	}
	if err := c.task.same(versionOf(&c.was)); err != nil {
		return r, err
	}
	if c.was.Mode&unix.S_IFMT != unix.S_IFLNK {
		return r, &ChangedError{Side: Source, Name: e.Name, Was: e.Version}
	}
	if c.text, err = readLinkAt(fd, ""); err != nil {
		return r, stores.LocalError("readlink", e.Name, err)
	}
	c.in, c.out, c.part = -1, -1, hidden(c.task)
	err = unix.Symlinkat(c.text, c.at.fd, c.part)
	if err == unix.EEXIST { // of an earlier try
		if err = unix.Unlinkat(c.at.fd, c.part, 0); err == nil {
			err = unix.Symlinkat(c.text, c.at.fd, c.part)
		}
	}
	if err != nil {
		return r, c.refused(err)
	}
	lost := c.dressLink()
	there, err := c.install(ctx)
	if err != nil || there {
		c.leave(false)
	}
	if err != nil {
		return r, err
	}
	r = Result{Method: steps.LocalCopy, Lost: lost}
	if there {
		r = Result{Method: steps.Skip}
	}
	r.Entry, err = c.task.To.Stat(ctx, c.task.Name)
	return r, err
}

// dressLink gives the new link the attributes of the old one: a link has no mode of its own, and
// only the system's extended attributes.
func (c *localCopy) dressLink() (lost []string) {
	if c.task.Omit&Owner == 0 {
		var now unix.Stat_t
		if unix.Fstatat(c.at.fd, c.part, &now, unix.AT_SYMLINK_NOFOLLOW) != nil || now.Uid != c.was.Uid || now.Gid != c.was.Gid {
			if unix.Fchownat(c.at.fd, c.part, int(c.was.Uid), int(c.was.Gid), unix.AT_SYMLINK_NOFOLLOW) != nil {
				lost = append(lost, LostOwner)
			}
		}
	}
	if c.task.Omit&Xattrs == 0 {
		var room [512]byte
		n, err := unix.Llistxattr(c.task.Source.Name, room[:])
		if err == nil && n > 0 {
			for name := range strings.SplitSeq(strings.TrimSuffix(string(room[:n]), "\x00"), "\x00") {
				if err := c.linkXattr(name); err != nil {
					lost = loseXattr(lost, name)
				}
			}
		}
	}
	if c.task.Omit&Times == 0 {
		times := []unix.Timespec{c.was.Atim, c.was.Mtim}
		if unix.UtimesNanoAt(c.at.fd, c.part, times, unix.AT_SYMLINK_NOFOLLOW) != nil {
			lost = append(lost, LostTimes)
		}
	}
	return lost
}

func (c *localCopy) linkXattr(name string) error {
	value := make([]byte, 64<<10)
	n, err := unix.Lgetxattr(c.task.Source.Name, name, value)
	if err != nil {
		return err
	}
	return unix.Lsetxattr(procPath(c.at.fd)+"/"+c.part, name, value[:n], 0)
}

// readLinkAt returns the text of a link, of any length.
func readLinkAt(dir int, name string) (string, error) {
	for room := 256; ; room *= 4 {
		text := make([]byte, room)
		n, err := unix.Readlinkat(dir, name, text)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return "", err
		}
		if n < room {
			return string(text[:n]), nil
		}
	}
}
