package catalog

import (
	"database/sql/driver"
	"fmt"
	iofs "io/fs"

	"sd/sdpath"
)

// Tx is a transaction that changes the catalog. It sees its own changes.
type Tx struct {
	c *Catalog
	*conn

	seq     int64 // of this transaction in fresh; 0: it has left nothing there yet
	moved   int64 // files that took an orphan's content
	waiting *bool // whether there are orphans at all; nil: not looked yet
	stamp   []byte
	pending []pending
	seen    map[FolderID]*folderState
}

// folderState is what the transaction knows of a folder.
type folderState struct {
	empty bool // made here, and no file was put in yet
	whole bool // marked as a whole
	fresh bool // its marks of before were looked for
	marks int
	small *bool
	root  FolderID // 0: not known
}

func (tx *Tx) state(id FolderID) *folderState {
	s := tx.seen[id]
	if s == nil {
		s = &folderState{}
		tx.seen[id] = s
	}
	return s
}

// finish writes what the transaction has put off.
func (tx *Tx) finish() error {
	if err := tx.settle(); err != nil {
		return err
	}
	if tx.moved == 0 {
		return nil
	}
	return tx.each("UPDATE catalog SET moved = moved + ?", nil, tx.moved)
}

// Root returns the folder at the top of a place. It is made where there is none.
func (tx *Tx) Root(place Place) (FolderID, error) {
	if place == "" {
		return 0, fmt.Errorf("catalog: a place needs a name")
	}
	id, found, err := tx.root(place)
	if err != nil || found {
		return id, err
	}
	return tx.insertFolder(0, string(place), Folder{})
}

// Folder returns the folder called name in parent, and whether there is one.
func (tx *Tx) Folder(parent FolderID, name string) (Folder, bool, error) {
	return tx.child(parent, name)
}

// FolderByID returns a folder, and whether there is one.
func (tx *Tx) FolderByID(id FolderID) (Folder, bool, error) { return tx.folder(id) }

// Folders returns the folders in parent, in the order of their names.
func (tx *Tx) Folders(parent FolderID) ([]Folder, error) { return tx.children(parent) }

// Path returns where a folder is: its place and its path there, without a slash at either
// end. A folder that is gone is iofs.ErrNotExist.
func (tx *Tx) Path(id FolderID) (Place, string, error) {
	at, err := newPaths(tx.conn).of(id)
	return at.place, at.dir, err
}

// MakePath returns the folder dir of a place ("" is the top), and makes it and those on the
// way that are missing.
func (tx *Tx) MakePath(place Place, dir string) (FolderID, error) {
	id, err := tx.Root(place)
	if err != nil {
		return id, err
	}
	for _, name := range sdpath.SplitKey(dir) {
		f, found, err := tx.child(id, name)
		if err != nil {
			return 0, err
		}
		if !found {
			if f.ID, err = tx.insertFolder(id, name, Folder{}); err != nil {
				return 0, err
			}
		}
		id = f.ID
	}
	return id, nil
}

// AddFolder puts a folder into f.Parent and returns its id; f.ID counts for nothing. Where there is one of
// that name already, AddFolder sets its time, version and Listed.
func (tx *Tx) AddFolder(f Folder) (FolderID, error) {
	if f.Parent == 0 {
		return 0, fmt.Errorf("catalog: folder %q has no parent; Root makes the top of a place", f.Name)
	}
	have, found, err := tx.child(f.Parent, f.Name)
	if err != nil {
		return 0, err
	}
	if found {
		f.ID = have.ID
		return f.ID, tx.SetFolder(f)
	}
	return tx.insertFolder(f.Parent, f.Name, f)
}

func (tx *Tx) insertFolder(parent FolderID, name string, f Folder) (id FolderID, err error) {
	tx.stamp = appendStamp(tx.stamp[:0], f.ModTime, f.Version)
	_, err = tx.first("INSERT INTO folders (parent, name, stamp, listed) VALUES (?, ?, ?, ?) RETURNING id",
		func(row []driver.Value) error {
			id = FolderID(integer(row[0]))
			return nil
		}, int64(parent), blob(name), tx.stamp, flag(f.Listed))
	if err != nil {
		return 0, err
	}
	s := tx.state(id)
	s.empty, s.fresh = true, true
	return id, tx.markAll(id)
}

