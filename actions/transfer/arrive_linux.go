package transfer

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
)

// What comes to a local folder from elsewhere is written to a file without a name, or to a hidden
// one beside the target, gets its attributes there, and then its name, in one step: as a copy
// between local folders does, whose means these are.

// arrival is the file that is written.
type arrival struct{ c localCopy }

// arrive calls fn with an arrival in the target's folder, once more if that was replaced
// meanwhile.
func (t *Transfers) arrive(task *Task, fn func(a *arrival) error) error {
	return t.with(task, func(at *folder, base string) error {
		return fn(&arrival{localCopy{t: t, task: task, at: at, base: base, in: -1, out: -1}})
	})
}

// create makes the file. Of a large one all the space is set aside, so that the disk is full now
// or not at all.
func (a *arrival) create(size int64) error {
	a.c.was.Mode, a.c.was.Size = unix.S_IFREG|ours, size
	if err := a.c.create(); err != nil {
		return err
	}
	a.c.in = a.c.out
	if size <= partUnit {
		return nil
	}
	if err := a.reserve(size); err != nil {
		a.leave(false)
		return a.c.refused(err)
	}
	return nil
}

func (a *arrival) reserve(size int64) error {
	var st unix.Statfs_t
	if unix.Fstatfs(a.c.out, &st) == nil && st.Type == unix.TMPFS_MAGIC { // it would write zeros
		return unix.Ftruncate(a.c.out, size)
	}
	err := unix.Fallocate(a.c.out, 0, 0, size)
	if err != nil && without(err) {
		return unix.Ftruncate(a.c.out, size)
	}
	return err
}

// resume opens the hidden file of an earlier try, if it is that: another file may have the inode
// number by now, but was made later.
func (a *arrival) resume(size int64, inode uint64, born int64) bool {
	if size < resumable || inode == 0 {
		return false
	}
	c := &a.c
	c.was.Mode, c.was.Size, c.part = unix.S_IFREG|ours, size, hidden(c.task)
	fd, err := openAt(c.at.fd, c.part, unix.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	if unix.Fstat(fd, &c.made) != nil || c.made.Ino != inode || birth(fd) != born || c.made.Mode&unix.S_IFMT != unix.S_IFREG || c.made.Size != size {
		unix.Close(fd)
		return false
	}
	c.in, c.out = fd, fd
	return true
}

// inode and born tell resume that the file is the same.
func (a *arrival) inode() uint64 { return a.c.made.Ino }
func (a *arrival) born() int64   { return birth(a.c.out) }

// writeAt writes all of p.
func (a *arrival) writeAt(p []byte, off int64) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(a.c.out, p, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return a.c.refused(err)
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// ReadAt reads at most as much as p holds.
func (a *arrival) ReadAt(p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(a.c.out, p, off)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, stores.LocalError("read", a.c.task.Name, err)
		case n < len(p):
			return n, io.EOF
		}
		return n, nil
	}
}

// copyFrom makes the file of another local one's bytes, by shared blocks where that goes.
func (a *arrival) copyFrom(ctx context.Context, f *localFile) error {
	c := &a.c
	if err := unix.Fstat(int(f.Fd()), &c.was); err != nil {
		return err
	}
	c.was.Mode = unix.S_IFREG | ours
	if err := c.create(); err != nil {
		return err
	}
	c.in = int(f.Fd())
	err := c.bytes(ctx)
	c.in = c.out
	if err == nil {
		err = f.check()
	}
	if err != nil {
		a.leave(false)
	}
	return err
}

// install gives the file the attributes of e and the target's name, and closes it. Where that
// fails it is removed, and nothing else has happened. Where an earlier try has made the target
// already, that is what is returned.
func (a *arrival) install(ctx context.Context, e *stores.Entry) (at stores.Entry, lost []string, err error) {
	c := &a.c
	lost = a.liken(e, c.dress)
	if e.Meta != nil && c.task.Omit&Xattrs == 0 && !setXattrs(c.out, e.Meta.Xattrs) {
		lost = append(lost, LostXattrs)
	}
	there, err := c.install(ctx)
	defer a.leave(false)
	if err != nil {
		return at, nil, err
	}
	local := c.task.To.(*stores.Local)
	if there {
		at, err = local.Stat(ctx, c.task.Name)
	} else {
		c.part = "" // it is the target now
		at, err = local.StatFD(c.out, c.task.Name)
	}
	return at, lost, err
}

