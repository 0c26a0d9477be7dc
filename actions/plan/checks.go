package plan

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
)

// stat is Store.Stat, but of a folder where a local name is a link to one: what is written there
// goes into the folder.
func (p *planner) stat(ctx context.Context, st stores.Store, name string) (stores.Entry, error) {
	e, err := st.Stat(ctx, name)
	if err == nil && e.Kind == stores.Symlink {
		if _, local := st.(*stores.Local); local {
			if info, err := os.Stat(name); err == nil && info.IsDir() {
				e.Kind, e.Link = stores.Dir, ""
			}
		}
	}
	return e, err
}

// checkWritable denies a local folder in which nothing can be made.
func (p *planner) checkWritable(st stores.Store, dir string) bool {
	if _, local := st.(*stores.Local); !local {
		return true
	}
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	switch {
	case err == nil || errors.Is(err, iofs.ErrNotExist):
		return true
	case errors.Is(err, unix.EROFS):
		p.deny("", uri(st, dir), "the file system is mounted read-only")
	case errors.Is(err, iofs.ErrPermission):
		p.deny("", uri(st, dir), "you may not write to this folder")
	default:
		return true // the step will tell
	}
	return false
}
