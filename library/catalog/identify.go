package catalog

import (
	"cmp"
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"sd/identity"
)

// smallFile is the size in bytes up to which a fingerprint reads the whole file, so that
// nobody needs the one of a known content.
const smallFile = 102_400

// Identify says that the regular file has the bytes of that BLAKE3, and by which proof, at least
// Read. It returns false, and changes nothing, where the file is gone or not that version any more.
// Where that content is known with another size, one of the two is wrong: who has read the bytes is right.
// The other files, or this one, then have no content.
// It is quickest with files without a Content, ten thousand and more in one transaction.
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
	is, err := tx.change(`UPDATE files SET content = ?, proof = ?
		WHERE folder = ? AND name = ? AND type = 0 AND size = ? AND stamp = ? AND content IS NULL`,
		int64(key), int64(p), int64(folder), blob(name), was.Size, tx.stamp)
	if err != nil {
		return false, err
	}
	if is {
		tx.pending = append(tx.pending, pending{Content{key, sum, was.Size, print}, folder, name, p})
		if len(tx.pending) >= maxPending {
			return true, tx.settle()
		}
		return true, nil
	}
	if err := tx.settle(); err != nil {
		return false, err
	}
	old, is, err := tx.file(folder, name)
	if err != nil || !is || old.Type != Regular || old.FileVersion() != was {
		return false, err
	}
	real, home, err := tx.content(Content{key, sum, was.Size, print}, folder, p)
	if err != nil || real == 0 {
		return false, err
	}
	if err := tx.setContent(folder, name, real, p); err != nil || old.Content == real {
		return true, err
	}
	if old.Content != 0 {
		if err := tx.lose(old.Content, folder, name); err != nil {
			return false, err
		}
	}
	if home {
		return true, nil
	}
	return true, tx.gain(real, folder, name)
}

// pending is a file that has its content's first Key in its row, while the content does not know it yet.
type pending struct {
	content Content
	folder  FolderID
	name    string
	proof   Proof
}

// maxPending is how many files wait to be made known to their contents.
const maxPending = 1 << 14

// settle makes all pending files known to their contents, in the order of these: so a page of
// the table is read and written once for all of its rows.
func (tx *Tx) settle() error {
	if len(tx.pending) == 0 {
		return nil
	}
	slices.SortStableFunc(tx.pending, func(a, b pending) int { return cmp.Compare(a.content.Key, b.content.Key) })
	for _, p := range tx.pending {
		key, home, err := tx.content(p.content, p.folder, p.proof)
		if err != nil {
			return err
		}
		if key == 0 {
			if err := tx.clearContent(p.folder, p.name); err != nil {
				return err
			}
			continue
		}
		if key != p.content.Key {
			if err := tx.each("UPDATE files SET content = ? WHERE folder = ? AND name = ?", nil, int64(key), int64(p.folder), blob(p.name)); err != nil {
				return err
			}
		}
		if !home {
			if err := tx.gain(key, p.folder, p.name); err != nil {
				return err
			}
		}
	}
	tx.pending = tx.pending[:0]
	return nil
}

func (tx *Tx) setContent(folder FolderID, name string, key Key, p Proof) error {
	return tx.each("UPDATE files SET content = ?, proof = ? WHERE folder = ? AND name = ?", nil,
		int64(key), int64(p), int64(folder), blob(name))
}

func (tx *Tx) clearContent(folder FolderID, name string) error {
	return tx.each("UPDATE files SET content = NULL, proof = 0 WHERE folder = ? AND name = ?", nil, int64(folder), blob(name))
}

// content returns the Key of a content, and makes its row where there is none. A new row has
// its home in folder, if that is small: then it is at home there. A Key of 0: the content is known
// with another size, and p is not enough to say that this one is right.
func (tx *Tx) content(c Content, folder FolderID, p Proof) (_ Key, home bool, err error) {
	var at driver.Value
	small, err := tx.small(folder)
	if err != nil {
		return 0, false, err
	}
	if small {
		at = int64(folder)
	}
	for key := c.Key; ; key = key.next() {
		made, err := tx.change("INSERT INTO contents ("+plainColumns+", home) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			int64(key), c.BLAKE3[:], c.Size, orNull(int64(c.Print)), at)
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
		if have.BLAKE3 == c.BLAKE3 {
			switch {
			case have.Size == c.Size:
				return key, false, nil
			case p == Read || p == Passed:
				c.Key = key
				return key, false, tx.correct(c)
			}
			return 0, false, nil
		}
	}
}

// correct gives a known content the size that it really has, and takes it from files of another.
func (tx *Tx) correct(c Content) error {
	files, err := tx.filesOf(c.Key)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.file.Size == c.Size {
			continue
		}
		if err := tx.clearContent(f.dir, f.file.Name); err != nil {
			return err
		}
		if err := tx.lose(c.Key, f.dir, f.file.Name); err != nil {
			return err
		}
	}
	return tx.each("UPDATE contents SET size = ?, print = ? WHERE key = ?", nil, c.Size, orNull(int64(c.Print)), int64(c.Key))
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
		home, err := tx.change("UPDATE contents SET home = ? WHERE key = ? AND home IS NULL", int64(folder), int64(key))
		if err != nil || home {
			return err
		}
	}
	return tx.each("INSERT INTO copies (content, folder, name) VALUES (?, ?, ?)", nil, int64(key), int64(folder), blob(name))
}

// lose takes a file out of its content.
func (tx *Tx) lose(key Key, folder FolderID, name string) error {
	had, err := tx.change("DELETE FROM copies WHERE content = ? AND folder = ? AND name = ?",
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
	if err := tx.settle(); err != nil {
		return err
	}
	f, found, err := tx.file(folder, name)
	if err != nil || !found || f.FileVersion() != was {
		return err
	}
	if err := tx.each("UPDATE files SET content = NULL, proof = 0, hint = NULL WHERE folder = ? AND name = ?", nil, int64(folder), blob(name)); err != nil {
		return err
	}
	return tx.trade(folder, name, f.Content, 0)
}

// SetHint sets the Hint of a file, if it is still that version.
func (tx *Tx) SetHint(folder FolderID, name string, was FileVersion, hint uint64) error {
	tx.stamp = appendStamp(tx.stamp[:0], was.ModTime, was.Version)
	return tx.each("UPDATE files SET hint = ? WHERE folder = ? AND name = ? AND size = ? AND stamp = ?", nil,
		orNull(int64(hint)), int64(folder), blob(name), was.Size, tx.stamp)
}

// SetSums sets the checksums of a file, if it is still that version.
func (tx *Tx) SetSums(folder FolderID, name string, was FileVersion, sums string) error {
	var value driver.Value
	if sums != "" {
		value = blob(sums)
	}
	tx.stamp = appendStamp(tx.stamp[:0], was.ModTime, was.Version)
	return tx.each("UPDATE files SET sums = ? WHERE folder = ? AND name = ? AND size = ? AND stamp = ?", nil,
		value, int64(folder), blob(name), was.Size, tx.stamp)
}

// SetKind sets the Kind of a file, if it is still that version.
func (tx *Tx) SetKind(folder FolderID, name string, was FileVersion, kind Kind) error {
	tx.stamp = appendStamp(tx.stamp[:0], was.ModTime, was.Version)
	set, err := tx.change("UPDATE files SET kind = ?1 WHERE folder = ?2 AND name = ?3 AND size = ?4 AND stamp = ?5 AND kind <> ?1",
		int64(kind), int64(folder), blob(name), was.Size, tx.stamp)
	if err != nil || !set {
		return err
	}
	return tx.mark(folder, name)
}
