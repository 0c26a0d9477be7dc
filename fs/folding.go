package fs

import (
	"context"
	"slices"
	"strings"
	"sync"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
	"sd/sdpath"
)

// A folding gives what all names of one file of a volume have in common; nil where case
// matters, and a name is what it is. Whatever finds things by name goes by what it gives,
// and what is shown, sent and remembered has the case of the store.
type folding func(name string) string

// foldingOf is that of a store.
func foldingOf(b backends.Backend) folding {
	if f, ok := b.(backends.CaseFolder); ok {
		return f.Fold
	}
	return nil
}

func (f folding) of(name string) string {
	if f == nil {
		return name
	}
	return f(name)
}

// same tells whether two names are of one file.
func (f folding) same(a, b string) bool { return a == b || f != nil && f(a) == f(b) }

// within tells whether name is folder dir or below it.
func (f folding) within(name, dir string) bool {
	if f == nil {
		return within(name, dir)
	}
	return within(f(name), f(dir))
}

// below gives what follows dir in the name of something in it, from the slash on, and "" for
// dir itself. Cases of a name may differ in length.
func below(name, dir string) string {
	rest := sdpath.SplitKey(name)[len(sdpath.SplitKey(dir)):]
	if len(rest) == 0 {
		return ""
	}
	return "/" + strings.Join(rest, "/")
}

// asStored gives a segment in the case in which a reply of the store, about the whole name,
// has it.
func (f folding) asStored(seg string, e *backends.Entry) string {
	if f == nil {
		return seg
	}
	if _, stored := splitName(e.Name); f.same(stored, seg) {
		return stored
	}
	return seg
}

// cases are the names by which the kernel has looked for entries of a folder whose store
// folds, where it may hold them under several: all of a folder's, and those of files that are
// not as the store has them. Safe for concurrent use.
type cases struct {
	mu    sync.Mutex
	names map[string][]string // by folded name
}

func (c *cases) note(folded, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.names[folded], name) {
		return
	}
	if c.names == nil {
		c.names = make(map[string][]string)
	}
	c.names[folded] = append(c.names[folded], name)
}

func (c *cases) of(folded string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.names[folded])
}

func (c *cases) drop(folded string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.names, folded)
}

// childFolder gives the node of a folder that hangs below n under a label, in any case where
// the store folds; nil if there is none.
func (n *objectNode) childFolder(label string) *objectNode {
	if c := n.childNode(label); c != nil && c.obj == nil {
		return c
	}
	fold := n.store.folding
	if fold == nil {
		return nil
	}
	for _, other := range n.cases.of(fold(label)) {
		if c := n.childNode(other); c != nil && c.obj == nil {
			return c
		}
	}
	return nil
}

// leftName has go-fuse and the kernel forget all names but one of an entry of n, which is
// about to lose that one: label is how the store has it. The kernel is told in the background,
// for it holds the folder.
func (n *objectNode) leftName(label, shown string) {
	fold := n.store.folding
	if fold == nil {
		return
	}
	folded := fold(label)
	others := append(n.cases.of(folded), label)
	n.cases.drop(folded)
	for _, other := range others {
		if other == shown {
			continue
		}
		n.RmChild(other)
		n.store.tree.beside.run(func(context.Context) { _ = n.NotifyEntry(other) })
	}
}

// childOf gives what hangs below a node under a label, a folder in any case where the store
// folds; nil if there is nothing.
func (s *store) childOf(node *fusefs.Inode, label string) *fusefs.Inode {
	if s.folding == nil {
		return node.GetChild(label)
	}
	n, ok := node.Operations().(*objectNode)
	if !ok {
		return nil
	}
	if c := n.childFolder(label); c != nil {
		return c.EmbeddedInode()
	}
	return node.GetChild(label)
}
