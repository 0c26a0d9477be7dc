package fs

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
	"sd/cache"
	"sd/resolver"
	"sd/sdpath"
)

// store is one volume in the tree.
type store struct {
	tree    *tree
	present atomic.Pointer[backends.Backend] // it may be opened anew, with other credentials
	key     string                           // the volume's fingerprint
	uri     string                           // "s3://bucket/"
	root    *objectNode
	folding folding // of its names; nil where case matters
	use     use
	objects objectTable
	folders folderTable
	moving  moves
}

// backend is the store behind the volume.
func (s *store) backend() backends.Backend { return *s.present.Load() }

// volumeTable holds the volumes that have been looked into. Safe for concurrent use.
type volumeTable struct {
	mu     sync.Mutex
	stores map[string]*store // by fingerprint
}

// get gives the store of v, the same each time.
func (t *volumeTable) get(tree *tree, v *resolver.Volume) *store {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stores[v.Fingerprint]
	if s == nil {
		root := sdpath.Cloud{Service: v.Service, Identifier: v.Identifier}
		s = &store{tree: tree, key: v.Fingerprint, uri: strings.TrimSuffix(root.String(), "/") + "/"}
		s.present.Store(&v.Backend)
		s.fold(foldingOf(v.Backend))
		s.root = &objectNode{store: s}
		if t.stores == nil {
			t.stores = make(map[string]*store)
		}
		t.stores[v.Fingerprint] = s
		s.adoptRecovered()
		tree.carrier.resume(s)
	} else if s.backend() != v.Backend {
		s.present.Store(&v.Backend)
	}
	return s
}

// fold has names go by fold. It is called before anybody knows of s.
func (s *store) fold(fold folding) {
	if fold == nil {
		return
	}
	s.folding, s.objects.fold, s.folders.fold, s.moving.fold = fold, fold, fold, fold
	s.tree.names.Fold(s.key, fold)
}

// known gives the store of a volume that has been looked into, or nil.
func (t *volumeTable) known(fingerprint string) *store {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stores[fingerprint]
}

// volumeNames lists the folder of a service.
func (t *tree) volumeNames(ctx context.Context, s sdpath.Service) []string {
	// A caller who is interrupted must not be told that a volume is not there.
	volumes, err := t.resolver.Volumes(context.WithoutCancel(ctx), s)
	if err != nil {
		t.log.Warn("the volumes may be out of date", "service", s, "err", err)
	}
	names := make([]string, 0, len(volumes))
	for _, v := range volumes {
		names = append(names, v.Identifier)
	}
	return names
}

// openVolume gives the root of a volume as an entry of parent. It asks no provider.
func (t *tree) openVolume(ctx context.Context, parent *fixedDir, s sdpath.Service, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	p := sdpath.Cloud{Service: s, Identifier: name}
	v, _, err := t.resolver.Resolve(context.WithoutCancel(ctx), p)
	if err != nil {
		return nil, t.fail("open volume", p.String(), err)
	}
	st := t.volumes.get(t, v)
	st.root.fillAttr(&out.Attr)
	out.SetAttrTimeout(min(fixedTimeout, t.kernelTTL()))
	return parent.NewPersistentInode(ctx, st.root, st.folders.identity(st.key, "")), 0
}

// dirKey names a folder for the listings.
func (s *store) dirKey(name string) cache.DirKey {
	return cache.DirKey{Volume: s.key, Dir: name}
}

// fail translates an error about a name of the store, and logs what only EIO is
// left to say for.
func (s *store) fail(op, name string, err error) syscall.Errno {
	return s.tree.fail(op, s.uri+name, err)
}

func (t *tree) fail(op, uri string, err error) syscall.Errno {
	e, known := errno(err)
	if !known {
		t.log.Error("input/output error", "op", op, "path", uri, "err", err)
	}
	return e
}

// join gives the whole name of a segment of a folder.
func join(dir, seg string) string {
	if dir == "" {
		return seg
	}
	return dir + "/" + seg
}
