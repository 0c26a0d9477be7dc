package plan

import (
	"context"
	"path/filepath"
	"strings"

	"sd/actions/compare"
	"sd/actions/stores"
)

// knowFileSystem finds out what the file system of a local target is like.
func (p *planner) knowFileSystem(t *target) {
	kind := fsType(t.local, t.name)
	if v := t.local.Volume(t.name); v != nil {
		p.load.medium = v.Info.Medium
	}
	t.window = compare.Window(kind)
	t.shares, t.plain = sharing[kind], plain[kind]
	if folding[kind] {
		t.fold = strings.ToLower
		t.forbids = `\:*?"<>|`
	}
	if strings.Contains(kind, "fat") && kind != "exfat" && kind != "fuse.exfat" || kind == "msdos" {
		t.largest = 4<<30 - 1
	}
}

// fsType is the type of the file system that name lies on, "" where the system does not tell.
func fsType(l *stores.Local, name string) string {
	v := l.Volume(name)
	if v == nil {
		return ""
	}
	return strings.ToLower(v.Info.Config["fstype"])
}

// sharing are the file systems that let files share blocks.
var sharing = set("btrfs xfs bcachefs ocfs2 apfs")

// folding are those that do not tell apart names that differ in case alone, and have Windows'
// rules for names.
var folding = set("vfat msdos exfat fuse.exfat ntfs ntfs3 fuseblk cifs smb3 smbfs")

// plain are the file systems that have neither links nor owners and modes.
var plain = set("vfat msdos exfat fuse.exfat")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// whereabouts notes the file system that the target lies on.
func (c *copier) whereabouts(ctx context.Context) {
	if c.to.local == nil {
		return
	}
	name := c.to.name
	if !c.to.into() {
		name, _ = c.to.st.Split(name)
	}
	for {
		if e, err := c.stat(ctx, c.to.st, name); err == nil {
			c.dev = e.Dev
			if real, err := filepath.EvalSymlinks(name); err == nil && real != name {
				if e, err := c.to.st.Stat(ctx, real); err == nil {
					c.dev, name = e.Dev, real
				}
			}
			c.mount = mountOf(c.to.local, name)
			return
		}
		if name == "/" {
			return
		}
		name, _ = c.to.st.Split(name)
	}
}

// mountOf is where the file system that name lies on is mounted: one that is mounted twice
// renames nothing from the one place to the other.
func mountOf(l *stores.Local, name string) string {
	if v := l.Volume(name); v != nil {
		return v.Identifier
	}
	return ""
}
