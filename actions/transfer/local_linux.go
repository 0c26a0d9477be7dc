package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/actions/stores"
)

// A local file is copied to a file without a name, which gets its attributes and then its name:
// a kill leaves nothing. Large files are written under a hidden name, where the next try finds
// them.

const (
	// resumable is the size from which on a file that is half copied is worth going on with.
	resumable = 64 << 20
	// lookFirst is the size from which on the target is looked at before the copy, and not only
	// when it gets its name.
	lookFirst = 1 << 20
	// ours is what the owner may do with a file that is being written, whatever its mode will be.
	ours = 0o600
)

// copyLocal copies a file or a link between local folders.
func (t *Transfers) copyLocal(ctx context.Context, task *Task) (r Result, err error) {
	if err := ctx.Err(); err != nil {
		return r, context.Cause(ctx)
	}
	err = t.with(task, func(at *folder, base string) error {
		c := localCopy{t: t, task: task, at: at, base: base}
		if task.Source.Kind == stores.Symlink {
			r, err = c.link(ctx)
			return err
		}
		if err := c.open(ctx); err != nil {
			return err
		}
		defer unix.Close(c.in)
		r, err = c.run(ctx)
		return err
	})
	return r, err
}

// localCopy is one file on its way.
type localCopy struct {
	t    *Transfers
	task *Task
	at   *folder // where the target will be
	base string  // its name there

	in   int         // the source
	was  unix.Stat_t // as it was opened
	out  int         // the new file
	made unix.Stat_t // as it was made
	text string      // of a link
	part string      // its name in at until it has the right one; "" is none

	done    int64 // bytes that are in out
	through int64 // of which this process has read and written
	method  steps.Method
}

// open opens the source and sees that it is what the Task says. A file that was changed an instant
// ago is waited for, for a further change in the same instant could not be seen.
func (c *localCopy) open(ctx context.Context) (err error) {
	e := &c.task.Source
	if c.in, err = openQuietly(e.Name); err != nil {
		if errors.Is(err, unix.ELOOP) {
			err = &ChangedError{Side: Source, Name: e.Name, Was: e.Version, Err: err}
		}
		return c.task.onSource(stores.LocalError("open", e.Name, err))
	}
	for {
		if err = unix.Fstat(c.in, &c.was); err != nil {
			break
		}
		if err = c.task.same(versionOf(&c.was)); err != nil {
			break
		}
		if c.was.Mode&unix.S_IFMT != unix.S_IFREG {
			err = &ChangedError{Side: Source, Name: e.Name, Was: e.Version}
			break
		}
		now := stores.Entry{Changed: c.was.Ctim.Nano()}
		if !stores.Unsettled(&now, time.Now()) {
			return nil
		}
		if err = pause(ctx, 2*time.Millisecond); err != nil {
			break
		}
	}
	unix.Close(c.in)
	return err
}

// run copies, a second time under a hidden name where the file system has made a file without a
// name and then gives it none.
func (c *localCopy) run(ctx context.Context) (Result, error) {
	if c.was.Size >= lookFirst {
		if e, ok, err := c.look(ctx); ok || err != nil {
			return Result{Entry: e, Method: steps.Skip}, err
		}
	}
	r, err := c.try(ctx)
	if errors.Is(err, errNoName) {
		c.at.disk.cannotName()
		c.task.progress(-c.done)
		c.done, c.through = 0, 0
		r, err = c.try(ctx)
	}
	return r, err
}

func (c *localCopy) try(ctx context.Context) (Result, error) {
	if err := c.create(); err != nil {
		return Result{}, err
	}
	defer unix.Close(c.out)
	err := c.bytes(ctx)
	if err == nil {
		err = c.still()
	}
	if err != nil {
		c.leave(c.task.lasting(ctx, err))
		return Result{}, err
	}
	lost := c.dress()
	there, err := c.install(ctx)
	if err != nil {
		c.leave(false)
		return Result{}, err
	}
	if there {
		c.leave(false)
		e, err := c.task.To.Stat(ctx, c.task.Name)
		return Result{Entry: e, Method: steps.Skip}, err
	}
	r := Result{Method: c.method, Through: c.through, Lost: lost, Sum: c.task.Source.Sum, Known: c.task.Source.Proven}
	if r.Entry, err = c.task.To.(*stores.Local).StatFD(c.out, c.task.Name); err != nil {
		return Result{}, err
	}
	if c.sparse() && r.Entry.Blocks*512 >= r.Entry.Size {
		r.Lost = append(r.Lost, LostSparse)
	}
	r.Entry.Sum, r.Entry.Proven = r.Sum, r.Known
	return r, nil
}

