package catalog

import (
	"database/sql/driver"
	"fmt"

	"github.com/google/uuid"

	"sd/identity"
)

// smallFile is the size in bytes up to which a fingerprint reads the whole file, so that
// nobody needs the one of a known content.
const smallFile = 102_400

// Identify says that the regular file has the bytes of that BLAKE3, and by which proof, at least
// Read. It returns false, and changes nothing, where the file is gone or not that version any more.
func (tx *Tx) Identify(folder FolderID, name string, was FileVersion, sum identity.Sum, print identity.Print, p Proof) (bool, error) {
	id := sum.ContentID()
	if id == uuid.Nil || was.Size == 0 {
		return false, fmt.Errorf("identify %q: %w", name, identity.ErrEmpty)
	}
	if !p.Proven() {
		return false, fmt.Errorf("catalog: %q was identified without a proof", name)
	}
	if was.Size <= smallFile {
		print = 0
	}
	key := tx.c.keyOf(id)
	tx.stamp = appendStamp(tx.stamp[:0], was.ModTime, was.Version)
	is, err := tx.first(`UPDATE files SET content = ?, proof = ?
		WHERE folder = ? AND name = ? AND type = 0 AND size = ? AND stamp = ? AND content IS NULL RETURNING 1`, nil,
		int64(key), int64(p), int64(folder), blob(name), was.Size, tx.stamp)
	if err != nil {
		return false, err
	}
	var old File
	if !is {
		if old, is, err = tx.file(folder, name); err != nil || !is || old.Type != Regular || old.FileVersion() != was {
			return false, err
		}
	}
	real, fresh, err := tx.content(key, sum, was.Size, print, folder)
	if err != nil {
		return false, err
	}
	if old.Content != 0 || real != key {
		if err := tx.each("UPDATE files SET content = ?, proof = ? WHERE folder = ? AND name = ?", nil,
			int64(real), int64(p), int64(folder), blob(name)); err != nil {
			return false, err
		}
	}
	switch {
	case old.Content == real:
		return true, nil
	case old.Content != 0:
		if err := tx.lose(old.Content, folder, name); err != nil {
			return false, err
		}
	}
	if fresh {
		return true, nil
	}
	return true, tx.gain(real, folder, name)
}

// content returns the Key of a content, and makes its row where there is none. A new row has
// its home in folder, if that is small: then it is at home there.
func (tx *Tx) content(key Key, sum identity.Sum, size int64, print identity.Print, folder FolderID) (_ Key, home bool, err error) {
	var at driver.Value
	small, err := tx.small(folder)
	if err != nil {
		return 0, false, err
	}
	if small {
		at = int64(folder)
	}
	for ; ; key = key.next() {
		made, err := tx.first("INSERT INTO contents ("+plainColumns+", home) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1", nil,
			int64(key), sum[:], size, orNull(int64(print)), at)
		if err != nil || made {
			return key, small, err
		}
		var have Content
		if _, err := tx.first("SELECT "+plainColumns+" FROM contents WHERE key = ?", func(row []driver.Value) error {
			have = readContent(row)
			return nil
		}, int64(key)); err != nil {
			return 0, false, err
		}
		if have.BLAKE3 == sum {
			if have.Size != size {
				return 0, false, fmt.Errorf("catalog: content %s has %d bytes, not %d", have.ID(), have.Size, size)
			}
			return key, false, nil
		}
	}
}

// small tells whether a folder has few enough files to be searched.
func (tx *Tx) small(folder FolderID) (bool, error) {
	s := tx.state(folder)
	if s.small == nil {
		n, err := tx.number("SELECT count(*) FROM (SELECT 1 FROM files WHERE folder = ? LIMIT ?)", int64(folder), int64(tx.c.limits.smallFolder+1))
		if err != nil {
			return false, err
		}
		small := n <= int64(tx.c.limits.smallFolder)
		s.small = &small
	}
	return *s.small, nil
}

