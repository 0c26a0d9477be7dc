package fs

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/sdpath"
)

// fixedTimeout is how long the kernel may remember the fixed folders: volumes
// come and go by commands of other processes.
const fixedTimeout = time.Second

// lastingTimeout is for local/ and this device in it: they stay, but for a rename of
// the device, upon which the old name goes on to lead here for that long.
const lastingTimeout = time.Minute

// fixedDir is a folder that sd makes up: the root, local/ and one per service.
// What is in it comes from memory; no provider is ever asked.
type fixedDir struct {
	fusefs.Inode
	readOnly
	tree *tree
	uri  string                             // "" for the root, which has none
	list func(ctx context.Context) []string // sorted or not, without repeats
	// open gives the node for a name that list has.
	open func(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno)

	opening sync.Mutex

	mu      sync.Mutex
	last    []string
	changed time.Time // when last was found to differ
}

// names lists the folder, and notes when it changes: the kernel keeps listings for
// as long as the folder's mtime stays.
func (d *fixedDir) names(ctx context.Context) []string {
	names := d.list(ctx)
	slices.Sort(names)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(names, d.last) || d.changed.IsZero() {
		d.last, d.changed = names, time.Now()
	}
	return names
}

func (d *fixedDir) fillAttr(ctx context.Context, a *fuse.Attr) {
	d.names(ctx)
	d.mu.Lock()
	mtime := d.changed
	d.mu.Unlock()
	d.tree.dirAttr(a, 0o555, mtime)
}

// Getattr describes the folder.
func (d *fixedDir) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.fillAttr(ctx, &out.Attr)
	out.SetTimeout(fixedTimeout)
	return 0
}

// Lookup finds an entry of the folder.
func (d *fixedDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	out.SetEntryTimeout(fixedTimeout)
	out.SetAttrTimeout(fixedTimeout)
	if _, ok := slices.BinarySearch(d.names(ctx), name); !ok {
		return nil, syscall.ENOENT
	}
	d.opening.Lock() // go-fuse does not expect one node to come from two lookups at once
	defer d.opening.Unlock()
	return d.open(ctx, name, out)
}

// Readdir lists the folder.
func (d *fixedDir) Readdir(ctx context.Context) (fusefs.DirStream, syscall.Errno) {
	entries := []fuse.DirEntry{{Name: ".", Mode: syscall.S_IFDIR}, {Name: "..", Mode: syscall.S_IFDIR}}
	for _, name := range d.names(ctx) {
		entries = append(entries, fuse.DirEntry{Name: name, Mode: syscall.S_IFDIR})
	}
	return fusefs.NewListDirStream(entries), 0
}

// Getxattr answers user.sd.uri.
func (d *fixedDir) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	if attr == uriAttr && d.uri != "" {
		return answerXattr(d.uri, dest)
	}
	return 0, noAttr
}

// subdir makes the node of a fixed folder in this one.
func (d *fixedDir) subdir(ctx context.Context, c *fixedDir, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	c.fillAttr(ctx, &out.Attr)
	return d.NewPersistentInode(ctx, c, fusefs.StableAttr{Mode: syscall.S_IFDIR}), 0
}

// Statfs says that a fixed folder holds nothing and has no room.
func (d *fixedDir) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	return fixedStatfs(out)
}

func fixedStatfs(out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	return 0
}

// newRoot makes the root of the tree.
func (t *tree) newRoot(search searchFunc) *fixedDir {
	root := &fixedDir{tree: t}
	subdirs := map[string]*fixedDir{"local": t.newLocalDir()}
	contents := &contentDir{tree: t}
	searches := &searchDir{tree: t, search: search}
	root.list = func(ctx context.Context) []string {
		names := []string{"local", "content"}
		if search != nil {
			names = append(names, "search")
		}
		for _, s := range t.resolver.Services() {
			names = append(names, string(s))
		}
		return names
	}
	root.open = func(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
		switch name {
		case "local":
			out.SetEntryTimeout(lastingTimeout)
		case "content":
			contents.fillAttr(&out.Attr)
			return root.NewPersistentInode(ctx, contents, fusefs.StableAttr{Mode: syscall.S_IFDIR}), 0
		case "search":
			searches.fillAttr(&out.Attr)
			return root.NewPersistentInode(ctx, searches, fusefs.StableAttr{Mode: syscall.S_IFDIR}), 0
		}
		if subdirs[name] == nil {
			subdirs[name] = t.newServiceDir(sdpath.Service(name))
		}
		return root.subdir(ctx, subdirs[name], out)
	}
	return root
}

// newLocalDir makes local/, with a folder for each device of the library.
func (t *tree) newLocalDir() *fixedDir {
	d := &fixedDir{tree: t, uri: "local://"}
	d.list = func(ctx context.Context) []string {
		var names []string
		for _, dev := range t.resolver.Devices() {
			names = append(names, dev.Slug)
		}
		return names
	}
	d.open = func(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
		if name == t.resolver.ThisDevice().Slug {
			return t.local.open(ctx, d, name, out)
		}
		off := &offlineDir{tree: t, uri: "local://" + name + "/"}
		t.dirAttr(&out.Attr, 0o555, t.started)
		return d.NewInode(ctx, off, fusefs.StableAttr{Mode: syscall.S_IFDIR}), 0
	}
	return d
}

// newServiceDir makes the folder of a service, with a folder for each volume.
func (t *tree) newServiceDir(s sdpath.Service) *fixedDir {
	d := &fixedDir{tree: t, uri: string(s) + "://"}
	d.list = func(ctx context.Context) []string { return t.volumeNames(ctx, s) }
	d.open = func(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
		return t.openVolume(ctx, d, s, name, out)
	}
	return d
}

// offlineDir stands for a device that is known and cannot be reached: it is there,
// and every use of it says so.
type offlineDir struct {
	fusefs.Inode
	readOnly
	tree *tree
	uri  string
}

// Getattr describes the folder.
func (d *offlineDir) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.tree.dirAttr(&out.Attr, 0o555, d.tree.started)
	out.SetTimeout(fixedTimeout)
	return 0
}

// Lookup says that the device cannot be reached.
func (d *offlineDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return nil, syscall.EHOSTUNREACH
}

// Readdir says that the device cannot be reached.
func (d *offlineDir) Readdir(ctx context.Context) (fusefs.DirStream, syscall.Errno) {
	return nil, syscall.EHOSTUNREACH
}

// Getxattr answers user.sd.uri.
func (d *offlineDir) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	if attr == uriAttr {
		return answerXattr(d.uri, dest)
	}
	return 0, noAttr
}
