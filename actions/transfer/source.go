//go:build unix

package transfer

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
	"sd/identity"
)

// localFile is a local source that is open, and is what the Task says.
type localFile struct {
	*os.File
	task *Task
	from *stores.Local
	is   stores.Entry
}

// openLocal opens a file and looks whether it is the version of e. A file that was changed an
// instant ago is waited for: another change in the same instant could not be seen.
func openLocal(ctx context.Context, task *Task, from *stores.Local, e *stores.Entry) (*localFile, error) {
	f, err := os.OpenFile(e.Name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	l := &localFile{File: f, task: task, from: from}
	for {
		if l.is, err = from.StatFD(int(f.Fd()), e.Name); err == nil {
			err = unchanged(e, &l.is)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		if !stores.Unsettled(&l.is, time.Now()) {
			return l, nil
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		}
	}
}

func unchanged(was, is *stores.Entry) error {
	if is.Kind == was.Kind && stores.SameVersion(was.Version, is.Version) {
		return nil
	}
	return &ChangedError{Side: Source, Name: was.Name, Was: was.Version, Is: is.Version}
}

// check looks whether the file is still what it was when it was opened.
func (l *localFile) check() error {
	now, err := l.from.StatFD(int(l.Fd()), l.is.Name)
	if err != nil {
		return err
	}
	return unchanged(&l.is, &now)
}

// fill reads all of [off, off+len(p)).
func (l *localFile) fill(p []byte, off int64) error {
	n, err := l.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		return &ChangedError{Side: Source, Name: l.is.Name, Was: l.is.Version, Err: io.ErrUnexpectedEOF}
	}
	return err
}

// xattrs are the file's extended attributes that belong to its user, and whether it has
// others that no object can carry.
func (l *localFile) xattrs() (own map[string][]byte, acl bool) {
	if l.task.Omit&Xattrs != 0 {
		return nil, false
	}
	fd := int(l.Fd())
	var room [1024]byte
	list := room[:]
	n, err := unix.Flistxattr(fd, list)
	if errors.Is(err, unix.ERANGE) {
		list = make([]byte, 64<<10)
		n, err = unix.Flistxattr(fd, list)
	}
	if err != nil || n <= 0 {
		return nil, false
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		if !strings.HasPrefix(name, "user.") {
			acl = acl || strings.HasPrefix(name, "system.posix_acl_")
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Fgetxattr(fd, name, value)
		if err != nil {
			continue
		}
		if own == nil {
			own = make(map[string][]byte)
		}
		own[name] = value[:n:n]
	}
	return own, acl
}

var hashers = sync.Pool{New: func() any { return identity.New() }}

// sumOf hashes bytes that are in memory; those of an empty file have no sum.
func sumOf(p []byte) identity.Sum {
	h := hashers.Get().(*identity.Hasher)
	defer hashers.Put(h)
	h.Reset()
	h.Write(p)
	return h.Sum()
}