// still sees that the source has not been changed while it was read.
func (c *localCopy) still() error {
	var now unix.Stat_t
	if err := unix.Fstat(c.in, &now); err != nil {
		return stores.LocalError("stat", c.task.Source.Name, err)
	}
	if unchangedStat(&c.was, &now) && c.done == c.was.Size {
		return nil
	}
	return &ChangedError{Side: Source, Name: c.task.Source.Name, Was: versionOf(&c.was), Is: versionOf(&now)}
}

// create opens the new file: one without a name if it is small, or nobody would go on with it.
func (c *localCopy) create() error {
	mode := c.was.Mode & 0o777
	if !(c.task.Save != nil && c.was.Size >= resumable) && !c.at.disk.mustName() {
		fd, err := openAt(c.at.fd, ".", unix.O_TMPFILE|unix.O_RDWR, mode|ours)
		if err == nil {
			c.out, c.part = fd, ""
			return c.created()
		}
		if !without(err) {
			return c.refused(err)
		}
		c.at.disk.cannotName()
	}
	c.part = hidden(c.task)
	if c.resume() {
		return nil
	}
	if c.task.Omit&Mode == 0 {
		mode &= 0o700 // others may look at it when it is complete
	}
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW
	fd, err := openAt(c.at.fd, c.part, flags, mode|ours)
	if err == unix.EEXIST { // of an earlier try
		if err := unix.Unlinkat(c.at.fd, c.part, 0); err != nil {
			return c.refused(err)
		}
		fd, err = openAt(c.at.fd, c.part, flags, mode|ours)
	}
	if err != nil {
		return c.refused(err)
	}
	c.out = fd
	return c.created()
}

func (c *localCopy) created() error {
	if err := unix.Fstat(c.out, &c.made); err != nil {
		c.leave(false)
		unix.Close(c.out)
		return c.refused(err)
	}
	return nil
}

// refused says that the target could not be written.
func (c *localCopy) refused(err error) error {
	var st unix.Stat_t
	gone := errors.Is(err, unix.ENOENT) && unix.Fstat(c.at.fd, &st) == nil && st.Nlink == 0
	err = stores.LocalError("write", c.task.Name, err)
	if gone {
		return &folderGone{err}
	}
	return err
}

// leave takes the hidden name away, unless another try will want it.
func (c *localCopy) leave(wanted bool) {
	if c.part == "" || wanted && c.was.Size >= resumable {
		return
	}
	unix.Unlinkat(c.at.fd, c.part, 0)
}

// halfway is Task.Saved of a file that is copied between local folders. What was written is
// believed until the next start of the system, for it was not synced.
type halfway struct {
	Local  bool // tells it from other kinds of Saved
	Source string
	Boot   string
	Inode  uint64
	Born   int64 // of the hidden file, nanoseconds; 0 where the file system does not know
	Done   int64
}

// resume goes on with the hidden file of an earlier try, if it is that.
func (c *localCopy) resume() bool {
	var h halfway
	if len(c.task.Saved) == 0 || json.Unmarshal(c.task.Saved, &h) != nil || !h.Local ||
		h.Source != versionOf(&c.was) || h.Boot == "" || h.Boot != bootID() || h.Done > c.was.Size {
		return false
	}
	fd, err := openAt(c.at.fd, c.part, unix.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Ino != h.Inode || birth(fd) != h.Born || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size < h.Done {
		unix.Close(fd)
		return false
	}
	c.out, c.made, c.done = fd, st, h.Done
	c.task.progress(h.Done)
	return true
}

// save tells how far it has come.
func (c *localCopy) save() error {
	if c.task.Save == nil || c.part == "" || c.was.Size < resumable {
		return nil
	}
	text, err := json.Marshal(halfway{true, versionOf(&c.was), bootID(), c.made.Ino, birth(c.out), c.done})
	if err != nil {
		return err
	}
	return c.task.Save(text)
}

// hidden is the last segment of a Task's hidden file.
func hidden(task *Task) string { return ".sd-" + task.Unique + ".part" }

// versionOf is the Version that stores.Local gives to a file.
func versionOf(st *unix.Stat_t) string {
	size := st.Size
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		size = 0
	}
	return stores.VersionOf(size, st.Mtim.Nano(), st.Ctim.Nano(), st.Ino, uint64(st.Nlink))
}

// pause waits, but no longer than ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
