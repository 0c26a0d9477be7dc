package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// renaming is Task.Saved of a folder that is renamed: which folder it is.
type renaming struct {
	Folder uint64 // inode number
	Dev    uint64
}

// renameLocal is Rename.
func (t *Transfers) renameLocal(ctx context.Context, task *Task, st *stores.Local) (r Result, err error) {
	if err := ctx.Err(); err != nil {
		return r, context.Cause(ctx)
	}
	err = t.with(task, func(at *folder, base string) error {
		c := localCopy{t: t, task: task, at: at, base: base, in: -1, out: -1}
		return c.rename()
	})
	if err != nil {
		return r, err
	}
	r.Method = steps.Rename
	r.Entry, err = st.Stat(ctx, task.Name)
	return r, err
}

func (c *localCopy) rename() error {
	e := &c.task.Source
	if err := unix.Lstat(e.Name, &c.was); err != nil {
		if err == unix.ENOENT && c.arrived() {
			return nil
		}
		return c.task.onSource(stores.LocalError("rename", e.Name, err))
	}
	isDir := c.was.Mode&unix.S_IFMT == unix.S_IFDIR
	if err := c.task.same(versionOf(&c.was)); !isDir && err != nil {
		if c.arrived() { // an earlier try has exchanged the two: what is here now is what was replaced
			return c.removeOld()
		}
		return err
	}
	if isDir != (e.Kind == stores.Dir) {
		return &ChangedError{Side: Source, Name: e.Name, Was: e.Version}
	}
	if isDir && c.task.Save != nil {
		text, err := json.Marshal(renaming{c.was.Ino, uint64(c.was.Dev)})
		if err == nil {
			err = c.task.Save(text)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case c.task.Absent || isDir:
		return c.renamed(c.renameAbsent(isDir))
	case c.task.Over == "":
		return c.renamed(unix.Renameat(unix.AT_FDCWD, e.Name, c.at.fd, c.base))
	}
	var now unix.Stat_t
	if err := unix.Fstatat(c.at.fd, c.base, &now, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return c.renamed(err)
	}
	if is := versionOf(&now); !stores.SameVersion(c.task.Over, is) {
		return &ChangedError{Side: Target, Name: c.task.Name, Was: c.task.Over, Is: is}
	}
	err := unix.Renameat2(unix.AT_FDCWD, e.Name, c.at.fd, c.base, unix.RENAME_EXCHANGE)
	if err != nil && err != unix.EXDEV && without(err) {
		return c.renamed(unix.Renameat(unix.AT_FDCWD, e.Name, c.at.fd, c.base))
	}
	if err != nil {
		return c.renamed(err)
	}
	var old unix.Stat_t
	if err := unix.Lstat(e.Name, &old); err != nil {
		return stores.LocalError("rename", e.Name, err)
	}
	if old.Ino != now.Ino || old.Size != now.Size || old.Mtim != now.Mtim { // put there in the last instant
		if err := unix.Renameat2(unix.AT_FDCWD, e.Name, c.at.fd, c.base, unix.RENAME_EXCHANGE); err != nil {
			return stores.LocalError("rename", e.Name, err)
		}
		return &ChangedError{Side: Target, Name: c.task.Name, Was: c.task.Over, Is: versionOf(&old)}
	}
	return stores.LocalError("remove", e.Name, unix.Unlink(e.Name))
}

// removeOld ends an exchange: the old name still has the file that was replaced.
func (c *localCopy) removeOld() error {
	e := &c.task.Source
	if c.task.Over == "" || !stores.SameFile(c.task.Over, versionOf(&c.was)) {
		return &ChangedError{Side: Source, Name: e.Name, Was: e.Version, Is: versionOf(&c.was)}
	}
	return stores.LocalError("remove", e.Name, unix.Unlink(e.Name))
}

// renameAbsent renames where nothing may be replaced.
func (c *localCopy) renameAbsent(isDir bool) error {
	if !isDir {
		return renameAbsentAt(unix.AT_FDCWD, c.task.Source.Name, c.at.fd, c.base)
	}
	err := unix.Renameat2(unix.AT_FDCWD, c.task.Source.Name, c.at.fd, c.base, unix.RENAME_NOREPLACE)
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	// A file system that does not know how; or the folder was to go into itself, which is EINVAL
	// again. Only an empty folder, made in this instant, could be replaced.
	var now unix.Stat_t
	if err := unix.Fstatat(c.at.fd, c.base, &now, unix.AT_SYMLINK_NOFOLLOW); err != unix.ENOENT {
		return unix.EEXIST
	}
	return unix.Renameat(unix.AT_FDCWD, c.task.Source.Name, c.at.fd, c.base)
}

// arrived tells whether the target is the source: an earlier try has got so far.
func (c *localCopy) arrived() bool {
	var now unix.Stat_t
	if unix.Fstatat(c.at.fd, c.base, &now, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return false
	}
	if now.Mode&unix.S_IFMT != unix.S_IFDIR {
		v := c.task.Source.Version
		return v != "" && stores.SameFile(v, versionOf(&now))
	}
	var was renaming
	return len(c.task.Saved) > 0 && json.Unmarshal(c.task.Saved, &was) == nil &&
		was == renaming{now.Ino, uint64(now.Dev)}
}

// renamed puts an error of rename or link into words.
func (c *localCopy) renamed(err error) error {
	switch err {
	case nil:
		return nil
	case unix.EXDEV, unix.EMLINK, unix.EOPNOTSUPP:
		return c.task.unable("rename")
	case unix.EEXIST:
		return c.task.onTarget(stores.LocalError("rename", c.task.Name, err))
	case unix.EISDIR, unix.ENOTEMPTY, unix.ENOTDIR:
		return stores.LocalError("replace", c.task.Name, backends.ErrIsDir)
	case unix.EBUSY:
		return stores.LocalError("rename", c.task.Source.Name, fmt.Errorf("%w: something is mounted there", err))
	case unix.ENOENT: // of the source, or of what was to be replaced
		if unix.Lstat(c.task.Source.Name, &c.was) != nil {
			return c.task.onSource(stores.LocalError("rename", c.task.Source.Name, err))
		}
		if c.task.Over != "" {
			return &ChangedError{Side: Target, Name: c.task.Name, Was: c.task.Over, Err: err}
		}
	}
	return c.refused(err)
}

// linkLocal is Link.
func (t *Transfers) linkLocal(ctx context.Context, task *Task, st *stores.Local) (r Result, err error) {
	if err := ctx.Err(); err != nil {
		return r, context.Cause(ctx)
	}
	err = t.with(task, func(at *folder, base string) error {
		c := localCopy{t: t, task: task, at: at, base: base, in: -1, out: -1}
		return c.hardLink(ctx)
	})
	if err != nil {
		return r, err
	}
	r.Method = steps.Clone
	r.Entry, err = st.Stat(ctx, task.Name)
	return r, err
}

func (c *localCopy) hardLink(ctx context.Context) error {
	e := &c.task.Source
	if err := unix.Lstat(e.Name, &c.was); err != nil {
		return c.task.onSource(stores.LocalError("link", e.Name, err))
	}
	if err := c.task.same(versionOf(&c.was)); err != nil && !stores.SameFile(e.Version, versionOf(&c.was)) {
		return err
	}
	var now unix.Stat_t
	if unix.Fstatat(c.at.fd, c.base, &now, unix.AT_SYMLINK_NOFOLLOW) == nil && now.Ino == c.was.Ino && now.Dev == c.was.Dev {
		return nil // it is one already
	}
	if c.task.Absent {
		err := unix.Linkat(unix.AT_FDCWD, e.Name, c.at.fd, c.base, 0)
		if err == unix.EPERM && c.was.Mode&unix.S_IFMT == unix.S_IFREG {
			err = unix.EOPNOTSUPP // no links at all, or not to this file
		}
		return c.renamed(err)
	}
	c.part = hidden(c.task)
	_ = unix.Unlinkat(c.at.fd, c.part, 0) // of an earlier try
	if err := unix.Linkat(unix.AT_FDCWD, e.Name, c.at.fd, c.part, 0); err != nil {
		return c.renamed(err)
	}
	_, err := c.replace(ctx)
	if err != nil {
		c.leave(false)
	}
	return err
}

// cleanLocal is Clean: what an unfinished copy has left beside the target.
func (t *Transfers) cleanLocal(task *Task) error {
	var swap error
	err := t.with(task, func(at *folder, base string) error {
		swap = settleSwap(task, at, base)
		return stores.LocalError("remove", task.Name, unix.Unlinkat(at.fd, hidden(task), 0))
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, backends.ErrNotDir) || errors.As(err, new(*ChangedError)) {
		err = nil // the folder leads elsewhere by now: nothing of ours is there
	}
	return errors.Join(swap, err)
}
