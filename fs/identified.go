package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"syscall"

	"sd/identity"
	"sd/library/catalog"
)

// Extended attributes of what the catalog has identified. Nothing lists them but content
// files: a program that copies the attributes of a tree would ask for each, and write down
// what is only true here and now.
const (
	contentAttr   = "user.sd.content_id"
	blake3Attr    = "user.sd.blake3"
	locationsAttr = "user.sd.locations"
)

// maxXattr is the length of the longest value that the kernel takes.
const maxXattr = 64 << 10

// isIdentityAttr tells whether attr is about what a file holds.
func isIdentityAttr(attr string) bool {
	return attr == contentAttr || attr == blake3Attr || attr == locationsAttr
}

// identityAttr answers an attribute about bytes of that sum; "" is none.
func (t *tree) identityAttr(ctx context.Context, attr string, sum identity.Sum) (string, syscall.Errno) {
	switch attr {
	case blake3Attr:
		return sum.String(), 0
	case contentAttr:
		return sum.ContentID().String(), 0
	}
	c, err := t.resolver.Catalog().Content(ctx, sum.ContentID())
	if errors.Is(err, iofs.ErrNotExist) {
		return "", 0
	}
	if err != nil {
		return "", t.fail("find", "content://"+sum.ContentID().String(), err)
	}
	return t.locations(ctx, c)
}

// locations are the proven copies of a content, a URI a line, the best first; no more than
// the kernel takes.
func (t *tree) locations(ctx context.Context, c catalog.Content) (string, syscall.Errno) {
	list, err := t.resolver.CandidatesOf(ctx, c)
	if err != nil {
		return "", t.fail("find", "content://"+c.ID().String(), err)
	}
	var b strings.Builder
	for _, s := range list {
		if s.Path == nil || !s.File.Proof.Proven() {
			continue
		}
		uri := s.Path.String()
		if b.Len()+1+len(uri) > maxXattr {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(uri)
	}
	return b.String(), 0
}

// identified answers an attribute about what the catalog has at a path, if that is proven
// and of the version that is there now; "" if not.
func (t *tree) identified(ctx context.Context, attr string, place catalog.Place, path string, is func(*catalog.File) bool) (string, syscall.Errno) {
	ctx, cancel := patient(ctx)
	defer cancel()
	cat := t.resolver.Catalog()
	_, f, err := cat.FindFile(ctx, place, path)
	if err == nil && (!f.Proof.Proven() || !is(&f)) {
		return "", 0
	}
	var c catalog.Content
	if err == nil {
		c, err = cat.ContentByKey(ctx, f.Content)
	}
	if errors.Is(err, iofs.ErrNotExist) {
		return "", 0
	}
	if err != nil {
		return "", t.fail("find", string(place)+" "+path, err)
	}
	return t.identityAttr(ctx, attr, c.BLAKE3)
}

// identifier is identifiedHere.
type identifier func(ctx context.Context, attr, path string, is func(*catalog.File) bool) (string, syscall.Errno)

// identifiedHere is identified for a file of this device.
func (t *tree) identifiedHere(ctx context.Context, attr, path string, is func(*catalog.File) bool) (string, syscall.Errno) {
	return t.identified(ctx, attr, catalog.DevicePlace(t.resolver.ThisDevice().ID), path, is)
}

// identified answers an attribute about what o holds, which is known if nothing of it is
// unsent: by what it carries, or by the catalog.
func (o *object) identified(ctx context.Context, attr string) (string, syscall.Errno) {
	o.mu.Lock()
	e, name, known := *o.present(), join(o.dir, o.seg), !o.gone && !o.link && (o.staged == nil || !o.staged.Dirty())
	o.mu.Unlock()
	if !known {
		return "", 0
	}
	t := o.store.tree
	if e.Meta != nil {
		if sum, err := identity.ParseSum(e.Meta.BLAKE3); err == nil && e.Size > 0 {
			return t.identityAttr(ctx, attr, sum)
		}
	}
	return t.identified(ctx, attr, catalog.VolumePlace(o.store.key), name, func(f *catalog.File) bool {
		return f.Version == e.Version && f.Size == e.Size
	})
}

// Getxattr answers the attributes of a content.
func (n *contentNode) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	value := ""
	switch attr {
	case uriAttr:
		value = n.uri()
	case contentAttr:
		value = n.id.String()
	case blake3Attr:
		value = n.is.BLAKE3.String()
	case locationsAttr:
		ctx, cancel := patient(ctx)
		defer cancel()
		var errno syscall.Errno
		if value, errno = n.tree.locations(ctx, n.is); errno != 0 {
			return 0, errno
		}
	default:
		return 0, noAttr
	}
	return answerXattr(value, dest)
}

// Listxattr names the attributes of a content.
func (n *contentNode) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	return answerXattr(strings.Join([]string{blake3Attr, contentAttr, locationsAttr, uriAttr, ""}, "\x00"), dest)
}
