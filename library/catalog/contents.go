package catalog

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
	"strings"
)

const hasCopy = "(home IS NOT NULL OR EXISTS (SELECT 1 FROM copies WHERE content = contents.key))"

// EachContent hands fn the contents with a Key above after that have a copy, proven or Kept, in the order of
// their Keys. It reads some thousand at a time, as EachFile does.
func (c *Catalog) EachContent(ctx context.Context, after Key, fn func(Content) error) error {
	pageRows := c.limits.pageRows
	page := make([]Content, 0, pageRows)
	for {
		page = page[:0]
		if err := c.read(ctx, func(db *conn) error {
			return db.each("SELECT "+plainColumns+" FROM contents WHERE key > ? AND "+hasCopy+" ORDER BY key LIMIT ?",
				func(row []driver.Value) error {
					page = append(page, readContent(row))
					return nil
				}, int64(after), int64(pageRows))
		}); err != nil {
			return err
		}
		for _, content := range page {
			if err := fn(content); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
		after = page[len(page)-1].Key
	}
}

// Copies returns the files of a content, proven ones first.
func (c *Catalog) Copies(ctx context.Context, key Key) (list []Copy, err error) {
	err = c.read(ctx, func(db *conn) error {
		list, err = db.copies(key, newPaths(db))
		return err
	})
	return list, err
}

func (c *conn) copies(key Key, paths *paths) ([]Copy, error) {
	files, err := c.filesOf(key)
	if err != nil {
		return nil, err
	}
	return locate(files, paths)
}

// filesOf returns the files of a content: those in copies and the one at home.
func (c *conn) filesOf(key Key) (list []dirFile, err error) {
	err = c.each("SELECT folder, name FROM copies WHERE content = ?", func(row []driver.Value) error {
		list = append(list, dirFile{FolderID(integer(row[0])), File{Name: text(row[1])}})
		return nil
	}, int64(key))
	if err != nil {
		return nil, err
	}
	named := list
	list = make([]dirFile, 0, len(named)+1)
	for _, n := range named {
		f, found, err := c.file(n.dir, n.file.Name)
		if err != nil {
			return nil, err
		}
		if found && f.Content == key {
			list = append(list, dirFile{n.dir, f})
		}
	}
	home, err := c.number("SELECT home FROM contents WHERE key = ?", int64(key))
	if err != nil || home == 0 {
		return list, err
	}
	err = c.each("SELECT "+fileColumns+" FROM files WHERE folder = ? AND content = ?", func(row []driver.Value) error {
		f := dirFile{dir: FolderID(home)}
		if err := readFile(row, &f.file); err != nil {
			return err
		}
		if !slices.ContainsFunc(named, func(n dirFile) bool { return n.dir == f.dir && n.file.Name == f.file.Name }) {
			list = append(list, f)
		}
		return nil
	}, home, int64(key))
	return list, err
}

// locate gives files their paths, and puts the proven ones first.
func locate(files []dirFile, paths *paths) ([]Copy, error) {
	if len(files) == 0 {
		return nil, nil
	}
	slices.SortFunc(files, func(a, b dirFile) int {
		if a.file.Proof.Proven() != b.file.Proof.Proven() {
			if a.file.Proof.Proven() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.dir, b.dir), strings.Compare(a.file.Name, b.file.Name))
	})
	list := make([]Copy, len(files))
	for i, f := range files {
		at, err := paths.of(f.dir)
		if err != nil {
			return nil, err
		}
		list[i] = Copy{Place: at.place, Folder: f.dir, Path: at.join(f.file.Name), File: f.file}
	}
	return list, nil
}
