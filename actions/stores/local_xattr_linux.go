package stores

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// folderXattrs returns the extended attributes of a folder, access lists among them, without those that
// the system or a mount of sd makes up. A file system without any has none.
func folderXattrs(name string) map[string][]byte {
	var room [512]byte
	list := room[:]
	n, err := unix.Llistxattr(name, list)
	if errors.Is(err, unix.ERANGE) {
		list = make([]byte, 64<<10)
		n, err = unix.Llistxattr(name, list)
	}
	if err != nil || n <= 0 {
		return nil
	}
	all := make(map[string][]byte)
	for attr := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		switch {
		case attr == "security.selinux", attr == "security.ima", attr == "security.evm", strings.HasPrefix(attr, "user.sd."):
			continue
		}
		value := make([]byte, 64<<10)
		if n, err := unix.Lgetxattr(name, attr, value); err == nil {
			all[attr] = value[:n:n]
		}
	}
	return all
}

// setXattrs gives an open folder extended attributes.
func setXattrs(fd int, all map[string][]byte) error {
	var errs []error
	for attr, value := range all {
		errs = append(errs, unix.Fsetxattr(fd, attr, value, 0))
	}
	return errors.Join(errs...)
}
