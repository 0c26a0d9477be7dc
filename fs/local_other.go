//go:build !linux

package fs

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// localTree shows the file systems below a directory by go-fuse's own loopback
// nodes: correct for everyday use, without the short cuts of Linux.
type localTree struct {
	root       fusefs.InodeEmbedder
	identified identifier
}

func newLocalTree(name, dir string, log *slog.Logger) (*localTree, error) {
	root, err := fusefs.NewLoopbackRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return &localTree{root: root}, nil
}

func (t *localTree) mounted(*fuse.Server) {}

func (t *localTree) heed(int32) {}

func (t *localTree) close() {}

func (t *localTree) open(ctx context.Context, parent *fixedDir, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	ch := parent.NewPersistentInode(ctx, t.root, fusefs.StableAttr{Mode: syscall.S_IFDIR})
	if g, ok := t.root.(fusefs.NodeGetattrer); ok {
		var a fuse.AttrOut
		if errno := g.Getattr(ctx, nil, &a); errno != 0 {
			return nil, errno
		}
		out.Attr = a.Attr
	}
	return ch, 0
}

func (t *localTree) status() LocalStatus {
	return LocalStatus{Why: "passthrough is a feature of Linux"}
}
