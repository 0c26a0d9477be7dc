package catalog

import (
	"database/sql/driver"
	"strconv"
	"strings"
)

// The fast way in writes rows of new files, many at once. Few is how many files of a folder are
// looked up one by one rather than all.
const (
	bulkRows = 16
	few      = 8
)

var bulkText, oneText = insertText(bulkRows), insertText(1)

// insertText is the statement that inserts n files into one folder, which is its first
// parameter. Of two with one name the first counts.
func insertText(n int) string {
	var b strings.Builder
	b.WriteString("INSERT OR IGNORE INTO files (folder, name, type, kind, size, stamp) VALUES ")
	p := 2
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(?1")
		for range 5 {
			b.WriteString(", ?" + strconv.Itoa(p))
			p++
		}
		b.WriteString(")")
	}
	return b.String()
}

// PutFiles is PutFile for many files of one folder, whose names differ. It is the fast way in; a folder of
// very many files is best put in the order of their names, some thousand at a time.
func (tx *Tx) PutFiles(folder FolderID, list []File) error {
	if len(list) == 0 {
		return nil
	}
	if err := tx.settle(); err != nil {
		return err
	}
	s := tx.state(folder)
	if len(list) > maxMarks {
		if err := tx.markAll(folder); err != nil {
			return err
		}
	}
	var have map[string]*File
	if !s.empty && len(list) > few {
		files, err := tx.filesBetween(folder, list)
		if err != nil {
			return err
		}
		have = make(map[string]*File, len(files))
		for i := range files {
			have[files[i].Name] = &files[i]
		}
	}
	b := bulk{tx: tx, folder: folder}
	for i := range list {
		f := &list[i]
		adopts, err := tx.orphaned() // which the last file may have changed
		if err != nil {
			return err
		}
		old, found := have[f.Name]
		if have == nil && !s.empty {
			var row File
			if row, found, err = tx.file(folder, f.Name); err != nil {
				return err
			}
			old = &row
		}
		switch {
		case found:
			err = tx.replace(folder, old, f)
		case adopts || f.Content != 0 || f.Proof != 0 || f.Hint != 0 || f.Sums != "":
			err = tx.insert(folder, f)
		default:
			err = b.add(f)
		}
		if err != nil {
			return err
		}
	}
	return b.flush()
}

// bulk is rows on their way into the table.
type bulk struct {
	tx     *Tx
	folder FolderID
	rows   int
	args   []driver.Value
	stamps []byte
}

func (b *bulk) add(f *File) error {
	if err := b.tx.mark(b.folder, f.Name); err != nil {
		return err
	}
	if len(b.args) == 0 {
		b.args = append(b.args, int64(b.folder))
	}
	at := len(b.stamps)
	b.stamps = appendStamp(b.stamps, f.ModTime, f.Version)
	b.args = append(b.args, blob(f.Name), int64(f.Type), int64(f.Kind), f.Size, b.stamps[at:len(b.stamps):len(b.stamps)])
	if b.rows++; b.rows < bulkRows {
		return nil
	}
	err := b.tx.each(bulkText, nil, b.args...)
	b.rows, b.args, b.stamps = 0, b.args[:0], b.stamps[:0]
	return err
}

func (b *bulk) flush() error {
	for i := range b.rows {
		args := append([]driver.Value{b.args[0]}, b.args[1+5*i:6+5*i]...)
		if err := b.tx.each(oneText, nil, args...); err != nil {
			return err
		}
	}
	b.tx.state(b.folder).empty = false
	return nil
}
