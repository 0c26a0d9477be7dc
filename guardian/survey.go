package guardian

import (
	"context"
	"errors"
	iofs "io/fs"
	"slices"

	"sd/library/catalog"
)

// survey calls seen for the contents of which there is a proven file in the scopes, each once
// with all its copies, and unknown for the files there of which it is not known what they
// hold. It may also call seen for contents that lie elsewhere alone. Where a content has one
// copy only, its BLAKE3 is not set.
//
// What has several copies is asked for first, which is quick where that is little. Then the
// files are read through in their order. In between only the keys are kept.
func (g *Guardian) survey(ctx context.Context, scopes []Scope, seen func(catalog.Content, []catalog.Copy) error,
	unknown func(place catalog.Place, path string, size int64)) error {
	var several []catalog.Key // ascending
	err := g.catalog.EachDuplicate(ctx, func(c catalog.Content, copies []catalog.Copy) error {
		several = append(several, c.Key)
		return seen(c, copies)
	})
	if err != nil {
		return err
	}
	roots, err := g.bases(ctx, scopes)
	if err != nil {
		return err
	}
	one := make([]catalog.Copy, 1)
	file := func(place catalog.Place, path string, dir catalog.FolderID, f *catalog.File) error {
		if f.Type != catalog.Regular || f.Size == 0 {
			return nil
		}
		if !f.Proof.Proven() {
			unknown(place, path, f.Size)
			return nil
		}
		if _, ok := slices.BinarySearch(several, f.Content); ok {
			return nil
		}
		one[0] = catalog.Copy{Place: place, Folder: dir, Path: path, File: *f}
		return seen(catalog.Content{Key: f.Content, Size: f.Size}, one)
	}
	for _, s := range roots {
		if err := g.eachIn(ctx, s, file); err != nil {
			return err
		}
	}
	return nil
}

// eachIn calls fn for the files in a scope, which may be a file itself, or nothing.
func (g *Guardian) eachIn(ctx context.Context, s Scope, fn func(place catalog.Place, path string, dir catalog.FolderID, f *catalog.File) error) error {
	folder, err := g.catalog.FindFolder(ctx, s.Place, s.Path)
	if err == nil {
		return g.catalog.EachPath(ctx, folder.ID, func(path string, dir catalog.FolderID, f *catalog.File) error {
			return fn(s.Place, path, dir, f)
		})
	}
	if !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	dir, f, err := g.catalog.FindFile(ctx, s.Place, s.Path)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fn(s.Place, s.Path, dir, &f)
}

// bases are the scopes, or else the locations, that lie in no other.
func (g *Guardian) bases(ctx context.Context, scopes []Scope) ([]Scope, error) {
	if len(scopes) == 0 {
		locations, err := g.library.Locations(ctx)
		if err != nil {
			return nil, err
		}
		for _, l := range locations {
			scopes = append(scopes, Scope{l.Place, l.Path})
		}
	}
	var bases []Scope
	for i, s := range scopes {
		inner := slices.ContainsFunc(scopes, func(o Scope) bool { return o != s && o.Holds(s.Place, s.Path) })
		if !inner && !slices.Contains(scopes[:i], s) {
			bases = append(bases, s)
		}
	}
	return bases, nil
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
