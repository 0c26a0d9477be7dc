//go:build unix

package resolver

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sd/backends"
	"sd/identity"
)

// unanswered is how long a file system on a server may take to open or describe a file.
const unanswered = 5 * time.Second

// ChangedError says that a file is not the version that the catalog knows. It is
// backends.ErrChanged.
type ChangedError struct {
	// Attributes: size, mtime and inode are the same, only the ctime is not. So its mode, owner
	// or links were changed, or its bytes, by somebody who has hidden that.
	Attributes bool
}

func (e *ChangedError) Error() string {
	if e.Attributes {
		return "its attributes have changed since it was identified"
	}
	return "it has changed since it was identified"
}

// Is makes it backends.ErrChanged.
func (e *ChangedError) Is(target error) bool { return target == backends.ErrChanged }

// Look tells whether a copy on this device is still the version that was proven: nil, or a
// *ChangedError, or why it cannot be looked at. On a server that does not answer it gives
// up after 5 s with backends.ErrOffline.
func (s *Source) Look(ctx context.Context) error {
	var now fileState
	err := s.patiently(ctx, func() error {
		return s.at(func(dir int, name string) error {
			st, err := describeAt(dir, name, unix.AT_SYMLINK_NOFOLLOW)
			if err == nil {
				now = st
			}
			return err
		})
	})
	if err != nil {
		return &os.PathError{Op: "stat", Path: s.Name, Err: err}
	}
	return s.compare(now)
}

// Open opens a copy on this device for reading, and makes sure that it is still the version
// that was proven; errors are those of Look. It follows no link, and leaves the time of
// access alone where that is allowed. The caller closes the file.
func (s *Source) Open(ctx context.Context) (*os.File, error) {
	var mu sync.Mutex
	fd, gaveUp := -1, false // an open that succeeds too late is undone by its goroutine
	err := s.patiently(ctx, func() error {
		return s.at(func(dir int, name string) error {
			const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
			opened, err := openat(dir, name, flags|noAtime)
			if err == unix.EPERM && noAtime != 0 {
				opened, err = openat(dir, name, flags)
			}
			if err != nil {
				return err
			}
			now, err := describeOpen(opened)
			if err == nil {
				err = s.compare(now)
			}
			if err != nil {
				unix.Close(opened)
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if gaveUp {
				return unix.Close(opened)
			}
			fd = opened
			return nil
		})
	})
	mu.Lock()
	gaveUp = true
	mu.Unlock()
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, &os.PathError{Op: "open", Path: s.Name, Err: err}
	}
	return os.NewFile(uintptr(fd), s.Name), nil
}

// Check tells whether f, which Open has opened, is still the version that was proven. What
// was read from f before Check began and it says nil is of that version. It asks the server of
// a Remote file, and waits for it.
func (s *Source) Check(f *os.File) error {
	now, err := describeOpen(int(f.Fd()))
	if err != nil {
		return &os.PathError{Op: "stat", Path: s.Name, Err: err}
	}
	return s.compare(now)
}

// fileState is what a file's version consists of.
type fileState struct {
	regular            bool
	size, mtime, ctime int64 // times in nanoseconds
	inode              uint64
}

// compare tells how a file differs from what the catalog says.
func (s *Source) compare(now fileState) error {
	was := &s.File
	if !now.regular || now.size != was.Size || now.mtime != was.ModTime {
		return &ChangedError{}
	}
	if identity.LocalVersion(now.ctime, now.inode) == was.Version {
		return nil
	}
	inode, ok := identity.Inode(was.Version)
	return &ChangedError{Attributes: ok && inode == now.inode}
}

// Remote tells whether a file of this device lies on a server, which may not answer: a
// system call on it may hang.
func (s *Source) Remote() bool { return s.network }

// patiently does it, on a server no longer than that may take: do goes on by itself then.
func (s *Source) patiently(ctx context.Context, do func() error) error {
	if !s.network {
		return do()
	}
	done := make(chan error, 1)
	go func() { done <- do() }()
	timer := time.NewTimer(unanswered)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("no answer within %v: %w", unanswered, backends.ErrOffline)
	}
}

// maxPath is the length of the longest path that the kernel takes at once.
const maxPath = 4096

// at calls do with a directory and a name relative to it: the whole path, unless that is too
// long for one call.
func (s *Source) at(do func(dir int, name string) error) error {
	dir, name := unix.AT_FDCWD, s.Name
	defer func() {
		if dir != unix.AT_FDCWD {
			unix.Close(dir)
		}
	}()
	for len(name) >= maxPath {
		cut := strings.LastIndexByte(name[:maxPath-1], '/')
		if cut <= 0 {
			return unix.ENAMETOOLONG
		}
		next, err := openat(dir, name[:cut], unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
		if err != nil {
			return err
		}
		if dir != unix.AT_FDCWD {
			unix.Close(dir)
		}
		dir, name = next, strings.TrimLeft(name[cut:], "/")
	}
	return do(dir, name)
}

func openat(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
