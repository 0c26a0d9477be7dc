package plan

import (
	"strings"

	"golang.org/x/sys/unix"
)

// keptXattrs is how many bytes of extended attributes travel with an object, about.
const keptXattrs = 1536

// losesXattrs tells whether a local file has extended attributes that an object cannot carry. A
// label of the security module is none of the user's.
func losesXattrs(name string) bool {
	var room [4096]byte
	n, err := unix.Llistxattr(name, room[:])
	if err != nil || n == 0 {
		return err == unix.ERANGE
	}
	bytes := 0
	for attr := range strings.SplitSeq(strings.TrimSuffix(string(room[:n]), "\x00"), "\x00") {
		switch {
		case strings.HasPrefix(attr, "user."):
			size, err := unix.Lgetxattr(name, attr, nil)
			if err == nil {
				bytes += len(attr) + size
			}
		case attr == "security.selinux", strings.HasPrefix(attr, "trusted."):
		default:
			return true
		}
	}
	return bytes > keptXattrs
}
