package catalog

import "database/sql/driver"

// FilesFrom appends to buf up to limit files of a folder, in the order of their names, from
// the name from on.
func (v *View) FilesFrom(folder FolderID, from string, limit int, buf []File) ([]File, error) {
	err := v.db.each("SELECT "+fileColumns+" FROM files WHERE folder = ? AND name >= ? ORDER BY name LIMIT ?", func(row []driver.Value) error {
		buf = append(buf, File{})
		return readFile(row, &buf[len(buf)-1])
	}, int64(folder), blob(from), int64(limit))
	return buf, err
}

// filesBetween returns the files of a folder whose names lie from the first of list's to the
// last: a folder with millions is put in piece by piece.
func (c *conn) filesBetween(folder FolderID, list []File) (found []File, err error) {
	first, last := list[0].Name, list[0].Name
	for i := range list {
		first, last = min(first, list[i].Name), max(last, list[i].Name)
	}
	err = c.each("SELECT "+fileColumns+" FROM files WHERE folder = ? AND name >= ? AND name <= ? ORDER BY name", func(row []driver.Value) error {
		found = append(found, File{})
		return readFile(row, &found[len(found)-1])
	}, int64(folder), blob(first), blob(last))
	return found, err
}
