package fs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
	"sd/resolver"
	"sd/sdpath"
)

// Committed is to be told by staging.Config.Committed: the provider has a version that
// was written here.
func (s *Server) Committed(volume, name string, e backends.Entry) { s.tree.committed(volume, name, e) }

// Conflicted is to be told by staging.Config.Conflict: what was written here lies
// beside the other writer's version, as copy.
func (s *Server) Conflicted(volume, name, copy string) { s.tree.conflicted(volume, name, copy) }

// Carry brings changed times, modes, owners and extended attributes to the providers,
// which else happens some seconds after the change. What cannot be brought before ctx
// ends is remembered, and tried again at the next mount.
func (s *Server) Carry(ctx context.Context) error { return s.tree.carrier.drain(ctx) }

// Refresh forgets what is known of a folder of a volume and of all below, so that the
// next look at it asks the provider. Path is relative to the mountpoint; "" is every
// volume. Local files need none: their changes are seen by themselves. It must not be
// called by who serves a request of the kernel.
func (s *Server) Refresh(ctx context.Context, path string) error {
	path = strings.Trim(path, "/")
	service, rest, _ := strings.Cut(path, "/")
	volume, below, _ := strings.Cut(rest, "/")
	for _, st := range s.tree.volumes.all() {
		p := strings.TrimSuffix(st.uri, "/")
		own := strings.Replace(p, "://", "/", 1)
		if path != "" && service+"/"+volume != own && (volume != "" || !strings.HasPrefix(own, service+"/")) {
			continue
		}
		if err := st.refresh(below); err != nil {
			return fmt.Errorf("refresh %s: %w", path, err)
		}
	}
	return nil
}

// Reload takes over what other processes have changed in the library. Of volumes that were removed
// nothing more is asked for on its own; what is open there can still be read and written.
func (s *Server) Reload(ctx context.Context) error {
	listed, err := s.tree.resolver.Volumes(ctx, "")
	if err != nil {
		return err
	}
	for _, st := range s.tree.volumes.all() {
		if !slices.ContainsFunc(listed, func(v *resolver.Volume) bool { return v.Fingerprint == st.key }) {
			st.retire()
		}
	}
	return nil
}

// all gives the stores that have been looked into.
func (t *volumeTable) all() []*store {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*store, 0, len(t.stores))
	for _, s := range t.stores {
		all = append(all, s)
	}
	return all
}

// refresh forgets a folder or file, given by its path below the volume as it is shown.
func (s *store) refresh(path string) error {
	key, err := sdpath.UnescapeKey(path)
	if err != nil {
		return err
	}
	dir, _ := splitName(key)
	s.tree.names.InvalidateTree(s.key, key)
	s.tree.names.Invalidate(s.dirKey(dir))

	node := s.root.EmbeddedInode()
	for name := range strings.SplitSeq(path, "/") {
		if child := s.childOf(node, name); name != "" && child != nil {
			node = child
		} else if name != "" {
			break // the kernel does not know it; it may remember that there is nothing
		}
	}
	forgetBelow(node)
	return nil
}

// forgetBelow has the kernel look again at everything in and below a folder.
func forgetBelow(node *fusefs.Inode) {
	if name, parent := node.Parent(); parent != nil {
		_ = parent.NotifyEntry(name) // with all below, and with what is remembered to be away
	}
	_ = node.NotifyContent(0, 0)
	for name, child := range node.Children() {
		if child.IsDir() {
			forgetBelow(child)
		} else {
			_ = node.NotifyEntry(name) // what is open keeps its folder, and would come back with it
		}
	}
}