// gain adds a file to its content: at home there, or with a row in copies.
func (tx *Tx) gain(key Key, folder FolderID, name string) error {
	small, err := tx.small(folder)
	if err != nil {
		return err
	}
	if small {
		home, err := tx.first("UPDATE contents SET home = ? WHERE key = ? AND home IS NULL RETURNING 1", nil, int64(folder), int64(key))
		if err != nil || home {
			return err
		}
	}
	return tx.each("INSERT INTO copies (content, folder, name) VALUES (?, ?, ?)", nil, int64(key), int64(folder), blob(name))
}

// lose takes a file out of its content.
func (tx *Tx) lose(key Key, folder FolderID, name string) error {
	had, err := tx.first("DELETE FROM copies WHERE content = ? AND folder = ? AND name = ? RETURNING 1", nil,
		int64(key), int64(folder), blob(name))
	if err != nil || had {
		return err
	}
	return tx.each("UPDATE contents SET home = NULL WHERE key = ? AND home = ?", nil, int64(key), int64(folder))
}

// trade takes a file from one content to another; 0 is none.
func (tx *Tx) trade(folder FolderID, name string, from, to Key) error {
	if from != 0 {
		if err := tx.lose(from, folder, name); err != nil {
			return err
		}
	}
	if to == 0 {
		return nil
	}
	return tx.gain(to, folder, name)
}

// Disprove takes Content, Proof and Hint from a file, so that it will be identified anew, if it
// is still that version.
func (tx *Tx) Disprove(folder FolderID, name string, was FileVersion) error {
	return tx.change(folder, name, was, func(f *File) { f.Content, f.Proof, f.Hint = 0, Unknown, 0 })
}

// SetHint sets the Hint of a file, if it is still that version.
func (tx *Tx) SetHint(folder FolderID, name string, was FileVersion, hint uint64) error {
	tx.stamp = appendStamp(tx.stamp[:0], was.ModTime, was.Version)
	return tx.each("UPDATE files SET hint = ? WHERE folder = ? AND name = ? AND size = ? AND stamp = ?", nil,
		orNull(int64(hint)), int64(folder), blob(name), was.Size, tx.stamp)
}

// SetSums sets the checksums of a file, if it is still that version.
func (tx *Tx) SetSums(folder FolderID, name string, was FileVersion, sums string) error {
	return tx.change(folder, name, was, func(f *File) { f.Sums = sums })
}

// SetKind sets the Kind of a file, if it is still that version.
func (tx *Tx) SetKind(folder FolderID, name string, was FileVersion, kind Kind) error {
	return tx.change(folder, name, was, func(f *File) { f.Kind = kind })
}

func (tx *Tx) change(folder FolderID, name string, was FileVersion, fn func(*File)) error {
	f, found, err := tx.file(folder, name)
	if err != nil || !found || f.FileVersion() != was {
		return err
	}
	old := f
	if fn(&f); f == old {
		return nil
	}
	if err := tx.write(folder, &f); err != nil {
		return err
	}
	if f.Content != old.Content {
		if err := tx.trade(folder, name, old.Content, f.Content); err != nil {
			return err
		}
	}
	if f.Kind == old.Kind {
		return nil
	}
	return tx.mark(folder, name)
}

// Sweep forgets contents without copies, and returns how many. Until then they are known.
func (tx *Tx) Sweep() (int64, error) {
	if err := tx.each("DELETE FROM orphans", nil); err != nil { // they name contents
		return 0, err
	}
	no := false
	tx.waiting = &no
	var n int64
	// The row before another one may be why that one has not the first Key of its id.
	err := tx.each(`DELETE FROM contents WHERE home IS NULL
		AND NOT EXISTS (SELECT 1 FROM copies WHERE content = contents.key)
		AND NOT EXISTS (SELECT 1 FROM contents AS other WHERE other.key = contents.key % 281474976710655 + 1)
		RETURNING 1`, func([]driver.Value) error { n++; return nil })
	return n, err
}
