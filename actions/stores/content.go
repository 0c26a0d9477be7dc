package stores

import (
	"context"
	"io/fs"

	"github.com/google/uuid"

	"sd/actions/steps"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// Content is every content that the library knows, by its id. It can only be read from: the
// bytes come from whichever copy answers (Sources).
type Content struct{ resolver *resolver.Resolver }

var _ Store = (*Content)(nil)

// Key is the same for all.
func (c *Content) Key() string { return "content" }

// Ref is the same for all.
func (c *Content) Ref() steps.StoreRef { return steps.StoreRef{Kind: "content", URI: "content://"} }

// URI returns content://ID; of what is no id, that of none.
func (c *Content) URI(name string) sdpath.Path {
	id, _ := uuid.Parse(name)
	return sdpath.Content{ID: id}
}

// Sources returns the copies of a content, the usable ones first, the best of them first of
// all: what Resolver.Sources tells.
func (c *Content) Sources(ctx context.Context, name string) (catalog.Content, []resolver.Source, error) {
	id, err := uuid.Parse(name)
	if err != nil {
		return catalog.Content{}, nil, &fs.PathError{Op: "find", Path: "content://" + name, Err: fs.ErrNotExist}
	}
	return c.resolver.Sources(ctx, id)
}

// Stat reads the catalog. The Entry is proven; its Version is its BLAKE3. It has no time and
// no mode, for those are its copies'.
func (c *Content) Stat(ctx context.Context, name string) (Entry, error) {
	id, err := uuid.Parse(name)
	if err != nil {
		return Entry{}, &fs.PathError{Op: "stat", Path: "content://" + name, Err: fs.ErrNotExist}
	}
	found, err := c.resolver.Catalog().Content(ctx, id)
	if err != nil {
		return Entry{}, &fs.PathError{Op: "stat", Path: "content://" + name, Err: err}
	}
	return Entry{Name: name, Size: found.Size, Version: found.BLAKE3.String(), Sum: found.BLAKE3, Proven: true}, nil
}

// Walk has nothing to list.
func (c *Content) Walk(_ context.Context, dir string, _ WalkOptions, _ func(*Entry) error) error {
	return c.refuse("list", dir)
}

// Children has nothing to list.
func (c *Content) Children(_ context.Context, dir string, _ func(*Entry) error) error {
	return c.refuse("list", dir)
}

// Join returns rel, if there is one.
func (c *Content) Join(dir, rel string) string {
	if rel == "" {
		return dir
	}
	return rel
}

// Rel returns name, unless it is dir.
func (c *Content) Rel(dir, name string) string {
	if dir == name {
		return ""
	}
	return name
}

// Split puts every content into one folder.
func (c *Content) Split(name string) (dir, base string) { return "", name }

// Mkdir is ErrReadOnly.
func (c *Content) Mkdir(_ context.Context, name string, _ *Entry) error {
	return c.refuse("mkdir", name)
}

// Remove is ErrReadOnly.
func (c *Content) Remove(_ context.Context, name, _ string) error { return c.refuse("remove", name) }

// Rmdir is ErrReadOnly.
func (c *Content) Rmdir(_ context.Context, name string) error { return c.refuse("rmdir", name) }

// SetMeta is ErrReadOnly.
func (c *Content) SetMeta(_ context.Context, name string, _ *Entry) error {
	return c.refuse("set attributes of", name)
}

// Space is nothing.
func (c *Content) Space(context.Context, string) (int64, error) { return 0, nil }

func (c *Content) refuse(op, name string) error {
	return &fs.PathError{Op: op, Path: "content://" + name, Err: ErrReadOnly}
}
