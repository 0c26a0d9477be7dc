package catalog

import (
	"context"
	"database/sql/driver"
)

// FileQuery says which files a walk is about.
type FileQuery struct {
	Under    FolderID // those in this folder and below; 0: all
	Regular  bool     // regular files alone
	Unproven bool     // regular files with bytes whose Content is not proven alone
}

func (q FileQuery) where() string {
	switch {
	case q.Unproven:
		return " AND type = 0 AND size > 0 AND proof < 2"
	case q.Regular:
		return " AND type = 0"
	}
	return ""
}

// dirFile is a file with its folder.
type dirFile struct {
	dir  FolderID
	file File
}

// EachFile hands fn the files of q in the order of their folders' ids and their names. It reads
// some thousand at a time and holds nothing in between, so a long walk keeps no writer from tidying
// up behind itself. It sees some of the changes made meanwhile; fn may make them. The
// File is fn's during the call, its strings for good. Errors of fn end it and come back as they are.
func (c *Catalog) EachFile(ctx context.Context, q FileQuery, fn func(dir FolderID, f *File) error) error {
	return c.eachPage(ctx, q, func(_ *conn, page []dirFile) (func() error, error) {
		return func() error {
			for i := range page {
				if err := fn(page[i].dir, &page[i].file); err != nil {
					return err
				}
			}
			return nil
		}, nil
	})
}

// EachPath is EachFile for all files in a folder and below it (0: all), with their whole paths in their
// places.
func (c *Catalog) EachPath(ctx context.Context, under FolderID, fn func(path string, dir FolderID, f *File) error) error {
	return c.eachPage(ctx, FileQuery{Under: under}, func(db *conn, page []dirFile) (func() error, error) {
		paths := newPaths(db)
		full := make([]string, len(page))
		for i := range page {
			at, err := paths.of(page[i].dir)
			if err != nil {
				return nil, err
			}
			full[i] = at.join(page[i].file.Name)
		}
		return func() error {
			for i := range page {
				if err := fn(full[i], page[i].dir, &page[i].file); err != nil {
					return err
				}
			}
			return nil
		}, nil
	})
}

// eachPage calls see with one page of files after the other on their snapshot, and then, outside of
// it, what see returned.
func (c *Catalog) eachPage(ctx context.Context, q FileQuery, see func(*conn, []dirFile) (func() error, error)) error {
	var dirs []FolderID // that are left; nil: all
	if q.Under != 0 {
		if err := c.read(ctx, func(db *conn) (err error) {
			dirs, err = db.subtree(q.Under)
			return err
		}); err != nil {
			return err
		}
		if len(dirs) == 0 {
			return nil
		}
	}
	pageRows := c.limits.pageRows
	page := make([]dirFile, 0, pageRows)
	var after FolderID
	var name []byte // nil: the folder from its beginning
	for {
		page = page[:0]
		var then func() error
		more := false
		err := c.read(ctx, func(db *conn) (err error) {
			add := func(row []driver.Value) error {
				page = append(page, dirFile{dir: FolderID(integer(row[0]))})
				return readFile(row[1:], &page[len(page)-1].file)
			}
			if q.Under == 0 {
				if name == nil {
					name = []byte{}
				}
				err = db.each("SELECT folder, "+fileColumns+" FROM files WHERE (folder, name) > (?, ?)"+q.where()+" ORDER BY folder, name LIMIT ?",
					add, int64(after), name, int64(pageRows))
				more = len(page) == pageRows
			} else {
				for len(dirs) > 0 && len(page) < pageRows && err == nil {
					left := pageRows - len(page)
					before := len(page)
					if name == nil {
						err = db.each("SELECT folder, "+fileColumns+" FROM files WHERE folder = ?"+q.where()+" ORDER BY name LIMIT ?",
							add, int64(dirs[0]), int64(left))
					} else {
						err = db.each("SELECT folder, "+fileColumns+" FROM files WHERE folder = ? AND name > ?"+q.where()+" ORDER BY name LIMIT ?",
							add, int64(dirs[0]), name, int64(left))
					}
					if len(page)-before < left {
						dirs, name = dirs[1:], nil
					}
				}
				more = len(dirs) > 0
			}
			if err != nil {
				return err
			}
			then, err = see(db, page)
			return err
		})
		if err != nil {
			return err
		}
		if len(page) > 0 && more {
			last := &page[len(page)-1]
			after = last.dir
			if q.Under == 0 || dirs[0] == last.dir {
				name = blob(last.file.Name)
			}
		}
		if err := then(); err != nil || !more {
			return err
		}
	}
}
