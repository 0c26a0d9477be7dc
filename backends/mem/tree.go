package mem

import (
	iofs "io/fs"
	"maps"
	"strings"
	"time"

	"sd/backends"
)

// The functions here need s.mu.

// find returns the node of a name.
func (s *Store) find(name string) (*node, error) {
	n := s.root
	if name == "" {
		return n, nil
	}
	for segment := range strings.SplitSeq(name, "/") {
		if !n.isDir() {
			return nil, iofs.ErrNotExist
		}
		child, ok := n.children[s.fold(segment)]
		if !ok {
			return nil, iofs.ErrNotExist
		}
		n = child
	}
	return n, nil
}

// place is where a name is or would be. Existing is nil if there is nothing yet.
type place struct {
	name, base string
	parent     *node // nil as long as some directory above is missing
	existing   *node
}

// place finds where to write name. A name that nothing can have is fs.ErrInvalid,
// one below a file backends.ErrNotDir.
func (s *Store) place(name string) (place, error) {
	dir, base := split(name)
	if base == "" || strings.HasPrefix(name, "/") {
		return place{}, iofs.ErrInvalid
	}
	parent := s.root
	if dir != "" {
		for segment := range strings.SplitSeq(dir, "/") {
			child, ok := parent.children[s.fold(segment)]
			if !ok {
				return place{name: name, base: base}, nil
			}
			if !child.isDir() {
				return place{}, backends.ErrNotDir
			}
			parent = child
		}
	}
	return place{name, base, parent, parent.children[s.fold(base)]}, nil
}

// put sets the node of a place, and makes the directories above it as needed. A node that
// has a name keeps it, and a new one takes that of the node which it replaces.
func (s *Store) put(p place, n *node) {
	dir, _ := split(p.name)
	parent, made := s.root, ""
	if dir != "" {
		for segment := range strings.SplitSeq(dir, "/") {
			made = join(made, segment)
			child, ok := parent.children[s.fold(segment)]
			if !ok {
				child = &node{base: segment, children: map[string]*node{}, implied: true}
				parent.children[s.fold(segment)] = child
				s.emit(made, true)
			}
			parent = child
		}
	}
	switch old := parent.children[s.fold(p.base)]; {
	case n.base != "":
	case old != nil:
		n.base = old.base
	default:
		n.base = p.base
	}
	parent.children[s.fold(p.base)] = n
	s.emit(p.name, n.isDir())
}

// remove takes a name out, and the implied directories that are empty then.
func (s *Store) remove(name string) {
	dir, base := split(name)
	parent, err := s.find(dir)
	if err != nil {
		return
	}
	n := parent.children[s.fold(base)]
	delete(parent.children, s.fold(base))
	s.emit(name, n != nil && n.isDir())
	if dir != "" && parent.implied && len(parent.children) == 0 {
		s.remove(dir)
	}
}

// newFile makes the node of a file that is about to be put.
func (s *Store) newFile(data []byte, m backends.Meta) *node {
	modTime := m.ModTime
	if modTime.IsZero() {
		modTime = time.Now()
	}
	m.Xattrs = maps.Clone(m.Xattrs)
	if s.cfg.Bare {
		m = backends.Meta{ModTime: m.ModTime}
	}
	return &node{version: s.nextVersion(), modTime: modTime, data: data, meta: m}
}

// check tells whether cond allows to replace n, which may be nil.
func check(cond backends.Cond, n *node) error {
	switch {
	case cond.Absent && n != nil:
		return iofs.ErrExist
	case cond.Version != "" && (n == nil || n.version != cond.Version):
		return backends.ErrChanged
	}
	return nil
}

// size is the number of bytes below n.
func (n *node) size() int64 {
	sum := int64(len(n.data))
	for _, child := range n.children {
		sum += child.size()
	}
	return sum
}

func split(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

func join(dir, base string) string {
	if dir == "" {
		return base
	}
	return dir + "/" + base
}
