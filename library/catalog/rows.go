package catalog

import (
	"database/sql/driver"
	iofs "io/fs"

	"sd/identity"
	"sd/sdpath"
)

const (
	folderColumns = "id, parent, name, stamp, listed"
	fileColumns   = "name, type, kind, size, stamp, content, proof, hint, sums"
	plainColumns  = "key, blake3, size, print" // of contents
)

func readFolder(row []driver.Value, f *Folder) (err error) {
	*f = Folder{ID: FolderID(integer(row[0])), Parent: FolderID(integer(row[1])), Listed: integer(row[4]) != 0}
	if f.Parent != 0 {
		f.Name = text(row[2])
	}
	f.ModTime, f.Version, err = readStamp(bytes(row[3]))
	return err
}

func readFile(row []driver.Value, f *File) (err error) {
	f.Name, f.Type, f.Kind, f.Size = text(row[0]), Type(integer(row[1])), Kind(integer(row[2])), integer(row[3])
	f.Content, f.Proof, f.Hint, f.Sums = Key(integer(row[5])), Proof(integer(row[6])), uint64(integer(row[7])), text(row[8])
	f.ModTime, f.Version, err = readStamp(bytes(row[4]))
	return err
}

func readContent(row []driver.Value) Content {
	c := Content{Key: Key(integer(row[0])), Size: integer(row[2]), Print: identity.Print(integer(row[3]))}
	copy(c.BLAKE3[:], bytes(row[1]))
	return c
}

// root returns the top of a place.
func (c *conn) root(place Place) (id FolderID, found bool, err error) {
	f, found, err := c.child(0, string(place))
	return f.ID, found, err
}

func (c *conn) child(parent FolderID, name string) (f Folder, found bool, err error) {
	found, err = c.first("SELECT "+folderColumns+" FROM folders WHERE parent = ? AND name = ?", func(row []driver.Value) error {
		return readFolder(row, &f)
	}, int64(parent), blob(name))
	return f, found, err
}

func (c *conn) folder(id FolderID) (f Folder, found bool, err error) {
	found, err = c.first("SELECT "+folderColumns+" FROM folders WHERE id = ?", func(row []driver.Value) error {
		return readFolder(row, &f)
	}, int64(id))
	return f, found, err
}

// children returns the folders in a folder, in the order of their names.
func (c *conn) children(parent FolderID) (list []Folder, err error) {
	err = c.each("SELECT "+folderColumns+" FROM folders WHERE parent = ? ORDER BY name", func(row []driver.Value) error {
		var f Folder
		if err := readFolder(row, &f); err != nil {
			return err
		}
		list = append(list, f)
		return nil
	}, int64(parent))
	return list, err
}

func (c *conn) file(folder FolderID, name string) (f File, found bool, err error) {
	found, err = c.first("SELECT "+fileColumns+" FROM files WHERE folder = ? AND name = ?", func(row []driver.Value) error {
		return readFile(row, &f)
	}, int64(folder), blob(name))
	return f, found, err
}

// files appends the files of a folder to list, in the order of their names.
func (c *conn) files(folder FolderID, list []File) ([]File, error) {
	err := c.each("SELECT "+fileColumns+" FROM files WHERE folder = ? ORDER BY name", func(row []driver.Value) error {
		list = append(list, File{})
		return readFile(row, &list[len(list)-1])
	}, int64(folder))
	return list, err
}

// subtree returns a folder and all below it, in the order of their ids.
func (c *conn) subtree(under FolderID) (ids []FolderID, err error) {
	err = c.each(`WITH RECURSIVE tree (id) AS (SELECT id FROM folders WHERE id = ?
		UNION ALL SELECT folders.id FROM tree CROSS JOIN folders ON folders.parent = tree.id)
		SELECT id FROM tree ORDER BY id`, func(row []driver.Value) error {
		ids = append(ids, FolderID(integer(row[0])))
		return nil
	}, int64(under))
	return ids, err
}

// walk goes from the top of a place down to a folder. A file of such a name is no folder.
func (c *conn) walk(place Place, dir string) (f Folder, found bool, err error) {
	if f, found, err = c.child(0, string(place)); err != nil || !found {
		return f, found, err
	}
	for _, name := range sdpath.SplitKey(dir) {
		if f, found, err = c.child(f.ID, name); err != nil || !found {
			return f, found, err
		}
	}
	return f, true, nil
}

func notFound(op string, place Place, path string) error {
	return &iofs.PathError{Op: op, Path: string(place) + "/" + path, Err: iofs.ErrNotExist}
}
