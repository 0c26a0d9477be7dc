package transfer

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
	"sd/backends"
)

// errNoName says that a file without a name cannot be given one here.
var errNoName = errors.New("a file without a name gets none")

// install gives the complete new file the target's name, as the Task allows. Where the very file
// is there already, made by an earlier try that a kill has cut off, there says so and nothing
// was done.
func (c *localCopy) install(ctx context.Context) (there bool, err error) {
	if !c.task.Absent {
		if c.part == "" {
			if err := c.giveName(hidden(c.task), true); err != nil {
				return false, err
			}
			c.part = hidden(c.task)
		}
		return c.replace(ctx)
	}
	if c.part == "" {
		err = c.giveName(c.base, false)
	} else if err = renameAbsentAt(c.at.fd, c.part, c.at.fd, c.base); err != nil && err != unix.EEXIST {
		err = c.refused(err)
	}
	if err == unix.EEXIST {
		return c.met(ctx)
	}
	return false, err
}

// giveName links the file that has no name; EEXIST if the name is taken. What an earlier try has
// left under a hidden name is removed.
func (c *localCopy) giveName(name string, isHidden bool) error {
	for again := false; ; again = true {
		err := unix.Linkat(c.out, "", c.at.fd, name, unix.AT_EMPTY_PATH)
		if err == unix.ENOENT || err == unix.EPERM { // who is not root may do it only this way
			err = unix.Linkat(unix.AT_FDCWD, procPath(c.out), c.at.fd, name, unix.AT_SYMLINK_FOLLOW)
		}
		switch {
		case err == unix.EEXIST && isHidden && !again:
			if err := unix.Unlinkat(c.at.fd, name, 0); err != nil && err != unix.ENOENT {
				return c.refused(err)
			}
			continue
		case err == nil || err == unix.EEXIST:
			return err
		case err == unix.ENOENT:
			if gone := c.refused(err); errors.As(gone, new(*folderGone)) {
				return gone
			}
			return errNoName // there is no /proc
		case without(err):
			return errNoName
		}
		return c.refused(err)
	}
}

// met decides what is to be said of a target that is not what the Task says: it is there
// already if it is what this copy was to make.
func (c *localCopy) met(ctx context.Context) (there bool, err error) {
	var now unix.Stat_t
	if err := unix.Fstatat(c.at.fd, c.base, &now, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, &ChangedError{Side: Target, Name: c.task.Name, Was: c.task.Over, Err: stores.LocalError("stat", c.task.Name, err)}
	}
	if c.copied(ctx, &now) {
		err := settleSwap(c.task, c.at, c.base)
		return err == nil, err
	}
	changed := &ChangedError{Side: Target, Name: c.task.Name, Was: c.task.Over, Is: versionOf(&now)}
	if c.task.Absent {
		changed.Err = unix.EEXIST
	}
	return false, changed
}

// copied tells whether the file at the target has the source's bytes and time.
func (c *localCopy) copied(ctx context.Context, now *unix.Stat_t) bool {
	if now.Mode&unix.S_IFMT != c.was.Mode&unix.S_IFMT || now.Size != c.was.Size {
		return false
	}
	if c.task.Omit&Times == 0 && now.Mtim != c.was.Mtim {
		return false
	}
	if now.Mode&unix.S_IFMT == unix.S_IFLNK {
		text, err := readLinkAt(c.at.fd, c.base)
		return err == nil && text == c.text
	}
	fd, err := openAt(c.at.fd, c.base, unix.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return sameBytes(ctx, c.in, fd, c.was.Size)
}

// look sees, before a large file is copied, whether the target is what the Task says, or
// is there already.
func (c *localCopy) look(ctx context.Context) (e stores.Entry, there bool, err error) {
	if !c.task.Absent && c.task.Over == "" {
		return e, false, nil
	}
	var now unix.Stat_t
	err = unix.Fstatat(c.at.fd, c.base, &now, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == unix.ENOENT && c.task.Absent:
		return e, false, nil
	case err == nil && c.task.Over != "" && stores.SameVersion(c.task.Over, versionOf(&now)):
		return e, false, nil
	}
	if there, err = c.met(ctx); there {
		unix.Unlinkat(c.at.fd, hidden(c.task), 0)
		e, err = c.task.To.Stat(ctx, c.task.Name)
	}
	return e, there, err
}

// replace puts the hidden file in the place of what is there. What is there changes places with
// it, is looked at once more, and only then removed: a file that somebody put there in the
// last instant comes back, also where a kill comes between (see settleSwap). Where the file
// system cannot exchange two names, that instant is a risk.
func (c *localCopy) replace(ctx context.Context) (there bool, err error) {
	// As after a rename over a file, the bytes are on their way to the disk before the old ones go.
	if c.out >= 0 {
		_ = unix.SyncFileRange(c.out, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	}
	if c.task.Over == "" {
		return false, c.over(unix.Renameat(c.at.fd, c.part, c.at.fd, c.base))
	}
	var now unix.Stat_t
	err = unix.Fstatat(c.at.fd, c.base, &now, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || !stores.SameVersion(c.task.Over, versionOf(&now)) {
		return c.met(ctx)
	}
	if err := c.toSwap(); err != nil {
		return false, err
	}
	err = unix.Renameat2(c.at.fd, c.part, c.at.fd, c.base, unix.RENAME_EXCHANGE)
	if err != nil && without(err) {
		return false, c.over(unix.Renameat(c.at.fd, c.part, c.at.fd, c.base))
	}
	if err != nil {
		return false, c.over(err)
	}
	old := c.part
	c.part = "" // who leaves now must not take it for the new file
	var was unix.Stat_t
	if err := unix.Fstatat(c.at.fd, old, &was, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, c.refused(err)
	}
	if was.Ino != now.Ino || was.Size != now.Size || was.Mtim != now.Mtim {
		return false, putBack(c.task, c.at, c.base, &was)
	}
	return false, c.over(unix.Unlinkat(c.at.fd, old, 0))
}

// over puts an error of replacing into words.
func (c *localCopy) over(err error) error {
	switch err {
	case nil:
		return nil
	case unix.EISDIR, unix.ENOTEMPTY, unix.EEXIST:
		return stores.LocalError("replace", c.task.Name, backends.ErrIsDir)
	case unix.ENOENT:
		return c.task.onTarget(&ChangedError{Side: Target, Name: c.task.Name, Was: c.task.Over, Err: err})
	}
	return c.refused(err)
}

// renameAbsentAt renames, and is EEXIST where there is something of the new name.
func renameAbsentAt(from int, old string, to int, name string) error {
	err := unix.Renameat2(from, old, to, name, unix.RENAME_NOREPLACE)
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	// A file system that does not know how: a second name, and the first one goes.
	if err := unix.Linkat(from, old, to, name, 0); err == nil {
		return unix.Unlinkat(from, old, 0)
	} else if !without(err) {
		return err
	}
	// Nor that: an empty file keeps the place.
	fd, err := openAt(to, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW, ours)
	if err != nil {
		return err
	}
	unix.Close(fd)
	return unix.Renameat(from, old, to, name)
}
