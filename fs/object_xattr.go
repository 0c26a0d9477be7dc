package fs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"syscall"

	"sd/backends"
)

// Extended attributes that sd answers by itself; see docs/semantics.md.
const (
	reservedAttrs = "user.sd."
	etagAttr      = "user.sd.etag"
	stateAttr     = "user.sd.state"
)

// maxXattrs is how many bytes of names and values one file may have.
const maxXattrs = 64 << 10

// Flags of setxattr(2).
const (
	xattrCreate  = 1
	xattrReplace = 2
)

// Getxattr answers the attributes of sd and those that somebody has set.
func (n *objectNode) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	if attr == uriAttr {
		if name, ok := n.name(); ok {
			return answerXattr(n.store.uri+name, dest)
		}
		return 0, noAttr
	}
	if n.obj != nil && strings.HasPrefix(attr, reservedAttrs) {
		value, errno := n.obj.reserved(ctx, attr)
		switch {
		case errno != 0:
			return 0, errno
		case value != "":
			return answerXattr(value, dest)
		}
		return 0, noAttr
	}
	if !strings.HasPrefix(attr, "user.") && !strings.HasPrefix(attr, "trusted.") {
		return 0, noAttr // the kernel asks for capabilities and ACLs at every turn
	}
	attrs, errno := n.xattrs(ctx)
	if errno != 0 {
		return 0, errno
	}
	value, ok := attrs[attr]
	if !ok {
		return 0, noAttr
	}
	return answerXattr(string(value), dest)
}

// reserved answers an attribute of sd; "" is for none.
func (o *object) reserved(ctx context.Context, attr string) (string, syscall.Errno) {
	if isIdentityAttr(attr) {
		return o.identified(ctx, attr)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch attr {
	case etagAttr:
		return o.present().Version, 0
	case stateAttr:
		if o.staged == nil {
			return "clean", 0
		}
		state, _ := o.staged.State()
		return state, 0
	}
	return "", 0
}

// xattrs are those that somebody has set.
func (n *objectNode) xattrs(ctx context.Context) (map[string][]byte, syscall.Errno) {
	if n.obj == nil {
		if m := n.dirMeta(); m != nil {
			return m.Xattrs, 0
		}
		return nil, 0
	}
	o := n.obj
	o.mu.Lock()
	staged, known := o.staged, o.entry.Meta
	o.mu.Unlock()
	if staged != nil {
		return staged.Meta().Xattrs, 0
	}
	if known != nil && known.Xattrs != nil {
		return known.Xattrs, 0
	}
	dir, seg, ok := o.place()
	if !ok {
		return nil, 0
	}
	o.mu.Lock()
	version := o.entry.Version
	o.mu.Unlock()
	f, _ := n.store.factOf(ctx, dir, seg, version)
	return f.Meta.Xattrs, 0
}

// Listxattr lists the attributes that somebody has set.
func (n *objectNode) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	attrs, errno := n.xattrs(ctx)
	if errno != 0 {
		return 0, errno
	}
	var list strings.Builder
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		list.WriteString(name)
		list.WriteByte(0)
	}
	return answerXattr(list.String(), dest)
}

// Setxattr sets an attribute.
func (n *objectNode) Setxattr(ctx context.Context, attr string, data []byte, flags uint32) syscall.Errno {
	if !strings.HasPrefix(attr, "user.") || strings.HasPrefix(attr, reservedAttrs) {
		return syscall.ENOTSUP
	}
	value := slices.Clone(data)
	return n.changeXattrs(ctx, func(attrs map[string][]byte) syscall.Errno {
		_, has := attrs[attr]
		switch {
		case has && flags&xattrCreate != 0:
			return syscall.EEXIST
		case !has && flags&xattrReplace != 0:
			return noAttr
		}
		attrs[attr] = value
		size := 0
		for name, v := range attrs {
			size += len(name) + len(v)
		}
		if size > maxXattrs {
			return syscall.ENOSPC
		}
		return 0
	})
}

// Removexattr removes an attribute.
func (n *objectNode) Removexattr(ctx context.Context, attr string) syscall.Errno {
	if strings.HasPrefix(attr, reservedAttrs) {
		return syscall.ENOTSUP
	}
	return n.changeXattrs(ctx, func(attrs map[string][]byte) syscall.Errno {
		if _, has := attrs[attr]; !has {
			return noAttr
		}
		delete(attrs, attr)
		return 0
	})
}

func (n *objectNode) changeXattrs(ctx context.Context, do func(map[string][]byte) syscall.Errno) syscall.Errno {
	ctx, cancel := patient(ctx)
	defer cancel()
	if !n.store.writable() {
		return syscall.EROFS
	}
	old, errno := n.xattrs(ctx)
	if errno != 0 {
		return errno
	}
	attrs := maps.Clone(old)
	if attrs == nil {
		attrs = make(map[string][]byte)
	}
	if errno := do(attrs); errno != 0 {
		return errno
	}
	if n.obj != nil {
		return n.obj.change(ctx, func(m *backends.Meta) { m.Xattrs = attrs })
	}
	name, ok := n.name()
	if !ok || name == "" {
		return syscall.ENOTSUP
	}
	var m backends.Meta
	if known := n.dirMeta(); known != nil {
		m = *known
	}
	m.Xattrs = attrs
	n.store.setFolderMeta(name, m)
	return 0
}
