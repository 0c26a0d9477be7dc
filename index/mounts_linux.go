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

// newMounts finds the mount points that are not to be touched.
func newMounts(r *resolver.Resolver, locals *resolver.Locals, root string) *mounts {
	m := &mounts{resolver: r, locals: locals, root: root, points: map[[2]uint64]map[string]bool{}}
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
