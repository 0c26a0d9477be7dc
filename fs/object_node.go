package fs

import (
	"context"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/backends"
	"sd/sdpath"
)

// objectNode is a place in the tree of a store: a folder, or where an object hangs.
type objectNode struct {
	fusefs.Inode
	store *store
	obj   *object                // nil for a folder
	seg   atomic.Pointer[string] // a folder's own, where that under which it hangs does not tell it; else nil
	cases cases                  // folder

	listed atomic.Int64 // folder: when the listing that was last read began (Unix, ns)
	looked atomic.Bool  // folder: somebody has looked up a name in it
	misses atomic.Int32 // folder: lookups that no listing could answer
	order  order        // folder: in which order its files are opened
	missed missed       // folder: what was asked for and is not there
}

// name gives the node's name in its store; false where it has none any more. That of
// a folder is where it hangs, so that a folder above it can be renamed.
func (n *objectNode) name() (string, bool) {
	if n.obj != nil {
		dir, seg, ok := n.obj.place()
		return join(dir, seg), ok
	}
	root := n.store.root.EmbeddedInode()
	var segments []string
	for i := n.EmbeddedInode(); i != root; {
		shown, parent := i.Parent()
		if parent == nil {
			return "", false
		}
		seg, ok := n.store.segmentOf(i, shown)
		if !ok {
			return "", false
		}
		segments, i = append(segments, seg), parent
	}
	name := ""
	for _, seg := range slices.Backward(segments) {
		name = join(name, seg)
	}
	return name, true
}

// segmentOf gives the own segment of a folder that hangs under a label: that of the store,
// where names fold or are too long to be shown.
func (s *store) segmentOf(node *fusefs.Inode, shown string) (string, bool) {
	seg, _, err := sdpath.Unescape(shown)
	if s.folding == nil && err == nil {
		return seg, true
	}
	if n, ok := node.Operations().(*objectNode); ok {
		if own := n.seg.Load(); own != nil {
			return *own, true
		}
	}
	return seg, err == nil
}

// kernelTTL is the part of the metadata's lifetime that the kernel gets; what Names
// keep has the rest, so that both together hold what was promised.
func (t *tree) kernelTTL() time.Duration { return t.ttl / 4 }

func (t *tree) namesTTL() time.Duration { return t.ttl - t.kernelTTL() }

// child gives the node of an entry of n, whose own name is dir, and describes it. The
// kernel may keep it for ttl.
func (n *objectNode) child(ctx context.Context, dir string, e *backends.Entry, ttl time.Duration, out *fuse.EntryOut) *fusefs.Inode {
	out.SetEntryTimeout(ttl)
	out.SetAttrTimeout(ttl)
	if e.Kind != backends.Dir {
		return n.objectChild(ctx, n.store.object(dir, e.Name, e), out)
	}
	out.SetEntryTimeout(n.store.holds(ttl))
	c := &objectNode{store: n.store}
	seg := e.Name
	if n.store.folding != nil {
		c.seg.Store(&seg)
	} else if e.Shown != "" {
		if _, _, err := sdpath.Unescape(e.Shown); err != nil {
			c.seg.Store(&seg)
		}
	}
	id := n.store.folders.identity(n.store.key, join(dir, e.Name))
	// The kernel takes the attributes for those of the node that it has. A folder that
	// was renamed to here has kept its identity.
	if known := n.childFolder(e.Label()); known != nil {
		c.listed.Store(known.listed.Load())
		id = known.StableAttr()
		if n.store.folding != nil {
			known.seg.Store(&seg) // somebody may have given it another case
		}
	}
	if fold := n.store.folding; fold != nil {
		n.cases.note(fold(e.Label()), e.Label())
	}
	c.fillDirAttr(&out.Attr, e.Meta)
	return n.NewInode(ctx, c, id)
}

// objectChild gives the node of an object.
func (n *objectNode) objectChild(ctx context.Context, o *object, out *fuse.EntryOut) *fusefs.Inode {
	c := &objectNode{store: n.store, obj: o}
	o.fillAttr(&out.Attr)
	return n.NewInode(ctx, c, o.identity())
}

// Getattr describes n from memory.
func (n *objectNode) Getattr(ctx context.Context, f fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.fillAttr(&out.Attr)
	out.SetTimeout(n.store.tree.kernelTTL())
	return 0
}

// Lookup finds name in folder n, from a listing if there is one.
func (n *objectNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if len(name) > sdpath.MaxName {
		return nil, syscall.ENAMETOOLONG
	}
	n.looked.Store(true)
	dir, ok := n.name()
	if !ok {
		return nil, syscall.ESTALE
	}
	if isLitter(name) {
		if c, ok := n.lookupLitter(ctx, dir, name, out); ok {
			return c, 0
		}
	}
	e, err := n.find(ctx, dir, name)
	fold := n.store.folding
	if err == errAbsent {
		if fold == nil { // else it would be absent when it was made in another case
			out.SetEntryTimeout(n.store.holds(n.store.tree.kernelTTL()))
		}
		return nil, syscall.ENOENT
	}
	if err != nil {
		return nil, n.store.fail("lookup", join(dir, name), err)
	}
	if fold == nil || name == e.Label() {
		return n.child(ctx, dir, &e, n.store.tree.kernelTTL(), out), 0
	}
	n.cases.note(fold(name), name)
	ch := n.child(ctx, dir, &e, n.store.tree.kernelTTL(), out)
	out.SetEntryTimeout(0) // a change by the other name must be seen by this one
	return ch, 0
}

// childNode gives the node that hangs as name below n, or nil.
func (n *objectNode) childNode(name string) *objectNode {
	ch := n.GetChild(name)
	if ch == nil {
		return nil
	}
	c, _ := ch.Operations().(*objectNode)
	return c
}

var _ interface {
	fusefs.NodeGetattrer
	fusefs.NodeLookuper
	fusefs.NodeOpendirHandler
	fusefs.NodeOpener
	fusefs.NodeCreater
	fusefs.NodeMkdirer
	fusefs.NodeMknoder
	fusefs.NodeSymlinker
	fusefs.NodeReadlinker
	fusefs.NodeLinker
	fusefs.NodeUnlinker
	fusefs.NodeRmdirer
	fusefs.NodeRenamer
	fusefs.NodeSetattrer
	fusefs.NodeGetxattrer
	fusefs.NodeSetxattrer
	fusefs.NodeListxattrer
	fusefs.NodeRemovexattrer
	fusefs.NodeAccesser
	fusefs.NodeFsyncer
	fusefs.NodeStatfser
} = (*objectNode)(nil)
