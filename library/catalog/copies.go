package catalog

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
)

// contentCopies is a content with the files that have it.
type contentCopies struct {
	content Content
	copies  []Copy
}

// EachCopy hands fn all contents that have copies, in the order of their Keys, each with all
// its copies, proven ones first. It goes through all files several times, once for some ten thousand
// of them: seconds for a million. Each content is told as it was at one moment.
func (c *Catalog) EachCopy(ctx context.Context, fn func(Content, []Copy) error) error {
	var files int64
	if err := c.read(ctx, func(db *conn) (err error) {
		files, err = db.number("SELECT count(*) FROM files WHERE content IS NOT NULL")
		return err
	}); err != nil {
		return err
	}
	width := (Key(1)<<keyBits)/Key(files/int64(c.limits.sliceFiles)+1) + 1
	for from := Key(0); from < 1<<keyBits; from += width {
		var list []contentCopies
		if err := c.read(ctx, func(db *conn) (err error) {
			list, err = db.copiesBetween(from, from+width)
			return err
		}); err != nil {
			return err
		}
		for _, l := range list {
			if err := fn(l.content, l.copies); err != nil {
				return err
			}
		}
	}
	return nil
}

// copiesBetween returns the contents whose Keys are in a range.
func (c *conn) copiesBetween(from, to Key) ([]contentCopies, error) {
	var files []dirFile
	err := c.each("SELECT folder, "+fileColumns+" FROM files WHERE content >= ? AND content < ?", func(row []driver.Value) error {
		files = append(files, dirFile{dir: FolderID(integer(row[0]))})
		return readFile(row[1:], &files[len(files)-1].file)
	}, int64(from), int64(to))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b dirFile) int { return cmp.Compare(a.file.Content, b.file.Content) })
	paths := newPaths(c)
	var list []contentCopies
	err = c.each("SELECT "+plainColumns+" FROM contents WHERE key >= ? AND key < ? ORDER BY key", func(row []driver.Value) error {
		content := readContent(row)
		n := 0
		for n < len(files) && files[n].file.Content <= content.Key {
			n++
		}
		if n == 0 {
			return nil
		}
		copies, err := locate(files[:n], paths)
		if err != nil {
			return err
		}
		files = files[n:]
		list = append(list, contentCopies{content, copies})
		return nil
	}, int64(from), int64(to))
	return list, err
}

// EachDuplicate is EachCopy for contents that have two copies or more. It reads no more than
// those: it is quick where they are few.
func (c *Catalog) EachDuplicate(ctx context.Context, fn func(Content, []Copy) error) error {
	return c.eachOf(ctx, "SELECT DISTINCT content FROM copies WHERE content > ? ORDER BY content LIMIT ?", nil,
		func(content Content, copies []Copy) error {
			if len(copies) < 2 {
				return nil
			}
			return fn(content, copies)
		})
}

// EachOfSize hands fn, in the order of their Keys, all contents whose size want accepts, with their
// copies on devices that are proven. It goes through all contents once: a tenth of a second for a
// million; so ask for many sizes at once.
func (c *Catalog) EachOfSize(ctx context.Context, want func(size int64) bool, fn func(Content, []Copy) error) error {
	return c.eachOf(ctx, "SELECT key, size FROM contents WHERE key > ? AND "+hasCopy+" ORDER BY key LIMIT ?", want,
		func(content Content, copies []Copy) error {
			copies = slices.DeleteFunc(copies, func(c Copy) bool { return !c.Place.Local() || !c.File.Proof.Proven() })
			if len(copies) == 0 {
				return nil
			}
			return fn(content, copies)
		})
}

// BySize returns the proven files of that size on devices. See EachOfSize for more than a few sizes.
func (c *Catalog) BySize(ctx context.Context, size int64) (list []Copy, err error) {
	err = c.EachOfSize(ctx, func(s int64) bool { return s == size }, func(_ Content, copies []Copy) error {
		list = append(list, copies...)
		return nil
	})
	return list, err
}

// eachOf hands fn the contents whose Keys a query returns, page by page, after a Key. Where
// the query has a second column, want says by it which ones.
func (c *Catalog) eachOf(ctx context.Context, query string, want func(int64) bool, fn func(Content, []Copy) error) error {
	after, pageRows := Key(0), c.limits.pageRows
	for {
		var list []contentCopies
		rows := 0
		if err := c.read(ctx, func(db *conn) error {
			var keys []Key
			if err := db.each(query, func(row []driver.Value) error {
				rows++
				after = Key(integer(row[0]))
				if want == nil || want(integer(row[1])) {
					keys = append(keys, after)
				}
				return nil
			}, int64(after), int64(pageRows)); err != nil {
				return err
			}
			paths := newPaths(db)
			for _, key := range keys {
				content, found, err := db.contentByKey(key)
				if err != nil {
					return err
				}
				copies, err := db.copies(key, paths)
				if err != nil {
					return err
				}
				if found && len(copies) > 0 {
					list = append(list, contentCopies{content, copies})
				}
			}
			return nil
		}); err != nil {
			return err
		}
		for _, l := range list {
			if err := fn(l.content, l.copies); err != nil {
				return err
			}
		}
		if rows < pageRows {
			return nil
		}
	}
}

// EachProbable hands fn the groups of two and more files that have one Hint, by Hint, without those whose files are all
// proven to have one content.
func (c *Catalog) EachProbable(ctx context.Context, fn func(hint uint64, files []Copy) error) error {
	type group struct {
		hint  uint64
		files []Copy
	}
	after, first, page := int64(0), true, c.limits.pageRows/16+1
	for {
		var list []group
		n := 0
		if err := c.read(ctx, func(db *conn) error {
			var hints []int64
			query, args := "SELECT hint FROM files WHERE hint IS NOT NULL AND hint > ? GROUP BY hint HAVING count(*) > 1 ORDER BY hint LIMIT ?", []driver.Value{after, int64(page)}
			if first {
				query, args = "SELECT hint FROM files WHERE hint IS NOT NULL GROUP BY hint HAVING count(*) > 1 ORDER BY hint LIMIT ?", args[1:]
			}
			first = false
			if err := db.each(query, func(row []driver.Value) error {
				after = integer(row[0])
				n++
				hints = append(hints, after)
				return nil
			}, args...); err != nil {
				return err
			}
			paths := newPaths(db)
			for _, hint := range hints {
				var files []dirFile
				if err := db.each("SELECT folder, "+fileColumns+" FROM files WHERE hint = ?", func(row []driver.Value) error {
					files = append(files, dirFile{dir: FolderID(integer(row[0]))})
					return readFile(row[1:], &files[len(files)-1].file)
				}, hint); err != nil {
					return err
				}
				one := func(f dirFile) bool {
					return f.file.Proof.Proven() && f.file.Content == files[0].file.Content
				}
				if len(files) < 2 || !slices.ContainsFunc(files, func(f dirFile) bool { return !one(f) }) {
					continue
				}
				copies, err := locate(files, paths)
				if err != nil {
					return err
				}
				list = append(list, group{uint64(hint), copies})
			}
			return nil
		}); err != nil {
			return err
		}
		for _, g := range list {
			if err := fn(g.hint, g.files); err != nil {
				return err
			}
		}
		if n < page {
			return nil
		}
	}
}
