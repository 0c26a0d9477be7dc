package fs

import (
	"bufio"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// hiddenMounts knows the mounts that local/<device> must not show: sd's own (the
// tree would contain itself) and pseudo file systems, whose files are not
// anybody's data and some of which block or act when read.
type hiddenMounts struct {
	now atomic.Pointer[hiddenSnapshot]
}

type hiddenSnapshot struct {
	devices map[uint64]bool
	entries map[hiddenEntry]bool
	parents map[[2]uint64]bool // directories (st_dev, inode) with a hidden entry
	mounts  map[string]string  // every mount's number -> its place
}

// hiddenEntry is a name in a directory on which something hidden is mounted.
type hiddenEntry struct {
	dev, ino uint64
	name     string
}

// pseudoTypes are the file systems without user data, by mountinfo's names.
var pseudoTypes = map[string]bool{
	"proc": true, "sysfs": true, "devtmpfs": true, "devpts": true, "cgroup": true, "cgroup2": true, "debugfs": true,
	"tracefs": true, "securityfs": true, "selinuxfs": true, "bpf": true, "pstore": true, "efivarfs": true, "configfs": true,
	"mqueue": true, "hugetlbfs": true, "binfmt_misc": true, "fusectl": true, "nsfs": true, "rpc_pipefs": true, "autofs": true,
	"smackfs": true, "resctrl": true, "binder": true, "fuse.portal": true, "fuse.gvfsd-fuse": true,
	"fuse." + fsType: true,
}

// newHiddenMounts reads the mount table.
func newHiddenMounts() *hiddenMounts {
	h := &hiddenMounts{}
	h.refresh()
	return h
}

// device tells whether the whole file system is hidden.
func (h *hiddenMounts) device(id deviceID) bool { return h.now.Load().devices[id.dev] }

// parent tells whether some entry of directory n is hidden.
func (h *hiddenMounts) parent(n *localNode) bool {
	return h.now.Load().parents[[2]uint64{n.dev.id.dev, n.ino}]
}

// entry tells whether something hidden is mounted on name in directory n.
func (h *hiddenMounts) entry(n *localNode, name string) bool {
	s := h.now.Load()
	return s.parents[[2]uint64{n.dev.id.dev, n.ino}] && s.entries[hiddenEntry{n.dev.id.dev, n.ino, name}]
}

// refresh reads the mount table anew and gives the places where a mount has come or
// gone; where none can be told, since numbers are used again, it gives all places.
func (h *hiddenMounts) refresh() (changed []string) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		h.now.CompareAndSwap(nil, &hiddenSnapshot{})
		return nil
	}
	defer f.Close()
	now := snapshotHidden(f)
	old := h.now.Swap(now)
	if old == nil {
		return nil
	}
	for _, pair := range [][2]map[string]string{{old.mounts, now.mounts}, {now.mounts, old.mounts}} {
		for number, place := range pair[0] {
			if pair[1][number] != place {
				changed = append(changed, place)
			}
		}
	}
	if len(changed) == 0 {
		changed = slices.Collect(maps.Values(now.mounts))
	}
	return changed
}

// snapshotHidden reads a mount table in the form of proc_pid_mountinfo(5).
func snapshotHidden(r io.Reader) *hiddenSnapshot {
	s := &hiddenSnapshot{devices: map[uint64]bool{}, entries: map[hiddenEntry]bool{}, parents: map[[2]uint64]bool{}, mounts: map[string]string{}}
	var points, remote []string
	for sc := bufio.NewScanner(r); sc.Scan(); {
		fields, tail, ok := strings.Cut(sc.Text(), " - ")
		f := strings.Fields(fields)
		if !ok || len(f) < 5 {
			continue
		}
		typ, _, _ := strings.Cut(tail, " ")
		point := unescapeOctal(f[4])
		s.mounts[f[0]] = point
		if !pseudoTypes[typ] {
			if strings.HasPrefix(typ, "fuse") || strings.HasPrefix(typ, "nfs") || typ == "cifs" || typ == "smb3" || typ == "9p" {
				remote = append(remote, point+"/")
			}
			continue
		}
		maj, min, _ := strings.Cut(f[2], ":")
		ma, _ := strconv.ParseUint(maj, 10, 32)
		mi, _ := strconv.ParseUint(min, 10, 32)
		s.devices[unix.Mkdev(uint32(ma), uint32(mi))] = true
		points = append(points, point)
	}
	for _, p := range points {
		if hasAnyPrefix(p, remote) || hasMountBelow(p, points) {
			continue // its parent may not answer, or is hidden itself
		}
		var st unix.Stat_t
		if unix.Lstat(filepath.Dir(p), &st) == nil {
			s.entries[hiddenEntry{st.Dev, st.Ino, filepath.Base(p)}] = true
			s.parents[[2]uint64{st.Dev, st.Ino}] = true
		}
	}
	return s
}

func hasAnyPrefix(p string, prefixes []string) bool {
	for _, pre := range prefixes {
		if strings.HasPrefix(p, pre) {
			return true
		}
	}
	return false
}

// hasMountBelow tells whether p lies inside another of points.
func hasMountBelow(p string, points []string) bool {
	for _, q := range points {
		if p != q && strings.HasPrefix(p, q+"/") {
			return true
		}
	}
	return false
}

// unescapeOctal undoes \040 and the like.
func unescapeOctal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
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
