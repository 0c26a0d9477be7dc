package transfer

import (
	"fmt"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
)

// A new file that replaces another changes places with it under a name of its own: what lies
// there is the whole new file before that instant, and what was replaced after it. Which of the
// two a kill has left can be told, so that a file that somebody put there just then is not taken
// for what was to be replaced.

// swapped is the last segment of that name.
func swapped(task *Task) string { return ".sd-" + task.Unique + ".swap" }

// toSwap gives the hidden file that name.
func (c *localCopy) toSwap() error {
	for again := false; ; again = true {
		err := renameAbsentAt(c.at.fd, c.part, c.at.fd, swapped(c.task))
		if err == nil {
			c.part = swapped(c.task)
			return nil
		}
		if err != unix.EEXIST || again {
			return c.refused(err)
		}
		if err := settleSwap(c.task, c.at, c.base); err != nil { // of an earlier try
			return err
		}
	}
}

// settleSwap ends an exchange that a kill has cut off, in whichever half. What was to be replaced
// is removed, or the new file where that did not get its place. Another file is neither: it
// comes back, which is a *ChangedError.
func settleSwap(task *Task, at *folder, base string) error {
	if task.Over == "" {
		return nil
	}
	name := swapped(task)
	var there, now unix.Stat_t
	err := unix.Fstatat(at.fd, name, &there, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return stores.LocalError("stat", task.Name, err)
	}
	missing := unix.Fstatat(at.fd, base, &now, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case stores.SameFile(task.Over, versionOf(&there)),
		missing == nil && stores.SameFile(task.Over, versionOf(&now)),
		task.isLike(&there):
		return stores.LocalError("remove", task.Name, unix.Unlinkat(at.fd, name, 0))
	case missing == nil && task.isLike(&now):
		return putBack(task, at, base, &there)
	}
	return besides(name, &ChangedError{Side: Target, Name: task.Name, Was: task.Over, Is: versionOf(&there)})
}

// isLike tells whether a file has the kind, the size and the time of the source; false where the
// time is not known.
func (task *Task) isLike(st *unix.Stat_t) bool {
	e := &task.Source
	switch {
	case e.Kind == stores.Symlink:
		return st.Mode&unix.S_IFMT == unix.S_IFLNK && !e.ModTime.IsZero() && st.Mtim.Nano() == e.ModTime.UnixNano()
	case e.ModTime.IsZero() || task.Omit&Times != 0:
		return false
	}
	return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == e.Size && st.Mtim.Nano() == e.ModTime.UnixNano()
}

// besides tells of a file that could not get back.
func besides(name string, changed *ChangedError) error {
	return fmt.Errorf("a file that was in its place lies beside it as %q: %w", name, changed)
}

// putBack gives a file that was in the target's place that place again, and removes the new one.
func putBack(task *Task, at *folder, base string, old *unix.Stat_t) error {
	name := swapped(task)
	changed := &ChangedError{Side: Target, Name: task.Name, Was: task.Over, Is: versionOf(old)}
	if err := unix.Renameat2(at.fd, name, at.fd, base, unix.RENAME_EXCHANGE); err != nil {
		changed.Err = err
		return besides(name, changed)
	}
	if err := unix.Unlinkat(at.fd, name, 0); err != nil {
		return stores.LocalError("remove", task.Name, err)
	}
	return changed
}
