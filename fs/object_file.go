package fs

import (
	"context"
	"io"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/cache"
)

// objectFile is one open file of a store, of one version.
type objectFile struct {
	node   *objectNode
	name   string // at open; a change of the object takes it from the node
	reader *cache.Reader
}

// Open opens n for reading and asks for its first bytes, unless the kernel may have
// them. So a file that is gone, changed or forbidden says so here, where the kernel
// can still look again, and the first read finds its bytes under way.
func (n *objectNode) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&syscall.O_TRUNC != 0 {
		return nil, 0, syscall.EROFS
	}
	name, ok := n.name()
	if !ok {
		return nil, 0, syscall.ESTALE
	}
	version := n.entry.Version
	f := &objectFile{node: n, name: name, reader: n.store.tree.cache.Open(cache.File{
		ID:   cache.NewID(n.store.key, name, version),
		Size: n.entry.Size,
		Get: func(ctx context.Context, off, size int64) (io.ReadCloser, error) {
			body, _, err := n.store.backend.Get(ctx, name, version, off, size)
			return body, err
		},
	})}
	if n.entry.Size > 0 && !n.opened.Load() {
		if _, errno := f.Read(ctx, make([]byte, 1), 0); errno != 0 {
			f.reader.Close()
			return nil, 0, errno
		}
	}
	n.opened.Store(true)
	return f, fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH, 0
}

// Read gives bytes of the version that was opened, or ESTALE.
func (f *objectFile) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	ctx, cancel := patient(ctx)
	defer cancel()
	data, err := f.reader.ReadInto(ctx, off, dest)
	if outdated(err) {
		return nil, f.node.changed(f.name)
	}
	if err != nil {
		return nil, f.node.store.fail("read", f.name, err)
	}
	return fuse.ReadResultData(data), 0
}

// Release closes the file.
func (f *objectFile) Release(ctx context.Context) syscall.Errno {
	f.unlock()
	f.reader.Close()
	return 0
}

// Getxattr answers the attributes of sd. What has no name any more has no URI.
func (n *objectNode) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	switch {
	case attr == uriAttr:
		if name, ok := n.name(); ok {
			return answerXattr(n.store.uri+name, dest)
		}
	case attr == "user.sd.etag" && n.entry.Version != "":
		return answerXattr(n.entry.Version, dest)
	case attr == "user.sd.state" && !n.IsDir():
		return answerXattr("clean", dest)
	}
	return 0, noAttr
}

// Access refuses to write anything and to run a file.
func (n *objectNode) Access(ctx context.Context, mask uint32) syscall.Errno {
	if mask&accessExec != 0 && !n.IsDir() {
		return syscall.EACCES
	}
	return n.readOnly.Access(ctx, mask)
}

// Statfs tells of endless room: no service says how much there is.
func (n *objectNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	const pebibyte = 1 << 50
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	out.Blocks, out.Bfree, out.Bavail = pebibyte/4096, pebibyte/4096, pebibyte/4096
	return 0
}

var _ interface {
	fusefs.FileReader
	fusefs.FileReleaser
} = (*objectFile)(nil)

var _ interface {
	fusefs.NodeGetattrer
	fusefs.NodeLookuper
	fusefs.NodeOpendirHandler
	fusefs.NodeOpener
	fusefs.NodeGetxattrer
	fusefs.NodeAccesser
	fusefs.NodeStatfser
} = (*objectNode)(nil)
