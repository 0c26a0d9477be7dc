package rclone

import (
	"context"
	"path"
	"slices"
	"strings"

	"sd/backends"

	"github.com/rclone/rclone/fs"
)

// written describes what a write of size bytes has made, as it is now: some services change what
// they store. -1 is a size that is not known. If somebody else has replaced it since, what was
// made is described, so that nobody takes their version for that of our bytes.
func (s *store) written(ctx context.Context, name string, o fs.Object, size int64) (backends.Entry, error) {
	made, changes := describe(ctx, name, o), s.rewrites(name)
	if size >= 0 && !made.Unsized && made.Size != size && !changes {
		// It was replaced before the upload was answered: nothing that is there has this version.
		made.Size, made.Sums = size, nil
		made.Version = version(made)
		return made, nil
	}
	found := &child{label: name, id: idOf(o), file: o}
	now, err := meta(ctx, s, "STAT", func(ctx context.Context, c *conn) (fs.Object, error) {
		return o.Fs().(fs.Fs).NewObject(ctx, o.Remote())
	})
	if err == nil && idOf(now) == found.id && (changes || sameBytes(made, describe(ctx, name, now))) {
		found.file = now
	}
	_, found.label = split(name)
	found.leaf = found.label
	found.place = place{o.Fs().(fs.Fs), o.Remote()}
	return s.entry(ctx, name, found), nil
}

// sameBytes tells whether two looks at a file may have seen the same bytes.
func sameBytes(a, b backends.Entry) bool {
	if a.Unsized || b.Unsized {
		return true
	}
	if a.Size != b.Size {
		return false
	}
	for _, sum := range a.Sums {
		i := slices.IndexFunc(b.Sums, func(other backends.Sum) bool { return other.Algorithm == sum.Algorithm })
		if i >= 0 {
			return b.Sums[i].Hex == sum.Hex
		}
	}
	return true
}

// office are the endings of documents into which Microsoft's services write by themselves.
var office = []string{
	".doc", ".docm", ".docx", ".dotm", ".dotx", ".one", ".potm", ".potx", ".ppsm", ".ppsx", ".ppt", ".pptm", ".pptx", ".vsdm", ".vsdx",
	".xls", ".xlsb", ".xlsm", ".xlsx", ".xltm", ".xltx",
}

// rewrites tells whether the service may change a file of that name after it was written.
func (s *store) rewrites(name string) bool {
	microsoft := s.remote.Type == "onedrive" || s.remote.Type == "webdav" && strings.HasPrefix(s.remote.Options["vendor"], "sharepoint")
	return microsoft && slices.Contains(office, strings.ToLower(path.Ext(name)))
}
