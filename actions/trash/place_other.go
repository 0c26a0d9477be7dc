//go:build unix && !linux

package trash

import "golang.org/x/sys/unix"

// place tells file systems apart.
type place struct{ dev uint64 }

// placeOf follows no link.
func placeOf(path string) (place, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return place{uint64(st.Dev)}, err
}

// renameAbsent renames, and is fs.ErrExist where there is something of the new name.
func renameAbsent(from, to string) error { return renameLooking(from, to) }
