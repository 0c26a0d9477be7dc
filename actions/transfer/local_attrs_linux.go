package transfer

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	setID     = unix.S_ISUID | unix.S_ISGID
	listACL   = "system.posix_acl_access"
	aclPrefix = "system."
)

// dress gives the new file the attributes of the source that the Task does not omit, and tells
// which could not be given. Owner comes first, for a change of it takes set-id bits and
// capabilities away; the mode after the extended attributes, which may need the right to
// write; times last.
func (c *localCopy) dress() (lost []string) {
	uid, gid := c.made.Uid, c.made.Gid
	if c.task.Omit&Owner == 0 && (uid != c.was.Uid || gid != c.was.Gid) {
		if unix.Fchown(c.out, int(c.was.Uid), int(c.was.Gid)) == nil {
			uid, gid = c.was.Uid, c.was.Gid
		} else {
			lost = append(lost, LostOwner)
			if unix.Fchown(c.out, -1, int(c.was.Gid)) == nil {
				gid = c.was.Gid
			}
		}
	}
	if c.task.Omit&Xattrs == 0 {
		lost = c.xattrs(lost)
	}
	lost = c.mode(lost, uid == c.was.Uid && gid == c.was.Gid)
	if c.task.Omit&Times == 0 {
		if setTimes(c.out, &[2]unix.Timespec{c.was.Atim, c.was.Mtim}) != nil {
			lost = append(lost, LostTimes)
		}
	}
	return lost
}

// mode sets the permissions; set-id bits only for the owner that they were made for.
func (c *localCopy) mode(lost []string, owned bool) []string {
	if c.task.Omit&Mode != 0 {
		return lost // they are those that any new file gets
	}
	want := c.was.Mode & 0o7777
	if !owned && want&setID != 0 {
		want &^= setID
		lost = append(lost, LostMode)
	}
	if want != c.made.Mode&0o7777 && unix.Fchmod(c.out, want) != nil {
		lost = append(lost, LostMode)
	}
	return lost
}

// xattrs copies the extended attributes, access lists among them.
func (c *localCopy) xattrs(lost []string) []string {
	var room [512]byte
	names, err := listXattrs(c.in, room[:])
	if err != nil {
		return lost // a file system without any
	}
	acl := false
	for name := range strings.SplitSeq(names, "\x00") {
		if name == "" || strings.HasPrefix(name, "user.sd.") { // what a mount of sd makes up
			continue
		}
		acl = acl || name == listACL
		value, err := xattr(c.in, name)
		if err == nil {
			err = unix.Fsetxattr(c.out, name, value, 0)
		}
		if err != nil {
			lost = loseXattr(lost, name)
		}
	}
	if c.at.acl && !acl { // it has inherited one that the source does not have
		_ = unix.Fremovexattr(c.out, listACL)
		if unix.Fstat(c.out, &c.made) != nil {
			c.made.Mode = 0
		}
	}
	return lost
}

// loseXattr notes that an attribute was lost. The labels that a system gives to files by rules of
// its own are not the user's to lose.
func loseXattr(lost []string, name string) []string {
	code := LostXattrs
	switch {
	case name == "security.selinux", name == "security.ima", name == "security.evm":
		return lost
	case strings.HasPrefix(name, aclPrefix):
		code = LostACL
	}
	if slices.Contains(lost, code) {
		return lost
	}
	return append(lost, code)
}

// listXattrs returns names with a 0 behind each, in room if they fit.
func listXattrs(fd int, room []byte) (string, error) {
	for {
		n, err := unix.Flistxattr(fd, room)
		if err == unix.ERANGE && len(room) < 64<<10 {
			room = make([]byte, 64<<10)
			continue
		}
		if err != nil {
			return "", err
		}
		return string(room[:n]), nil
	}
}

func xattr(fd int, name string) ([]byte, error) {
	var room [256]byte
	n, err := unix.Fgetxattr(fd, name, room[:])
	if err != unix.ERANGE {
		return bytes.Clone(room[:max(n, 0)]), err
	}
	value := make([]byte, 64<<10)
	n, err = unix.Fgetxattr(fd, name, value)
	return value[:max(n, 0)], err
}
