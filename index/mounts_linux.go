package index

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"sd/resolver"
)

// newMounts finds the mount points that are not to be touched.
func newMounts(r *resolver.Resolver, locals *resolver.Locals, root string) *mounts {
	m := &mounts{resolver: r, locals: locals, root: root, points: map[[2]uint64]map[string]bool{}}
	for _, point := range locals.Pseudo() {
		if point == "/" {
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
