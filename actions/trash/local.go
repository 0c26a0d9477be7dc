//go:build unix

package trash

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sd/actions/stores"
)

// putLocal renames a file or folder into its trash. Its .trashinfo comes first: what a kill
// leaves is at most one of those, which is ours, so that the next try goes on with it.
func putLocal(ctx context.Context, st *stores.Local, e *stores.Entry, unique string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(e.Name))
	if err != nil {
		return "", err
	}
	p := putting{st: st, e: e, path: filepath.Join(dir, filepath.Base(e.Name)), unique: unique}
	if p.path == "/" {
		return "", p.error(ErrMounted)
	}
	if p.bin, err = binFor(p.path); err != nil {
		return "", p.error(err)
	}
	now, err := st.Stat(ctx, p.path)
	if err == nil && (now.Kind != e.Kind || !stores.SameVersion(e.Version, now.Version)) {
		err = changed(e)
	}
	if err != nil {
		if where, ok := p.done(); ok {
			return where, nil // what is there, if anything, came later
		}
		return "", err
	}
	return p.put(ctx)
}

// putting is one removal.
type putting struct {
	st     *stores.Local
	e      *stores.Entry
	path   string // without links on the way
	bin    *bin
	unique string
}

// put tries the names in the trash one after the other.
func (p *putting) put(ctx context.Context) (string, error) {
	was, err := os.Lstat(p.path)
	if err != nil {
		return "", err
	}
	for _, name := range namesIn(filepath.Base(p.path), p.unique) {
		where := p.bin.file(name)
		err := p.claim(name)
		if errors.Is(err, errOurs) {
			if _, err := os.Lstat(where); err == nil {
				return where, nil // an earlier try has come to the end; what is there by now came later
			}
			err = nil
		}
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", p.error(err)
		}
		err = renameAbsent(p.path, where)
		if err == nil {
			if err = p.check(ctx, where, was); err == nil {
				return where, nil
			}
			if back := renameAbsent(where, p.path); back != nil {
				return "", errors.Join(p.error(err), fmt.Errorf("it lies in %s: %w", where, back))
			}
		}
		if rerr := os.Remove(p.bin.info(name)); rerr != nil {
			return "", errors.Join(p.error(err), rerr)
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", p.error(err)
		}
	}
	return "", p.error(fmt.Errorf("its names are taken there: %w", ErrNoTrash))
}

// errOurs says that the .trashinfo file is there already, and about this removal.
var errOurs = errors.New("begun before")

// claim makes the .trashinfo file of a name, whole or not at all; fs.ErrExist if the name is
// another removal's.
func (p *putting) claim(name string) error {
	part := filepath.Join(p.bin.dir, "info", ".sd-"+p.unique+".part")
	about := info{path: p.bin.path(p.path), when: time.Now(), unique: p.unique}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(about.text())
	if err = errors.Join(err, f.Close()); err == nil {
		err = renameAbsent(part, p.bin.info(name))
	}
	if err != nil {
		os.Remove(part)
	}
	if errors.Is(err, fs.ErrExist) && p.ours(name) {
		return errOurs
	}
	return err
}

// ours tells whether the .trashinfo file of a name is about this removal.
func (p *putting) ours(name string) bool {
	text, err := os.ReadFile(p.bin.info(name))
	return err == nil && isOf(text, p.unique)
}

// done tells whether an earlier try has come to the end.
func (p *putting) done() (where string, ok bool) {
	for _, name := range namesIn(filepath.Base(p.path), p.unique) {
		if p.ours(name) {
			_, err := os.Lstat(p.bin.file(name))
			return p.bin.file(name), err == nil
		}
	}
	return "", false
}

// cleanLocal removes a .trashinfo file to which there is nothing.
func cleanLocal(e *stores.Entry, unique string) error {
	dir, err := filepath.EvalSymlinks(filepath.Dir(e.Name))
	if err != nil {
		return nil // nothing can have begun there
	}
	p := putting{e: e, path: filepath.Join(dir, filepath.Base(e.Name)), unique: unique}
	if p.bin, err = binFor(p.path); err != nil {
		return nil
	}
	if where, ok := p.done(); where != "" && !ok {
		return os.Remove(p.bin.info(filepath.Base(where)))
	}
	return nil
}

// check sees that what went to the trash is what was to go there.
func (p *putting) check(ctx context.Context, where string, was os.FileInfo) error {
	is, err := os.Lstat(where)
	if err != nil {
		return err
	}
	now, err := p.st.Stat(ctx, where)
	if err != nil {
		return err
	}
	if !os.SameFile(was, is) || p.e.Kind != stores.Dir && p.e.Version != "" && !stores.SameFile(p.e.Version, now.Version) {
		return changed(p.e)
	}
	return nil
}

// error says what was to be removed, and of what the system says only what a user can do.
func (p *putting) error(err error) error {
	if errors.As(err, new(*fs.PathError)) {
		return err
	}
	if errors.Is(err, syscall.EXDEV) {
		err = fmt.Errorf("%w (%w)", ErrNoTrash, err)
	}
	return stores.LocalError("trash", p.e.Name, err)
}

func restoreLocal(ctx context.Context, st *stores.Local, where, name string) (stores.Entry, error) {
	files, base := filepath.Split(where)
	dir := filepath.Dir(filepath.Clean(files))
	if filepath.Base(files) != "files" || base == "" || !filepath.IsAbs(where) {
		return stores.Entry{}, &fs.PathError{Op: "restore", Path: name, Err: fmt.Errorf("%q is no place in a trash: %w", where, fs.ErrInvalid)}
	}
	b := bin{dir: dir}
	if _, err := os.Lstat(where); errors.Is(err, fs.ErrNotExist) {
		return restored(ctx, st, &b, base, name)
	} else if err != nil {
		return stores.Entry{}, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return stores.Entry{}, err
	}
	if err := renameAbsent(where, name); errors.Is(err, fs.ErrExist) {
		return stores.Entry{}, taken(name)
	} else if err != nil {
		return stores.Entry{}, stores.LocalError("restore", name, err)
	}
	return restored(ctx, st, &b, base, name)
}

// restored removes the .trashinfo file of what is where it was. That of an earlier try that was
// cut off before this is there still.
func restored(ctx context.Context, st *stores.Local, b *bin, base, name string) (stores.Entry, error) {
	e, err := st.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return e, absent(name)
	}
	if err != nil {
		return e, err
	}
	if err := os.Remove(b.info(base)); errors.Is(err, fs.ErrNotExist) {
		return stores.Entry{}, absent(name)
	} else if err != nil {
		return stores.Entry{}, err
	}
	return e, nil
}
