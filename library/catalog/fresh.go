package catalog

import "database/sql/driver"

// maxMarks is how many files of one folder a transaction marks before it marks the folder.
const maxMarks = 64

// sequence returns the number of the transaction. Marks of an older snapshot have lower ones.
func (tx *Tx) sequence() (int64, error) {
	if tx.seq != 0 {
		return tx.seq, nil
	}
	var err error
	tx.seq, err = tx.number("UPDATE catalog SET seq = seq + 1 RETURNING seq")
	return tx.seq, err
}

// mark says that the name pack does not have the file as it is now.
func (tx *Tx) mark(folder FolderID, name string) error {
	s := tx.state(folder)
	if s.whole {
		return nil
	}
	seq, err := tx.sequence()
	if err != nil {
		return err
	}
	if !s.fresh {
		s.fresh = true
		s.whole, err = tx.change("UPDATE fresh SET seq = ? WHERE folder = ? AND whole = 1", seq, int64(folder))
		if err != nil || s.whole {
			return err
		}
	}
	if s.marks++; s.marks > maxMarks {
		return tx.markAll(folder)
	}
	return tx.each("INSERT OR REPLACE INTO fresh (folder, whole, name, seq) VALUES (?, 0, ?, ?)", nil, int64(folder), blob(name), seq)
}

// markAll says that the name pack has neither the folder nor any of its files as they are now.
func (tx *Tx) markAll(folder FolderID) error {
	s := tx.state(folder)
	if s.whole {
		return nil
	}
	seq, err := tx.sequence()
	if err != nil {
		return err
	}
	if !s.empty {
		if err := tx.each("DELETE FROM fresh WHERE folder = ?", nil, int64(folder)); err != nil {
			return err
		}
	}
	s.whole = true
	return tx.each("INSERT INTO fresh (folder, whole, name, seq) VALUES (?, 1, x'', ?)", nil, int64(folder), seq)
}

// SetPack says which name pack holds all changes up to upTo, as View.Fresh returned it.
func (tx *Tx) SetPack(id string, upTo int64) error {
	if err := tx.each("DELETE FROM fresh WHERE seq <= ?", nil, upTo); err != nil {
		return err
	}
	clear(tx.seen)
	return tx.each("UPDATE catalog SET pack = ?", nil, id)
}

// fresh returns at most limit changes (all: 0), and the number of the last change.
func (c *conn) fresh(limit int) (list []Fresh, last int64, err error) {
	if limit <= 0 {
		limit = -1
	}
	if last, err = c.number("SELECT seq FROM catalog"); err != nil {
		return nil, 0, err
	}
	err = c.each("SELECT folder, whole, name FROM fresh ORDER BY folder, whole DESC, name LIMIT ?", func(row []driver.Value) error {
		list = append(list, Fresh{Folder: FolderID(integer(row[0])), All: integer(row[1]) != 0, Name: text(row[2])})
		return nil
	}, int64(limit))
	return list, last, err
}