// SetFolder sets the time, the version and Listed of the folder f.ID. A folder that is gone is
// iofs.ErrNotExist.
func (tx *Tx) SetFolder(f Folder) error {
	have, found, err := tx.folder(f.ID)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("folder %d of the index: %w", f.ID, iofs.ErrNotExist)
	}
	if have.ModTime == f.ModTime && have.Version == f.Version && have.Listed == f.Listed {
		return nil
	}
	tx.stamp = appendStamp(tx.stamp[:0], f.ModTime, f.Version)
	if err := tx.each("UPDATE folders SET stamp = ?, listed = ? WHERE id = ?", nil, tx.stamp, flag(f.Listed), int64(f.ID)); err != nil {
		return err
	}
	if have.ModTime == f.ModTime {
		return nil // the name pack has no more of a folder
	}
	return tx.markAll(f.ID)
}

// SetFolders is SetFolder for all of list.
func (tx *Tx) SetFolders(list []Folder) error {
	for _, f := range list {
		if err := tx.SetFolder(f); err != nil {
			return err
		}
	}
	return nil
}

// MoveFolder gives a folder another parent and name. A folder of that name there is dropped. Its
// files keep all that is known of them.
func (tx *Tx) MoveFolder(id, newParent FolderID, newName string) error {
	have, found, err := tx.folder(id)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("folder %d of the index: %w", id, iofs.ErrNotExist)
	}
	if have.Parent == 0 || newParent == 0 {
		return fmt.Errorf("catalog: the top of a place cannot move")
	}
	if have.Parent == newParent && have.Name == newName {
		return nil
	}
	for at := newParent; at != 0; {
		if at == id {
			return fmt.Errorf("catalog: folder %d cannot move into itself", id)
		}
		up, found, err := tx.folder(at)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("folder %d of the index: %w", at, iofs.ErrNotExist)
		}
		at = up.Parent
	}
	there, found, err := tx.child(newParent, newName)
	if err != nil {
		return err
	}
	if found {
		inside, err := tx.subtree(there.ID)
		if err != nil {
			return err
		}
		for _, f := range inside {
			if f == id {
				return fmt.Errorf("catalog: folder %d cannot take the place of one that it lies in", id)
			}
		}
		if _, err := tx.DropFolder(there.ID); err != nil {
			return err
		}
	}
	for _, s := range tx.seen {
		s.root = 0
	}
	if err := tx.each("UPDATE folders SET parent = ?, name = ? WHERE id = ?", nil, int64(newParent), blob(newName), int64(id)); err != nil {
		return err
	}
	return tx.markAll(id)
}

// DropFolder forgets a folder and all below it, and returns how many files that were.
// What is known of the files' contents waits for Adopt. A folder that is gone is no error.
func (tx *Tx) DropFolder(id FolderID) (files int64, err error) {
	if err := tx.settle(); err != nil {
		return 0, err
	}
	ids, err := tx.subtree(id)
	if err != nil {
		return 0, err
	}
	for _, dir := range ids {
		var known []File
		if err := tx.each("SELECT "+fileColumns+" FROM files WHERE folder = ? AND content IS NOT NULL", func(row []driver.Value) error {
			known = append(known, File{})
			return readFile(row, &known[len(known)-1])
		}, int64(dir)); err != nil {
			return files, err
		}
		for i := range known {
			if err := tx.leave(dir, &known[i]); err != nil {
				return files, err
			}
		}
		n, err := tx.number("SELECT count(*) FROM files WHERE folder = ?", int64(dir))
		if err != nil {
			return files, err
		}
		files += n
		if err := tx.each("DELETE FROM files WHERE folder = ?", nil, int64(dir)); err != nil {
			return files, err
		}
	}
	for _, dir := range ids { // after all: leave looks for the top of the place
		if err := tx.each("DELETE FROM folders WHERE id = ?", nil, int64(dir)); err != nil {
			return files, err
		}
		if err := tx.markAll(dir); err != nil {
			return files, err
		}
		delete(tx.seen, dir)
	}
	return files, nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
