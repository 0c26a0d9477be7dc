package catalog

import (
	"database/sql/driver"
	"time"

	"sd/identity"
)

// orphanAge is how long an identity waits for its file, once Adopt has looked for it.
const orphanAge = time.Hour

// maxTried is how many orphans Adopt keeps in memory; more are looked up one by one.
const maxTried = 1 << 16

// orphanID tells a local file that was moved.
type orphanID struct{ inode, size, mtime int64 }

func (f *File) orphanID() (orphanID, bool) {
	inode, ok := identity.Inode(f.Version)
	return orphanID{int64(inode), f.Size, f.ModTime}, ok && f.Type == Regular && f.Size > 0
}

// sameInode tells whether the local file f is old, but for its ctime.
func (tx *Tx) sameInode(folder FolderID, old, f *File) (bool, error) {
	was, ok := old.orphanID()
	is, also := f.orphanID()
	if !ok || !also || was != is {
		return false, nil
	}
	_, local, err := tx.local(folder)
	return local, err
}

// local returns the top of a folder's place, and whether that is a device.
func (tx *Tx) local(folder FolderID) (root FolderID, local bool, err error) {
	s := tx.state(folder)
	at := s.root
	if at == 0 {
		at = folder
	}
	for depth := 0; depth < 1<<16; depth++ {
		var parent FolderID
		var name string
		found, err := tx.first("SELECT parent, name FROM folders WHERE id = ?", func(row []driver.Value) error {
			parent, name = FolderID(integer(row[0])), text(row[1])
			return nil
		}, int64(at))
		if err != nil || !found {
			return 0, false, err
		}
		if parent == 0 {
			s.root = at
			return at, Place(name).Local(), nil
		}
		at = parent
	}
	return 0, false, nil
}

// orphan puts the identity of a local file aside, which by takes the place of; nil: nothing.
func (tx *Tx) orphan(folder FolderID, f, by *File) error {
	id, ok := f.orphanID()
	if !ok || f.Content == 0 {
		return nil
	}
	if by != nil {
		if other, ok := by.orphanID(); ok && other.inode == id.inode {
			return nil // it was changed
		}
	}
	root, local, err := tx.local(folder)
	if err != nil || !local {
		return err
	}
	yes := true
	tx.waiting = &yes
	return tx.each("INSERT OR REPLACE INTO orphans (root, inode, size, mtime, content, seen, tried) VALUES (?, ?, ?, ?, ?, ?, 0)", nil,
		int64(root), id.inode, id.size, id.mtime, int64(f.Content), time.Now().Unix())
}

// orphaned tells whether any identities wait.
func (tx *Tx) orphaned() (bool, error) {
	if tx.waiting == nil {
		some, err := tx.first("SELECT 1 FROM orphans LIMIT 1", nil)
		if err != nil {
			return false, err
		}
		tx.waiting = &some
	}
	return *tx.waiting, nil
}

// adopt gives a file without content the one of an orphan that it was.
func (tx *Tx) adopt(folder FolderID, f *File) error {
	if some, err := tx.orphaned(); err != nil || !some || f.Content != 0 {
		return err
	}
	id, ok := f.orphanID()
	if !ok {
		return nil
	}
	root, local, err := tx.local(folder)
	if err != nil || !local {
		return err
	}
	f.Content, err = tx.orphanOf(root, id)
	if err == nil && f.Content != 0 {
		f.Proof = Kept
		tx.moved++
	}
	return err
}

func (tx *Tx) orphanOf(root FolderID, id orphanID) (Key, error) {
	n, err := tx.number("SELECT content FROM orphans WHERE root = ? AND inode = ? AND size = ? AND mtime = ?",
		int64(root), id.inode, id.size, id.mtime)
	return Key(n), err
}

// Adopt gives the content of files that are gone to files below under that are, in inode, size and
// time, the same; with the Proof Kept. Files that are put in later get it at once. It returns how many
// got one either way since it was asked last, in all places. An hour later the rest is forgotten.
func (tx *Tx) Adopt(under FolderID) (int64, error) {
	if err := tx.settle(); err != nil {
		return 0, err
	}
	root, local, err := tx.local(under)
	if err != nil {
		return 0, err
	}
	if local {
		if err := tx.adoptAll(root, under); err != nil {
			return 0, err
		}
	}
	if some, err := tx.orphaned(); err != nil {
		return 0, err
	} else if some {
		if err := tx.each("DELETE FROM orphans WHERE tried = 1 AND seen < ?", nil, time.Now().Add(-orphanAge).Unix()); err != nil {
			return 0, err
		}
	}
	before, err := tx.number("SELECT moved FROM catalog")
	if err != nil {
		return 0, err
	}
	n := before + tx.moved
	tx.moved = 0
	if before == 0 {
		return n, nil
	}
	return n, tx.each("UPDATE catalog SET moved = 0", nil)
}

// adoptAll is Adopt for the orphans that it has not tried.
func (tx *Tx) adoptAll(root, under FolderID) error {
	waiting := map[orphanID]Key{}
	err := tx.each("SELECT inode, size, mtime, content FROM orphans WHERE root = ? AND tried = 0 LIMIT ?", func(row []driver.Value) error {
		waiting[orphanID{integer(row[0]), integer(row[1]), integer(row[2])}] = Key(integer(row[3]))
		return nil
	}, int64(root), int64(maxTried))
	if err != nil || len(waiting) == 0 {
		return err
	}
	dirs, err := tx.subtree(under)
	if err != nil {
		return err
	}
	type found struct {
		name string
		key  Key
	}
	for _, dir := range dirs {
		var list []found
		if err := tx.each("SELECT "+fileColumns+" FROM files WHERE folder = ? AND content IS NULL AND type = 0 AND size > 0", func(row []driver.Value) error {
			var f File
			if err := readFile(row, &f); err != nil {
				return err
			}
			id, ok := f.orphanID()
			key := waiting[id]
			if ok && key == 0 && len(waiting) == maxTried {
				if key, err = tx.orphanOf(root, id); err != nil {
					return err
				}
			}
			if ok && key != 0 {
				list = append(list, found{f.Name, key})
			}
			return nil
		}, int64(dir)); err != nil {
			return err
		}
		for _, f := range list {
			if err := tx.setContent(dir, f.name, f.key, Kept); err != nil {
				return err
			}
			if err := tx.gain(f.key, dir, f.name); err != nil {
				return err
			}
			tx.moved++
		}
	}
	return tx.each("UPDATE orphans SET tried = 1 WHERE root = ? AND tried = 0", nil, int64(root))
}
