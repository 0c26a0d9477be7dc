package fs

import (
	"context"
	"encoding/binary"
	"errors"
	iofs "io/fs"
	"os"
	"syscall"
	"time"

	"github.com/google/uuid"
	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/library/catalog"
	"sd/sdpath"
)

// contentTimeout is how long the kernel may remember a content: its bytes and its size are
// the same for ever, its time is that of a copy, and copies come and go.
const contentTimeout = time.Minute

// contentDir is content/: every content of which the catalog has a copy, by its id. It is
// read-only, and so is all that is in it.
type contentDir struct {
	fusefs.Inode
	readOnly
	tree *tree
}

// contentNode is one content. Its bytes are those of any copy that can be read.
type contentNode struct {
	fusefs.Inode
	readOnly
	tree *tree
	is   catalog.Content
	id   uuid.UUID
}

// privateAttr describes a folder that shows what the permissions of the files behind it may
// hide: where others may enter the mount, it is for the mounting user alone.
func (t *tree) privateAttr(a *fuse.Attr, mtime time.Time) {
	t.dirAttr(a, 0o555, mtime)
	if t.allowOther {
		a.Mode = syscall.S_IFDIR | 0o500
		a.Uid, a.Gid = uint32(os.Getuid()), uint32(os.Getgid())
	}
	// A ctime that moves is what tar(1) takes for a change in the midst of its reading.
	a.Ctime, a.Ctimensec = uint64(t.started.Unix()), uint32(t.started.Nanosecond())
}

// fillAttr describes content/. The kernel keeps a listing for as long as the mtime stays,
// and nothing tells cheaply whether contents have come or gone: so the mtime is now.
func (d *contentDir) fillAttr(a *fuse.Attr) { d.tree.privateAttr(a, time.Now()) }

// Getattr describes the folder.
func (d *contentDir) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.fillAttr(&out.Attr)
	out.SetTimeout(fixedTimeout)
	return 0
}

// Lookup finds a content by its id, in small letters or capitals, with any extension or
// none.
func (d *contentDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	p, err := sdpath.Parse("content://" + name)
	if err != nil {
		return nil, syscall.ENOENT
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	c, err := d.tree.resolver.Catalog().Content(ctx, p.(sdpath.Content).ID)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, syscall.ENOENT // for now: any file may turn out to have it
	}
	if err != nil {
		return nil, d.tree.fail("lookup", p.String(), err)
	}
	return d.child(ctx, c, out)
}

// child gives the node of a content and describes it.
func (d *contentDir) child(ctx context.Context, c catalog.Content, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	n := &contentNode{tree: d.tree, is: c, id: c.ID()}
	if errno := n.fillAttr(ctx, &out.Attr); errno != 0 {
		return nil, errno
	}
	out.SetEntryTimeout(contentTimeout)
	out.SetAttrTimeout(contentTimeout)
	return d.NewInode(ctx, n, contentIdentity(n.id)), 0
}

// contentIdentity numbers a content: no two have the same numbers, and nothing else has,
// since the generations of cloud files are small and folders are no files.
func contentIdentity(id uuid.UUID) fusefs.StableAttr {
	high := binary.BigEndian.Uint64(id[:8]) // of which four bits are the same in all
	return fusefs.StableAttr{
		Mode: syscall.S_IFREG,
		Ino:  inoCloud | high>>16<<12 | high&0xfff,
		Gen:  binary.BigEndian.Uint64(id[8:]),
	}
}

// Getxattr answers user.sd.uri.
func (d *contentDir) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	if attr == uriAttr {
		return answerXattr("content://", dest)
	}
	return 0, noAttr
}

// Statfs says that the folder holds nothing of its own and has no room.
func (d *contentDir) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	return fixedStatfs(out)
}

// fillAttr describes a content: its size, and the mtime of its best copy. One without any
// reachable copy is described too.
func (n *contentNode) fillAttr(ctx context.Context, a *fuse.Attr) syscall.Errno {
	copies, err := n.tree.resolver.CandidatesOf(ctx, n.is)
	if err != nil {
		return n.tree.fail("stat", n.uri(), err)
	}
	mtime := n.tree.started
	if len(copies) > 0 {
		mtime = time.Unix(0, copies[0].File.ModTime)
	}
	a.Mode = syscall.S_IFREG | 0o444
	a.Nlink = 1
	a.Size = uint64(n.is.Size)
	n.tree.common(a, mtime)
	return 0
}

func (n *contentNode) uri() string { return sdpath.Content{ID: n.id}.String() }

// Getattr describes the content.
func (n *contentNode) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	ctx, cancel := patient(ctx)
	defer cancel()
	out.SetTimeout(contentTimeout)
	return n.fillAttr(ctx, &out.Attr)
}

// Access refuses to write and to execute.
func (n *contentNode) Access(ctx context.Context, mask uint32) syscall.Errno {
	if mask&accessExec != 0 {
		return syscall.EACCES
	}
	return n.readOnly.Access(ctx, mask)
}

// Statfs is that of content/.
func (n *contentNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	return fixedStatfs(out)
}

var _ interface {
	fusefs.NodeGetattrer
	fusefs.NodeLookuper
	fusefs.NodeOpendirHandler
	fusefs.NodeGetxattrer
	fusefs.NodeStatfser
} = (*contentDir)(nil)

var _ interface {
	fusefs.NodeGetattrer
	fusefs.NodeOpener
	fusefs.NodeGetxattrer
	fusefs.NodeListxattrer
	fusefs.NodeStatfser
} = (*contentNode)(nil)
