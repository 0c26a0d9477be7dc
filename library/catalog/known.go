package catalog

import (
	"database/sql/driver"

	"sd/identity"
)

// Find returns the folder at a path of a place ("" is the top), and whether it is there.
func (v *View) Find(place Place, dir string) (Folder, bool, error) { return v.db.walk(place, dir) }

// Find is View.Find within the transaction.
func (tx *Tx) Find(place Place, dir string) (Folder, bool, error) { return tx.walk(place, dir) }

// EachSum hands fn up to limit files of a folder, in the order of their names, from the name
// from on, each with the BLAKE3 of its content; of one without a content that is nothing. The
// File is fn's during the call, its strings for good.
func (v *View) EachSum(folder FolderID, from string, limit int, fn func(*File, identity.Sum) error) error {
	var f File
	return v.db.each("SELECT "+fileColumns+", (SELECT blake3 FROM contents WHERE key = files.content) FROM files WHERE folder = ? AND name >= ? ORDER BY name LIMIT ?",
		func(row []driver.Value) error {
			if err := readFile(row, &f); err != nil {
				return err
			}
			var sum identity.Sum
			copy(sum[:], bytes(row[9]))
			return fn(&f, sum)
		}, int64(folder), blob(from), int64(limit))
}
