//go:build darwin || freebsd

package resolver

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// statfs is not called: the table has the sizes.
func statfs(string) (space, error) { return space{}, unix.ENOTSUP }

// table asks the kernel for what it has in memory, which never waits for a server.
func (d *detector) table() ([]mount, error) {
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return nil, fmt.Errorf("mount table: %w", err)
	}
	stats := make([]unix.Statfs_t, n+8) // some may be mounted in between
	if n, err = unix.Getfsstat(stats, unix.MNT_NOWAIT); err != nil {
		return nil, fmt.Errorf("mount table: %w", err)
	}
	table := make([]mount, 0, n)
	for _, s := range stats[:n] {
		block := int64(s.Bsize)
		table = append(table, mount{
			device:   fmt.Sprint(s.Fsid.Val),
			root:     "/",
			point:    unix.ByteSliceToString(s.Mntonname[:]),
			fsType:   unix.ByteSliceToString(s.Fstypename[:]),
			source:   unix.ByteSliceToString(s.Mntfromname[:]),
			readOnly: s.Flags&unix.MNT_RDONLY != 0,
			space:    &space{capacity: int64(s.Blocks) * block, free: max(0, int64(s.Bavail)) * block},
		})
	}
	return table, nil
}

// disk is what can be told of a disk here: nothing yet without a framework of the system's.
type disk struct {
	medium   string
	external bool
	uuid     string
}

type disks struct{}

func (d *detector) disks() disks { return disks{} }

func (disks) of(mount) disk { return disk{} }
