package resolver

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func statfs(path string) (space, error) {
	var s unix.Statfs_t
	for {
		err := unix.Statfs(path, &s)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return space{}, &os.PathError{Op: "statfs", Path: path, Err: err}
		}
		block := int64(s.Frsize)
		if block == 0 {
			block = int64(s.Bsize)
		}
		return space{capacity: int64(s.Blocks) * block, free: int64(s.Bavail) * block}, nil
	}
}

// table reads the mount table of this process.
func (d *detector) table() ([]mount, error) {
	data, err := os.ReadFile(filepath.Join(d.root, "proc/self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("mount table: %w", err)
	}
	return parseMountinfo(string(data)), nil
}

// parseMountinfo reads the format of proc_pid_mountinfo(5):
//
//	36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//
// It skips lines that it does not understand and mount points that were removed.
func parseMountinfo(text string) []mount {
	var table []mount
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(line, " - ")
		before, after := strings.Fields(left), strings.Fields(right)
		if !ok || len(before) < 6 || len(after) < 2 {
			continue
		}
		m := mount{
			device: before[2], root: unescape(before[3]), point: unescape(before[4]), fsType: after[0], source: unescape(after[1]),
			readOnly: hasOption(before[5], "ro") || len(after) > 2 && hasOption(after[2], "ro"),
		}
		if strings.HasPrefix(m.point, "/") && !strings.HasSuffix(m.point, "//deleted") {
			table = append(table, m)
		}
	}
	return table
}

func hasOption(options, want string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o == want {
			return true
		}
	}
	return false
}

// unescape reads \040 and the like, by which the kernel writes space, tab, newline and
// backslash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
