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
