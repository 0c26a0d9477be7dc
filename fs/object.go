package fs

import (
	"context"
	"encoding/binary"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/backends"
	"sd/cache"
	"sd/resolver"
	"sd/sdpath"
)

// store is one volume in the tree.
type store struct {
	tree    *tree
	backend backends.Backend
	key     string // the volume's fingerprint
	uri     string // "s3://bucket/"
	root    *objectNode
}

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
	if s == nil || s.backend != v.Backend {
		root := sdpath.Cloud{Service: v.Service, Identifier: v.Identifier}
		s = &store{tree: tree, backend: v.Backend, key: v.Fingerprint, uri: strings.TrimSuffix(root.String(), "/") + "/"}
		s.root = &objectNode{store: s, entry: backends.Entry{Kind: backends.Dir}}
		if t.stores == nil {
			t.stores = make(map[string]*store)
		}
		t.stores[v.Fingerprint] = s
	}
	return s
}

// volumeNames lists the folder of a service.
func (t *tree) volumeNames(ctx context.Context, s sdpath.Service) []string {
	volumes, err := t.resolver.Volumes(ctx, s)
	if err != nil {
		t.log.Warn("cannot list the volumes", "service", s, "err", err)
		return nil
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
	v, _, err := t.resolver.Resolve(ctx, p)
	if err != nil {
		return nil, t.fail("open volume", p.String(), err)
	}
	st := t.volumes.get(t, v)
	st.root.fillAttr(&out.Attr)
	out.SetAttrTimeout(min(fixedTimeout, t.kernelTTL()))
	return parent.NewPersistentInode(ctx, st.root, st.identity("", &st.root.entry)), 0
}

// identity numbers an object. A file's generation follows its version, so that a
// changed object is another file to the kernel: pages, sizes and open handles of
// two versions never meet. Ino and Gen together are 126 bits of SHA-256.
func (s *store) identity(name string, e *backends.Entry) fusefs.StableAttr {
	mode, version := uint32(syscall.S_IFDIR), ""
	if e.Kind == backends.File {
		mode, version = syscall.S_IFREG, e.Version
	}
	id, v := cache.NewID(s.key, name, ""), cache.NewID(s.key, name, version)
	return fusefs.StableAttr{
		Mode: mode,
		Ino:  inoCloud | binary.LittleEndian.Uint64(id[:8])&(inoCloud-1),
		Gen:  binary.LittleEndian.Uint64(v[8:]),
	}
}

// objectNode is a file (one version of it) or folder of a store.
type objectNode struct {
	fusefs.Inode
	readOnly
	store *store
	entry backends.Entry // Name is unused: the name is where the node hangs

	listed atomic.Int64 // folder: when the listing that was last read began (Unix, ns)
	misses atomic.Int32 // folder: lookups that no listing could answer
	opened atomic.Bool  // file: the kernel may hold pages of it

	locks atomic.Pointer[fileLocks] // file: nil before the first
}

// name gives the node's name in its store; false where it has none any more.
func (n *objectNode) name() (string, bool) {
	root := n.store.root.EmbeddedInode()
	var segments []string
	for i := n.EmbeddedInode(); i != root; {
		name, parent := i.Parent()
		if parent == nil {
			return "", false
		}
		segments, i = append(segments, name), parent
	}
	slices.Reverse(segments)
	return strings.Join(segments, "/"), true
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

func (n *objectNode) dirKey(name string) cache.DirKey {
	return cache.DirKey{Volume: n.store.key, Dir: name}
}

// kernelTTL is the part of the metadata's lifetime that the kernel gets; what Names
// keep has the rest, so that both together hold what was promised.
func (t *tree) kernelTTL() time.Duration { return t.ttl / 4 }

func (t *tree) namesTTL() time.Duration { return t.ttl - t.kernelTTL() }

// child gives the node of an entry of n, whose own name is dir. The kernel may keep
// it for ttl.
func (n *objectNode) child(ctx context.Context, dir string, e *backends.Entry, ttl time.Duration, out *fuse.EntryOut) *fusefs.Inode {
	c := &objectNode{store: n.store, entry: *e}
	id := n.store.identity(join(dir, e.Name), e)
	c.entry.Name = ""
	// The kernel takes the attributes for those of the node that it has.
	if known := n.GetChild(e.Name); known != nil && known.StableAttr() == id {
		if o, ok := known.Operations().(*objectNode); ok {
			c.listed.Store(o.listed.Load())
		}
	}
	c.fillAttr(&out.Attr)
	out.SetEntryTimeout(ttl)
	out.SetAttrTimeout(ttl)
	return n.NewInode(ctx, c, id)
}

// fillAttr describes n. A folder's mtime is when its listing was fetched, and now
// once that is too old: the kernel keeps a listing for as long as the mtime stays.
func (n *objectNode) fillAttr(a *fuse.Attr) {
	t := n.store.tree
	if n.entry.Kind != backends.Dir {
		t.entryAttr(a, &n.entry)
		return
	}
	at := n.entry.ModTime
	if listed := n.listed.Load(); listed != 0 {
		at = time.Unix(0, listed)
		if now := time.Now(); now.Sub(at) > t.namesTTL() {
			at = now
		}
	}
	t.dirAttr(a, 0o555, at)
	// A ctime that moves is what tar(1) takes for a change in the midst of its reading.
	a.Ctime, a.Ctimensec = uint64(t.started.Unix()), uint32(t.started.Nanosecond())
}

// Getattr describes n from memory.
func (n *objectNode) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.fillAttr(&out.Attr)
	out.SetTimeout(n.store.tree.kernelTTL())
	return 0
}

// Lookup finds name in folder n, from a listing if there is one.
func (n *objectNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if len(name) > maxName {
		return nil, syscall.ENAMETOOLONG
	}
	dir, ok := n.name()
	if !ok {
		return nil, syscall.ESTALE
	}
	e, err := n.find(ctx, dir, name)
	if errors.Is(err, errAbsent) {
		out.SetEntryTimeout(n.store.tree.kernelTTL())
		return nil, syscall.ENOENT
	}
	if err != nil {
		return nil, n.store.fail("lookup", join(dir, name), err)
	}
	return n.child(ctx, dir, &e, n.store.tree.kernelTTL(), out), 0
}

// errAbsent says that a complete listing does not have the name.
var errAbsent = errors.New("not in the listing")

// listAfter is the number of lookups that a folder answers one by one before it is
// listed, and listUpTo how far it is listed for the sake of a lookup.
const (
	listAfter = 3
	listUpTo  = 5000
)

// find describes name in folder dir, asking the store if nothing is known. A name
// that is a file and a folder is the folder, as in listings.
func (n *objectNode) find(ctx context.Context, dir, name string) (backends.Entry, error) {
	if e, err := n.known(dir, name); err != errUnknown {
		return e, err
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	if n.misses.Add(1) > listAfter {
		r := n.open(dir)
		defer r.Close()
		for count, all := 0, false; !all && count <= listUpTo; {
			var err error
			if count, all, err = r.Wait(ctx, count); err != nil {
				return backends.Entry{}, err
			}
			if e, err := n.known(dir, name); err != errUnknown {
				return e, err
			}
		}
	}
	stat := n.store.backend.Stat
	if d, ok := n.store.backend.(backends.DirStater); ok {
		stat = d.StatDir
	}
	e, err := stat(ctx, join(dir, name))
	if err != nil {
		return e, err
	}
	e.Name = name
	n.store.tree.names.Put(n.dirKey(dir), e)
	return e, nil
}

var errUnknown = errors.New("not known")

// known describes name from memory.
func (n *objectNode) known(dir, name string) (backends.Entry, error) {
	e, state := n.store.tree.names.Lookup(n.dirKey(dir), name)
	switch state {
	case cache.Present:
		return e, nil
	case cache.Absent:
		return e, errAbsent
	}
	return e, errUnknown
}

// changed forgets what is known of the folder that n is in: the store has shown
// that n is out of date. It returns what the caller of the system call gets, upon
// which the kernel looks the name up again.
func (n *objectNode) changed(name string) syscall.Errno {
	dir, _, found := cutLast(name)
	if !found {
		dir = ""
	}
	n.store.tree.names.Invalidate(n.dirKey(dir))
	return syscall.ESTALE
}

func cutLast(name string) (dir, base string, found bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// outdated tells whether the store says that a version is no more.
func outdated(err error) bool {
	return errors.Is(err, backends.ErrChanged) || errors.Is(err, iofs.ErrNotExist)
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

// patient gives a context that outlives an interruption of ctx by a second: signals
// that do not end the caller, such as those of Go's scheduler, must not fail a call
// that is about to succeed, and Ctrl-C must end it.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(time.Second):
			cancel()
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel() }
}
