package catalog

import (
	"fmt"
	iofs "io/fs"
)

// File returns the file called name in folder, and whether there is one.
func (tx *Tx) File(folder FolderID, name string) (File, bool, error) {
	if err := tx.settle(); err != nil {
		return File{}, false, err
	}
	return tx.file(folder, name)
}

// Files returns the files of a folder in the order of their names. It uses buf's memory again, but not
// that of the strings in it.
func (tx *Tx) Files(folder FolderID, buf []File) ([]File, error) {
	if err := tx.settle(); err != nil {
		return nil, err
	}
	return tx.files(folder, buf[:0])
}

// PutFile puts f into folder, in place of a file of that name. What was known of the
// content of that one stays if f is the same version and has no Content itself. If only the ctime of a
// local file is another, its Content stays with the Proof Kept. The same holds if f is a new local
// file, in its inode, size and time that of a file that is gone.
func (tx *Tx) PutFile(folder FolderID, f *File) error {
	if err := tx.settle(); err != nil {
		return err
	}
	old, found, err := tx.file(folder, f.Name)
	if err != nil {
		return err
	}
	if found {
		return tx.replace(folder, &old, f)
	}
	return tx.insert(folder, f)
}

func (tx *Tx) insert(folder FolderID, f *File) error {
	g := *f
	if err := tx.adopt(folder, &g); err != nil {
		return err
	}
	if err := tx.write(folder, &g); err != nil {
		return err
	}
	if g.Content != 0 {
		if err := tx.gain(g.Content, folder, g.Name); err != nil {
			return err
		}
	}
	return tx.mark(folder, g.Name)
}

// write puts the row there as f says.
func (tx *Tx) write(folder FolderID, f *File) error {
	if f.Content != 0 {
		known, err := tx.first("SELECT 1 FROM contents WHERE key = ?", nil, int64(f.Content))
		if err != nil {
			return err
		}
		if !known || f.Proof == Unknown {
			return fmt.Errorf("catalog: file %q was put with a content that nobody knows; use Identify", f.Name)
		}
	} else if f.Proof != Unknown {
		return fmt.Errorf("catalog: file %q was put with a proof and no content", f.Name)
	}
	var sums any
	if f.Sums != "" {
		sums = blob(f.Sums)
	}
	tx.state(folder).empty = false
	tx.stamp = appendStamp(tx.stamp[:0], f.ModTime, f.Version)
	return tx.each(`INSERT OR REPLACE INTO files (folder, `+fileColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, nil,
		int64(folder), blob(f.Name), int64(f.Type), int64(f.Kind), f.Size, tx.stamp,
		orNull(int64(f.Content)), int64(f.Proof), orNull(int64(f.Hint)), sums)
}

// replace writes f over old.
func (tx *Tx) replace(folder FolderID, old, f *File) error {
	g := *f
	if old.Type == f.Type && old.FileVersion() == f.FileVersion() {
		if g.Kind == KindUnknown {
			g.Kind = old.Kind
		}
		if g.Content == 0 {
			g.Content, g.Proof = old.Content, old.Proof
		}
		if g.Hint == 0 {
			g.Hint = old.Hint
		}
		if g.Sums == "" {
			g.Sums = old.Sums
		}
		if g == *old {
			return nil
		}
	} else if g.Content == 0 {
		same, err := tx.sameInode(folder, old, f)
		if err != nil {
			return err
		}
		if same && old.Content != 0 {
			g.Content, g.Proof = old.Content, Kept
		}
		if same && g.Hint == 0 {
			g.Hint = old.Hint
		}
		if same && g.Kind == KindUnknown {
			g.Kind = old.Kind
		}
		if g.Content == 0 {
			if err := tx.orphan(folder, old, f); err != nil {
				return err
			}
			if err := tx.adopt(folder, &g); err != nil {
				return err
			}
		}
	}
	if err := tx.write(folder, &g); err != nil {
		return err
	}
	if g.Content != old.Content {
		if err := tx.trade(folder, g.Name, old.Content, g.Content); err != nil {
			return err
		}
	}
	if g.Size == old.Size && g.ModTime == old.ModTime && g.Kind == old.Kind && g.Type == old.Type {
		return nil // the name pack has no more of a file
	}
	return tx.mark(folder, g.Name)
}

// DropFile forgets a file. What is known of its content waits for Adopt. A file that is gone is no
// error.
func (tx *Tx) DropFile(folder FolderID, name string) error {
	if err := tx.settle(); err != nil {
		return err
	}
	f, found, err := tx.file(folder, name)
	if err != nil || !found {
		return err
	}
	if err := tx.leave(folder, &f); err != nil {
		return err
	}
	return tx.remove(folder, name)
}

// remove deletes the row alone.
func (tx *Tx) remove(folder FolderID, name string) error {
	if err := tx.each("DELETE FROM files WHERE folder = ? AND name = ?", nil, int64(folder), blob(name)); err != nil {
		return err
	}
	return tx.mark(folder, name)
}

// leave takes a file that goes away out of its content, and puts its identity aside.
func (tx *Tx) leave(folder FolderID, f *File) error {
	if f.Content == 0 {
		return nil
	}
	if err := tx.orphan(folder, f, nil); err != nil {
		return err
	}
	return tx.lose(f.Content, folder, f.Name)
}

// MoveFile gives a file another folder and name, over one that is there. All that is known of it stays,
// for the version that it has now. A file that is gone is iofs.ErrNotExist.
func (tx *Tx) MoveFile(folder FolderID, name string, to FolderID, newName string, version string) error {
	if err := tx.settle(); err != nil {
		return err
	}
	f, found, err := tx.file(folder, name)
	if err != nil {
		return err
	}
	if !found {
		return &iofs.PathError{Op: "move", Path: name, Err: iofs.ErrNotExist}
	}
	if folder == to && name == newName {
		f.Version = version
		return tx.write(to, &f)
	}
	old, found, err := tx.file(to, newName)
	if err != nil {
		return err
	}
	if found && old.Content != 0 {
		if err := tx.lose(old.Content, to, newName); err != nil {
			return err
		}
	}
	if f.Content != 0 {
		if err := tx.lose(f.Content, folder, name); err != nil {
			return err
		}
	}
	if err := tx.remove(folder, name); err != nil {
		return err
	}
	f.Name, f.Version = newName, version
	if err := tx.write(to, &f); err != nil {
		return err
	}
	if f.Content != 0 {
		if err := tx.gain(f.Content, to, newName); err != nil {
			return err
		}
	}
	return tx.mark(to, newName)
}
