package index

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sd/resolver"
)

// mounts knows the places where something is mounted that is not to be touched: pseudo file
// systems and mounts of sd, which may be this very process's or a dead one's.
type mounts struct {
	resolver *resolver.Resolver
	root     string                        // the location's real path: mount points have no links in them
	points   map[[2]uint64]map[string]bool // by device and inode of the folder above
}

// newMounts reads the mount table.
func newMounts(r *resolver.Resolver, root string) *mounts {
	m := &mounts{resolver: r, root: root, points: map[[2]uint64]map[string]bool{}}
	locals, err := r.Locals()
	if err != nil {
		return m
	}
	for _, point := range mountPoints() {
		_, pseudo := locals.At(point)
		if !pseudo || point == "/" {
			continue
		}
		dir, name := filepath.Split(point)
		above, hidden := locals.At(filepath.Clean(dir))
		if hidden || above != nil && above.Info.Medium == resolver.MediumNetwork {
			continue // it is never reached, or may not answer
		}
		var st unix.Stat_t
		if unix.Lstat(filepath.Clean(dir), &st) != nil {
			continue
		}
		key := [2]uint64{st.Dev, st.Ino}
		if m.points[key] == nil {
			m.points[key] = map[string]bool{}
		}
		m.points[key][name] = true
	}
	return m
}

// in returns the names in a folder that are not to be touched.
func (m *mounts) in(id statID) map[string]bool { return m.points[[2]uint64{id.dev, id.ino}] }

// hides tells whether f, in which another mount begins, is not to be scanned: it holds nobody's
// files, or is one of the folders above it again.
func (m *mounts) hides(f *folder, r *rules) bool {
	for at := f.up; at != nil; at = at.up {
		if at.id.dev == f.id.dev && at.id.ino == f.id.ino {
			return true
		}
	}
	locals, err := m.resolver.Locals()
	if err != nil {
		return false
	}
	_, pseudo := locals.At(filepath.Join(m.root, string(f.path(nil))))
	return pseudo
}

// mountPoints returns where something is mounted.
func mountPoints() (list []string) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if fields := strings.Fields(sc.Text()); len(fields) > 4 {
			list = append(list, unescape(fields[4]))
		}
	}
	return list
}

// unescape undoes \040 and the like.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
