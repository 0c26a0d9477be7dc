package watch

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

// crumb is a small file that lies in the library while a Watcher lives, locked by its
// process. One that nobody has locked is of a process that was killed, perhaps with changes
// of volumes that were not in the catalog yet.
type crumb struct {
	file *os.File
	old  []string // those of killed processes
	log  *slog.Logger
}

// dropCrumb leaves one, and tells whether there are old ones. Where the library's folder
// cannot be written, there are none, and nil will do.
func dropCrumb(library string, log *slog.Logger) (c *crumb, unclean bool) {
	dir := filepath.Join(library, "mounts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		log.Warn("whether this mount ends well cannot be noted", "err", err)
		return nil, false
	}
	c = &crumb{log: log}
	names, _ := filepath.Glob(filepath.Join(dir, "*.live"))
	for _, name := range names {
		if !locked(name) {
			c.old = append(c.old, name)
		}
	}
	f, err := os.CreateTemp(dir, "*.live")
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		log.Warn("whether this mount ends well cannot be noted", "err", err)
	}
	c.file = f
	return c, len(c.old) > 0
}

// locked tells whether a process has the file at name. One that was just made and is not
// locked yet is taken for an old one, which costs a look at the volumes and nothing else.
func locked(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return errors.Is(err, os.ErrNotExist) // its owner has just removed it
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// clean takes the crumb away; and the old ones, if what they stand for was made up for.
func (c *crumb) clean(caughtUp bool) {
	if c == nil {
		return
	}
	if c.file != nil {
		_ = os.Remove(c.file.Name())
		c.file.Close()
	}
	if !caughtUp {
		return
	}
	for _, name := range c.old {
		if !locked(name) {
			_ = os.Remove(name)
		}
	}
}

// leave ends the use of the crumb, which stays for the next mount to find.
func (c *crumb) leave() {
	if c != nil && c.file != nil {
		c.file.Close()
	}
}
