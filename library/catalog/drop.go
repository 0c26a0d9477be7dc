package catalog

import "database/sql/driver"

// DropSome is DropFolder for a folder that may hold more than one transaction should drop: it
// drops about limit files and folders of it, those farthest down first, and done says that the folder
// itself is gone too. Call it again until then.
func (tx *Tx) DropSome(id FolderID, limit int64) (files int64, done bool, err error) {
	left := limit
	done, err = tx.dropSome(id, &left, &files)
	return files, done, err
}

func (tx *Tx) dropSome(id FolderID, left, files *int64) (done bool, err error) {
	below, err := tx.children(id)
	if err != nil {
		return false, err
	}
	for _, f := range below {
		if done, err := tx.dropSome(f.ID, left, files); err != nil || !done {
			return false, err
		}
	}
	if *left <= 0 {
		return false, nil
	}
	last, more, err := tx.nameAt(id, *left)
	if err != nil {
		return false, err
	}
	if more {
		err := tx.dropUpTo(id, last)
		*files += *left
		*left = 0
		return false, err
	}
	n, err := tx.DropFolder(id)
	*files += n
	*left -= n + 1
	return err == nil, err
}

// nameAt returns the name of the nth file of a folder, and whether it has more than that.
func (tx *Tx) nameAt(id FolderID, n int64) (name string, more bool, err error) {
	if err := tx.settle(); err != nil {
		return "", false, err
	}
	rows := 0
	err = tx.each("SELECT name FROM files WHERE folder = ? ORDER BY name LIMIT 2 OFFSET ?", func(row []driver.Value) error {
		if rows++; rows == 1 {
			name = text(row[0])
		}
		return nil
	}, int64(id), n-1)
	return name, rows == 2, err
}

// dropUpTo drops the files of a folder up to a name.
func (tx *Tx) dropUpTo(id FolderID, last string) error {
	var known []File
	if err := tx.each("SELECT "+fileColumns+" FROM files WHERE folder = ? AND name <= ? AND content IS NOT NULL", func(row []driver.Value) error {
		known = append(known, File{})
		return readFile(row, &known[len(known)-1])
	}, int64(id), blob(last)); err != nil {
		return err
	}
	for i := range known {
		if err := tx.leave(id, &known[i]); err != nil {
			return err
		}
	}
	if err := tx.each("DELETE FROM files WHERE folder = ? AND name <= ?", nil, int64(id), blob(last)); err != nil {
		return err
	}
	return tx.markAll(id)
}
