package staging

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// punch makes a hole in a file: it reads as zeros and takes no room.
func punch(file *os.File, off, n int64) error {
	var err error
	for {
		err = unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
		if err != unix.EINTR {
			break
		}
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return writeZeros(file, off, n)
	}
	return err
}

// datasync waits until the bytes of a file are on the disk.
func datasync(file *os.File) error {
	for {
		if err := unix.Fdatasync(int(file.Fd())); err != unix.EINTR {
			return err
		}
	}
}
