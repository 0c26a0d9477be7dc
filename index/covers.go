package index

import (
	"bytes"
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"strings"

	"sd/library"
)

// Covers tells whether the location's rules have path indexed. A path that is not on the
// disk, and any of a cloud volume, is taken for a file. It reads the .gitignore files above
// the path.
func (x *Indexer) Covers(loc library.Location, path string) bool {
	folder := false
	if loc.Place.Local() {
		folder = isFolder(localPath(path))
	}
	return x.covers(loc, path, folder)
}

// CoversFolder is Covers for a path that is a folder's.
func (x *Indexer) CoversFolder(loc library.Location, path string) bool {
	return x.covers(loc, path, true)
}

func (x *Indexer) covers(loc library.Location, path string, folder bool) bool {
	if !loc.Holds(loc.Place, path) {
		return false
	}
	if path == loc.Path {
		return folder
	}
	local := loc.Place.Local()
	c := chain{rules: x.newRules(loc, local), fd: -1, lister: newLister()}
	if local {
		c.open(localPath(loc.Path))
		defer c.close()
	}
	names := namesBelow(path, loc.Path)
	for i, name := range names {
		if c.leavesOut(name, folder || i < len(names)-1) {
			return false
		}
		if i < len(names)-1 {
			c.enter(name)
		}
	}
	return true
}

// chain goes from a location's root down to one folder, and heeds the rules on its way. Where
// folders cannot be opened, it goes by the names alone.
type chain struct {
	rules   *rules
	fd      int // of the folder that it has come to; -1: not open
	at      surroundings
	lister  *lister
	scratch []byte
}

func (c *chain) open(root string) {
	if c.rules.root != "" {
		c.at.depth = strings.Count(c.rules.root, "/") + 1
	}
	fd, err := openRoot(root)
	if err == nil {
		c.fd = fd
		c.heed()
	}
}

func (c *chain) close() {
	if c.fd >= 0 {
		closeFD(c.fd)
		c.fd = -1
	}
}

// heed takes over the .gitignore of the present folder.
func (c *chain) heed() {
	if !c.rules.git {
		return
	}
	if there, _ := c.has(".git"); there {
		c.at.ignores = nil
	}
	if text, err := readAt(c.fd, ignoreFile, maxIgnoreFile); err == nil {
		c.at.ignores = parseIgnores(c.at.ignores, len(c.at.path), string(text))
	}
}

// has tells whether something of that name is in the present folder, and whether it is one.
func (c *chain) has(name string) (there, folder bool) {
	var e entry
	folder, err := c.lister.look(c.fd, append([]byte(name), 0), &e)
	return err == nil, folder
}

// leavesOut tells whether the rules leave out a name in the present folder.
func (c *chain) leavesOut(name string, folder bool) (out bool) {
	c.at.beside = nil
	if markers := devBeside[name]; markers != nil && folder && c.fd >= 0 && c.rules.dev {
		c.beside(name, markers)
	}
	out, c.scratch = c.rules.leavesOut(&c.at, []byte(name), folder, c.scratch)
	return out
}

// beside looks for the files that say whose folder name is.
func (c *chain) beside(name string, markers []string) {
	for _, m := range markers {
		if !strings.HasPrefix(m, "*") {
			if there, folder := c.has(m); there && !folder {
				c.at.beside = []string{name}
				return
			}
			continue
		}
		fd, err := openAt(c.fd, ".")
		if err != nil {
			continue
		}
		var found []string
		_ = c.lister.each(fd, func(n []byte, _ byte) { // what cannot be read says nothing
			if bytes.HasSuffix(n, []byte(m[1:])) {
				found = append(found, string(n))
			}
		})
		for _, n := range found {
			if there, folder := c.has(n); there && !folder {
				c.at.beside = []string{name}
			}
		}
		closeFD(fd)
	}
}

// enter goes on to a folder in the present one.
func (c *chain) enter(name string) {
	c.at = c.at.below([]byte(name))
	if c.fd < 0 {
		return
	}
	fd, err := openAt(c.fd, name)
	c.close()
	if err == nil {
		c.fd = fd
		c.heed()
	}
}

// descend returns the folder at a path of the catalog, and those above it. out: the rules
// leave it out, or it belongs to a location that is not here.
func (s *local) descend(ctx context.Context, dir string) (f *folder, out bool, err error) {
	f = s.rootFolder()
	if dir == s.loc.Path {
		return f, false, nil
	}
	c := chain{rules: s.rules, fd: -1, lister: newLister()}
	c.open(localPath(s.loc.Path))
	defer c.close()
	f.ignores = nil // of the folders above f
	for _, name := range namesBelow(dir, s.loc.Path) {
		if c.leavesOut(name, true) {
			return nil, true, nil
		}
		next := f.child(name)
		next.ignores = c.at.ignores
		if next.inner.absent() {
			return nil, true, nil
		}
		c.enter(name)
		f = next
	}
	return f, false, s.findRows(ctx, f)
}

// findRows finds the rows of a folder and of those above it, as far as there are any.
func (s *local) findRows(ctx context.Context, f *folder) error {
	if f.up == nil {
		return nil
	}
	if err := s.findRows(ctx, f.up); err != nil || f.up.row == 0 {
		return err
	}
	row, err := s.recorder.catalog.FindFolder(ctx, s.loc.Place, s.rules.place(f, nil))
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	f.row = row.ID
	return err
}

func isFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}
