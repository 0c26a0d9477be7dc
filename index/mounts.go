package index

import (
	"path/filepath"

	"sd/resolver"
)

// mounts knows the places where something is mounted that is not to be touched: pseudo file
// systems and mounts of sd, which may be this very process's or a dead one's.
type mounts struct {
	resolver *resolver.Resolver
	locals   *resolver.Locals              // the mount table when the scan began
	root     string                        // the location's real path: mount points have no links in them
	points   map[[2]uint64]map[string]bool // by device and inode of the folder above
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
	locals := m.locals
	if f.up.id != (statID{}) { // the scan has come to another file system, maybe a new one
		if now, err := m.resolver.Locals(); err == nil {
			locals = now
		}
	}
	_, pseudo := locals.At(filepath.Join(m.root, string(f.path(nil))))
	return pseudo
}
