package transfer

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
)

// syncLocal is Durable.
func (t *Transfers) syncLocal(ctx context.Context, names []string) error {
	held := make(map[uint64]*disk) // with a ref on each
	var errs []error
	t.folders.mu.Lock()
	for dev, d := range t.folders.disks {
		held[dev] = d
		d.refs++
	}
	t.folders.mu.Unlock()
	own := make(map[uint64]int) // descriptors of those that were not held
	for _, name := range names {
		dev, fd, err := openNear(name)
		if err != nil {
			errs = append(errs, stores.LocalError("sync", name, err))
			continue
		}
		if d := held[dev]; d != nil && d.fd >= 0 || own[dev] != 0 {
			unix.Close(fd)
			continue
		}
		own[dev] = fd
	}
	done := make(chan error, 1) // syncfs cannot be interrupted: who does not wait leaves it alone
	go func() {
		for _, d := range held {
			if d.fd >= 0 {
				errs = append(errs, stores.LocalError("sync", "the file system", unix.Syncfs(d.fd)))
			}
		}
		for _, fd := range own {
			errs = append(errs, stores.LocalError("sync", "the file system", unix.Syncfs(fd)))
			unix.Close(fd)
		}
		t.folders.mu.Lock()
		for _, d := range held {
			d.refs--
		}
		t.folders.mu.Unlock()
		done <- errors.Join(errs...)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// openNear opens name, or the folder that it lies in where it is none, and tells its device.
func openNear(name string) (dev uint64, fd int, err error) {
	fd, err = openAt(unix.AT_FDCWD, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOENT) {
		fd, err = openAt(unix.AT_FDCWD, name[:max(strings.LastIndexByte(name, '/'), 1)], unix.O_RDONLY|unix.O_DIRECTORY, 0)
	}
	if err != nil {
		return 0, -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return 0, -1, err
	}
	return uint64(st.Dev), fd, nil
}
