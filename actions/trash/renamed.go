package trash

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"sd/actions/stores"
	"sd/backends"
)

// renamer is the volume's way to rename files, nil if they have to be copied. A drive that renames
// keeps with the file what a copy would lose: its history, and with whom it is shared. A store
// that also takes uploads in parts is one of objects, in whose keys anything may stand.
func renamer(v *stores.Volume) backends.Renamer {
	if _, objects := v.Backend().(backends.Uploader); objects {
		return nil
	}
	r, _ := v.Backend().(backends.Renamer)
	return r
}

// putRenamed gives e the name in the trash. A store that renames does not compare versions, so
// that is looked at right before.
func putRenamed(ctx context.Context, v *stores.Volume, r backends.Renamer, e *stores.Entry, key string) (string, error) {
	now, err := v.Stat(ctx, e.Name)
	if err != nil {
		return "", err
	}
	if now.Version != e.Version {
		return "", changed(e)
	}
	if err := folders(ctx, v, key); err != nil {
		return "", err
	}
	err = r.Rename(ctx, e.Name, key, backends.Cond{Absent: true})
	switch {
	case errors.Is(err, fs.ErrExist):
		return "", errTaken
	case err != nil:
		return "", err
	}
	v.Gone(e.Name, false)
	return key, nil
}

// restoreRenamed gives what lies in the trash its name again, and removes the folders there that
// are empty then.
func restoreRenamed(ctx context.Context, v *stores.Volume, r backends.Renamer, where, name string) (stores.Entry, error) {
	if err := folders(ctx, v, name); err != nil {
		return stores.Entry{}, err
	}
	err := r.Rename(ctx, where, name, backends.Cond{Absent: true})
	if errors.Is(err, fs.ErrExist) {
		return stores.Entry{}, taken(v.URI(name).String())
	}
	if err != nil {
		return stores.Entry{}, err
	}
	prune(ctx, v, where)
	return v.Stat(ctx, name)
}

// folders makes those that name lies in, where the store has folders of their own.
func folders(ctx context.Context, v *stores.Volume, name string) error {
	d, ok := v.Backend().(backends.DirMaker)
	if !ok {
		return nil
	}
	dir, _ := v.Split(name)
	if dir == "" {
		return nil
	}
	if e, err := v.Stat(ctx, dir); err == nil && e.Kind == stores.Dir {
		return nil
	}
	if err := folders(ctx, v, dir); err != nil {
		return err
	}
	if err := d.Mkdir(ctx, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// prune removes the empty folders of the trash above a name. What is left of them does no harm.
func prune(ctx context.Context, v *stores.Volume, name string) {
	d, ok := v.Backend().(backends.DirMaker)
	if !ok {
		return
	}
	for dir, _ := v.Split(name); dir == Folder || strings.HasPrefix(dir, Folder+"/"); dir, _ = v.Split(dir) {
		if d.Rmdir(ctx, dir) != nil {
			return
		}
	}
}
