// Package testtree makes up trees of files as people have them: photos, documents, music,
// sources, mail, caches. Equal numbers make equal trees. Tests and benchmarks fill
// catalogs and directories with them.
package testtree

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"sd/identity"
	"sd/library/catalog"
)

// PerFolder is how many files a folder has on average.
const PerFolder = 20

// Folder is one folder of a tree.
type Folder struct {
	Number int    // 0 is the top; those in it have higher numbers than a folder itself
	Parent int    // -1 for the top
	Name   string // "" for the top
	Path   string // from the top, without slashes at its ends
	Files  []File
}

// File is one file of a tree.
type File struct {
	Name    string
	Size    int64
	ModTime time.Time
}

// Each makes up a tree of files files and hands fn its folders, each after the one it lies in. The
// Files are fn's during the call.
func Each(files int, seed uint64, fn func(*Folder) error) error {
	g := &generator{rand: rand.New(rand.NewPCG(seed, 7))}
	dirs := []dir{{}}
	var f Folder
	for made, n := 0, 0; made < files; n++ {
		f = Folder{Number: n, Parent: -1, Files: f.Files[:0]}
		if n > 0 {
			d, p := g.dir(dirs)
			d.path = join(dirs[p].path, d.name)
			dirs = append(dirs, d)
			f.Parent, f.Name, f.Path = p, d.name, d.path
		}
		count := min(g.count(), files-made)
		g.begin(dirs[n].style)
		for range count {
			f.Files = append(f.Files, g.file())
		}
		made += count
		if err := fn(&f); err != nil {
			return err
		}
	}
	return nil
}

// Fill puts such a tree at the path dir of a place. Each file has a version as local files do.
func Fill(ctx context.Context, c *catalog.Catalog, place catalog.Place, dir string, files int, seed uint64) error {
	const each = 500 // folders in a transaction
	var ids []catalog.FolderID
	var batch []Folder
	var list []catalog.File
	inode := seed << 32
	put := func() error {
		err := c.Update(ctx, func(tx *catalog.Tx) error {
			for i := range batch {
				f := &batch[i]
				var id catalog.FolderID
				var err error
				if f.Parent < 0 {
					id, err = tx.MakePath(place, dir)
				} else {
					id, err = tx.AddFolder(catalog.Folder{Parent: ids[f.Parent], Name: f.Name, ModTime: 1.7e18 + int64(f.Number)*1e9, Listed: true})
				}
				if err != nil {
					return err
				}
				ids = append(ids, id)
				list = list[:0]
				for _, file := range f.Files {
					inode++
					ns := file.ModTime.UnixNano()
					list = append(list, catalog.File{
						Name: file.Name, Kind: catalog.KindOf(file.Name), Size: file.Size, ModTime: ns, Version: identity.LocalVersion(ns, inode),
					})
				}
				if err := tx.PutFiles(id, list); err != nil {
					return err
				}
			}
			return nil
		})
		batch = batch[:0]
		return err
	}
	err := Each(files, seed, func(f *Folder) error {
		own := *f
		own.Files = append([]File(nil), f.Files...)
		if batch = append(batch, own); len(batch) < each {
			return nil
		}
		return put()
	})
	if err != nil || len(batch) == 0 {
		return err
	}
	return put()
}

// Make makes such a tree of empty files in the directory dir, which exists, and returns how many folders
// it has. For other contents, write calls fn for each path with the size that the file would have.
func Make(dir string, files int, seed uint64, fn func(path string, f File) error) (folders int, err error) {
	if fn == nil {
		fn = func(path string, _ File) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return err
			}
			return f.Close()
		}
	}
	err = Each(files, seed, func(f *Folder) error {
		at := filepath.Join(dir, filepath.FromSlash(f.Path))
		if f.Number > 0 {
			if err := os.Mkdir(at, 0o755); err != nil {
				return err
			}
		}
		for _, file := range f.Files {
			if err := fn(filepath.Join(at, file.Name), file); err != nil {
				return fmt.Errorf("%s: %w", file.Name, err)
			}
		}
		folders++
		return nil
	})
	return folders, err
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
