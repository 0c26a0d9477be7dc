package plan

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// stat is Store.Stat, but of a folder where a local name is a link to one: what is written there
// goes into the folder.
func (p *planner) stat(ctx context.Context, st stores.Store, name string) (stores.Entry, error) {
	e, err := st.Stat(ctx, name)
	if err == nil && e.Kind == stores.Symlink && isLocalStore(st) {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			e.Kind, e.Link = stores.Dir, ""
		}
	}
	return e, err
}

// writable is the reason why nothing can be made in, or removed from, a local folder. One that is
// not there yet may be.
func writable(st stores.Store, dir string) error {
	if !isLocalStore(st) {
		return nil
	}
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	switch {
	case errors.Is(err, unix.EROFS):
		return &iofs.PathError{Op: "write to", Path: uri(st, dir), Err: errors.New("the file system is mounted read-only")}
	case errors.Is(err, iofs.ErrPermission):
		return &iofs.PathError{Op: "write to", Path: uri(st, dir), Err: errors.New("you may not write to this folder")}
	}
	return nil // or the step will tell
}

// writes tells whether the file called name can be made at the target, and denies it if not.
func (c *copier) writes(j *job) bool {
	why := ""
	switch {
	case c.to.largest > 0 && j.entry.Size > c.to.largest:
		why = fmt.Sprintf("the target holds no files of more than %d bytes", c.to.largest)
	case c.to.plain && j.entry.Kind == stores.Symlink:
		why = "the file system there has no links"
	case c.to.local != nil:
		dir, _ := c.to.st.Split(j.to)
		if dir == c.allowed {
			return true
		}
		err := error(nil)
		if dir == c.denied {
			err = iofs.ErrPermission
		} else {
			err = writable(c.to.st, dir)
		}
		if err == nil {
			c.allowed = dir
			return true
		}
		c.denied, why = dir, "you may not write to the folder"
	}
	if why != "" {
		c.deny(uri(j.from, j.entry.Name), uri(c.to.st, j.to), why)
	}
	return why == ""
}

// readable denies a local file that may not be read. The permission bits are asked first, for
// they are at hand.
func (p *planner) readable(st stores.Store, e *stores.Entry) bool {
	if e.Kind != stores.File || !isLocalStore(st) || os.Geteuid() == 0 || e.Mode&0o444 == 0o444 {
		return true
	}
	err := unix.Faccessat(unix.AT_FDCWD, e.Name, unix.R_OK, unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, iofs.ErrPermission) {
		p.deny(uri(st, e.Name), "", "you may not read this file")
		return false
	}
	return true
}

// special tells of a file that has no bytes of its own.
func (p *planner) special(st stores.Store, e *stores.Entry) {
	p.sum.Warn("special", "pipes, sockets and devices are left out", uri(st, e.Name))
}

// movable refuses a source that may not go away, as a whole.
func (p *planner) movable(_ context.Context, st stores.Store, e *stores.Entry) error {
	switch st := st.(type) {
	case *stores.Content:
		return errors.New("a content is no file of its own: move one of its copies ('sd resolve' lists them), or copy it")
	case *stores.Volume:
		if _, ok := st.Backend().(backends.Remover); !ok {
			return refuse(uri(st, e.Name), "", "nothing can be removed from there: the service or your account only reads")
		}
	case *stores.Local:
		if why := p.protected(st, e.Name); why != "" {
			return refuse(uri(st, e.Name), "", why)
		}
		dir, _ := st.Split(e.Name)
		return writable(st, dir)
	}
	return nil
}

// apart refuses to copy a folder onto or into itself.
func (c *copier) apart(ctx context.Context, r root, name string) error {
	if !sameStore(r.st, c.to.st) {
		return nil
	}
	from, to := uri(r.st, r.entry.Name), uri(c.to.st, name)
	l, local := r.st.(*stores.Local)
	switch {
	case r.entry.Name == name:
		return refuse(from, to, "they are the same folder")
	case within(name, r.entry.Name, local):
		return refuse(from, to, "a folder cannot go into itself")
	case !local:
		return nil
	}
	for above := name; ; above, _ = l.Split(above) { // by another name of the folder
		e, err := c.stat(ctx, l, above)
		if err == nil && e.Kind == stores.Dir {
			if real, err := filepath.EvalSymlinks(above); err == nil {
				e, err = l.Stat(ctx, real)
				if err == nil && e.Inode == r.entry.Inode && e.Dev == r.entry.Dev {
					if above == name {
						return refuse(from, to, "they are the same folder")
					}
					return refuse(from, to, "a folder cannot go into itself")
				}
			}
		}
		if above == "/" {
			return nil
		}
	}
}

// within tells whether name lies below the folder dir.
func within(name, dir string, local bool) bool {
	if dir == "" || local && dir == "/" {
		return true
	}
	return strings.HasPrefix(name, dir+"/")
}

// warn tells what of a file may be lost on its way, or slow.
func (c *copier) warn(j *job) {
	x := &j.entry
	from := func() string { return uri(j.from, x.Name) }
	switch x.Class {
	case "GLACIER", "DEEP_ARCHIVE", "ARCHIVE":
		c.sum.Warn("cold-storage", "objects in cold storage can be read only after they were restored there, which takes hours and costs", from())
	}
	if c.to.plain {
		c.sum.Warn("plain", "the file system there keeps no owners and modes", from())
	}
	if c.to.local != nil {
		return
	}
	if x.Kind == stores.Symlink {
		c.sum.Warn("links", "symbolic links become objects that sd shows as links, other programs as small files", from())
	}
	if isLocalStore(j.from) && losesXattrs(x.Name) {
		c.sum.Warn("xattrs", "extended attributes that are the system's (such as access lists), or take more than 1.5 KB, are not kept there", from())
	}
	if x.Kind == stores.File && x.Blocks > 0 && x.Size >= 1<<20 && x.Blocks*512 < x.Size/2 {
		c.sum.Warn("sparse", "sparse files take their whole size there", from())
	}
}

// checkSpace compares what is written with what is free.
func (c *copier) checkSpace(ctx context.Context) error {
	if c.to == nil || c.need == 0 {
		return nil
	}
	free, err := c.to.st.Space(ctx, c.to.name)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		free = -1
	}
	at := uri(c.to.st, c.to.name)
	c.sum.Space = append(c.sum.Space, steps.Space{URI: at, Need: c.need, Free: free})
	if free >= 0 && c.need > free {
		c.sum.Warn("no-space", "there is not enough room at the target: files that do not fit will be reported", at)
	}
	return nil
}

// reason is what an error says without the file's name, which stands beside it.
func reason(err error) string {
	path := new(iofs.PathError)
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

func isLocalStore(st stores.Store) bool {
	_, ok := st.(*stores.Local)
	return ok
}
