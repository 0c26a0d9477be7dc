package catalog

import (
	"context"
	"database/sql/driver"
)

// View is one snapshot of the catalog, for the goroutine of the function that got it. While it
// is open, the database's log grows with what others write.
type View struct{ db *conn }

// View runs fn on a snapshot. Errors of fn come back as they are.
func (c *Catalog) View(ctx context.Context, fn func(*View) error) error {
	return c.read(ctx, func(db *conn) error { return fn(&View{db}) })
}

// EachFolder hands fn all folders in the order of their ids, also the tops of places.
func (v *View) EachFolder(fn func(Folder) error) error {
	return v.db.each("SELECT "+folderColumns+" FROM folders ORDER BY id", func(row []driver.Value) error {
		var f Folder
		if err := readFolder(row, &f); err != nil {
			return err
		}
		return fn(f)
	})
}

// EachFile hands fn all files in the order of their folders' ids and their names. The File is
// fn's during the call, its strings for good.
func (v *View) EachFile(fn func(FolderID, *File) error) error {
	var f File
	return v.db.each("SELECT folder, "+fileColumns+" FROM files ORDER BY folder, name", func(row []driver.Value) error {
		if err := readFile(row[1:], &f); err != nil {
			return err
		}
		return fn(FolderID(integer(row[0])), &f)
	})
}

// Roots returns the tops of all places.
func (v *View) Roots() (map[FolderID]Place, error) { return v.db.roots() }

// Fresh returns at most limit (0: all) of what changed since the name pack was made, and the number
// to call SetPack with for a pack made from this View. The number counts all changes, also those
// beyond the limit.
func (v *View) Fresh(limit int) (list []Fresh, last int64, err error) { return v.db.fresh(limit) }

// FreshCount returns how many changes Fresh has.
func (v *View) FreshCount() (int64, error) { return v.db.number("SELECT count(*) FROM fresh") }

// Pack returns the id that SetPack was given last, "" before that.
func (v *View) Pack() (id string, err error) {
	_, err = v.db.first("SELECT pack FROM catalog", func(row []driver.Value) error {
		id, _ = row[0].(string)
		return nil
	})
	return id, err
}

// Files returns the files of a folder in the order of their names.
func (v *View) Files(folder FolderID) ([]File, error) { return v.db.files(folder, nil) }

// File returns the file called name in folder, and whether there is one.
func (v *View) File(folder FolderID, name string) (File, bool, error) { return v.db.file(folder, name) }

// Folder returns a folder, and whether it is there.
func (v *View) Folder(id FolderID) (Folder, bool, error) { return v.db.folder(id) }

// Folders returns the folders in parent, in the order of their names.
func (v *View) Folders(parent FolderID) ([]Folder, error) { return v.db.children(parent) }

// Path returns where a folder is, as Catalog.Path does.
func (v *View) Path(id FolderID) (Place, string, error) {
	at, err := newPaths(v.db).of(id)
	return at.place, at.dir, err
}