// liken has dress give the attributes of e, as far as they are known; a mode that is not is that
// of any new file.
func (a *arrival) liken(e *stores.Entry, dress func() []string) []string {
	c := &a.c
	known := *c.task
	if !e.HasOwner {
		known.Omit |= Owner
	}
	t, err := unix.TimeToTimespec(e.ModTime)
	if e.ModTime.IsZero() || err != nil {
		known.Omit |= Times
	}
	mode := 0o666 &^ umask()
	if e.HasMode && known.Omit&Mode == 0 {
		mode = e.Mode & stores.Permissions
	}
	c.was.Uid, c.was.Gid, c.was.Atim, c.was.Mtim = e.UID, e.GID, t, t
	c.was.Mode = c.was.Mode&unix.S_IFMT | mode
	given := known
	given.Omit = given.Omit&^Mode | Xattrs // there is no other local file whose they could be
	c.task = &given
	lost := dress()
	c.task = &known
	return lost
}

// leave closes the file and removes it, unless another try will want it.
func (a *arrival) leave(wanted bool) {
	a.c.leave(wanted)
	if a.c.out >= 0 {
		unix.Close(a.c.out)
		a.c.out = -1
	}
}

// arriveBytes makes a file of bytes in memory.
func (t *Transfers) arriveBytes(ctx context.Context, task *Task, data []byte, e *stores.Entry) (at stores.Entry, lost []string, err error) {
	err = t.arrive(task, func(a *arrival) error {
		if err := a.create(int64(len(data))); err != nil {
			return err
		}
		if err := a.writeAt(data, 0); err != nil {
			a.leave(false)
			return err
		}
		at, lost, err = a.install(ctx, e)
		return err
	})
	return at, lost, err
}

// link makes a symbolic link of e's target.
func (t *Transfers) link(ctx context.Context, task *Task, e *stores.Entry) (at stores.Entry, lost []string, err error) {
	err = t.arrive(task, func(a *arrival) error {
		c := &a.c
		c.text, c.part, c.was.Mode = e.Link, hidden(task), unix.S_IFLNK
		err := unix.Symlinkat(c.text, c.at.fd, c.part)
		if err == unix.EEXIST { // of an earlier try
			if err = unix.Unlinkat(c.at.fd, c.part, 0); err == nil {
				err = unix.Symlinkat(c.text, c.at.fd, c.part)
			}
		}
		if err != nil {
			return c.refused(err)
		}
		lost = a.liken(e, c.dressLink)
		there, err := c.install(ctx)
		if err != nil || there {
			c.leave(false)
		}
		if err != nil {
			return err
		}
		at, err = task.To.Stat(ctx, task.Name)
		return err
	})
	return at, lost, err
}

// setXattrs tells whether the file got all; only those of the user are looked at, for an object
// may carry anything.
func setXattrs(fd int, xattrs map[string][]byte) bool {
	ok := true
	for name, value := range xattrs {
		if strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.sd.") {
			ok = unix.Fsetxattr(fd, name, value, 0) == nil && ok
		}
	}
	return ok
}

// umask is what new files of this process are not allowed. To ask the system for it would change
// it for an instant.
var umask = sync.OnceValue(func() uint32 {
	text, err := os.ReadFile("/proc/self/status")
	if err == nil {
		if _, rest, ok := strings.Cut(string(text), "\nUmask:"); ok {
			value, _, _ := strings.Cut(rest, "\n")
			if mask, err := strconv.ParseUint(strings.TrimSpace(value), 8, 32); err == nil {
				return uint32(mask)
			}
		}
	}
	return 0o022
})
