package trash

import "golang.org/x/sys/unix"

// place tells mounts apart: what lies in one can be renamed to everywhere in it.
type place struct{ dev, mount uint64 }

// placeOf follows no link.
func placeOf(path string) (place, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st)
	return place{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Mnt_id}, err
}

// renameAbsent renames, and is fs.ErrExist where there is something of the new name.
func renameAbsent(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS { // a file system that does not know how
		return renameLooking(from, to)
	}
	return err
}
