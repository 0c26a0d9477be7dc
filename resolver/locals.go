package resolver

import (
	"strings"
)

// Locals are the file systems of this device at one moment: what Resolve tells of them, for
// a caller that asks about a million files. It is safe for concurrent use.
type Locals struct {
	mounts []localMount // the longest mount point first; of two on one point the later
}

type localMount struct {
	point  string
	pseudo bool
	volume *Volume
}

// Locals reads the mount table. It touches no file system.
func (r *Resolver) Locals() (*Locals, error) {
	table, err := r.detector.table()
	if err != nil {
		return nil, err
	}
	disks, device := r.detector.disks(), r.ThisDevice().ID
	l := &Locals{}
	for i := len(table) - 1; i >= 0; i-- {
		m := table[i]
		at := 0
		for at < len(l.mounts) && len(l.mounts[at].point) >= len(m.point) {
			at++
		}
		l.mounts = append(l.mounts, localMount{})
		copy(l.mounts[at+1:], l.mounts[at:])
		l.mounts[at] = localMount{point: m.point, pseudo: isPseudo(m), volume: asVolume(describe(m, disks, device), device)}
	}
	return l, nil
}

// At returns the file system that is mounted above an absolute path, going by the path's
// words alone, and whether it is a pseudo file system or a mount of sd, which hold no files
// of the user. The volume is nil where the system names none.
func (l *Locals) At(path string) (v *Volume, pseudo bool) {
	for i := range l.mounts {
		m := &l.mounts[i]
		if len(path) >= len(m.point) && strings.HasPrefix(path, m.point) && isBelow(path, m.point) {
			return m.volume, m.pseudo
		}
	}
	return nil, false
}

// Pseudo returns the mount points at which At tells of a pseudo file system; one with several
// mounts perhaps more than once.
func (l *Locals) Pseudo() []string {
	var points []string
	for i := range l.mounts {
		if _, pseudo := l.At(l.mounts[i].point); pseudo {
			points = append(points, l.mounts[i].point)
		}
	}
	return points
}
