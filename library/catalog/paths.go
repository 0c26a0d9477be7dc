package catalog

import (
	"database/sql/driver"
	"fmt"
	iofs "io/fs"
	"strings"
)

// Split parts the path of a file or folder into that of the folder it is in and its own name
// there; sdpath.JoinKey puts them together again. As in sdpath.SplitKey a path that
// begins with a slash, which only keys of objects do, lies in the root with all of its first name:
// "/lead" is "" and "/lead".
func Split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// maxPaths is how many folders' paths are remembered during one walk.
const maxPaths = 1 << 15

// paths finds the paths of folders on one snapshot, and remembers them.
type paths struct {
	db   *conn
	seen map[FolderID]place
}

type place struct {
	place Place
	dir   string
	top   bool
}

func newPaths(db *conn) *paths { return &paths{db, map[FolderID]place{}} }

func (p *paths) of(id FolderID) (place, error) { return p.find(id, 0) }

// find is of with the depth that it has come to: a damaged index could lead around in a circle.
func (p *paths) find(id FolderID, depth int) (place, error) {
	if at, ok := p.seen[id]; ok {
		return at, nil
	}
	var parent FolderID
	var name string
	found, err := p.db.first("SELECT parent, name FROM folders WHERE id = ?", func(row []driver.Value) error {
		parent, name = FolderID(integer(row[0])), text(row[1])
		return nil
	}, int64(id))
	switch {
	case err != nil:
		return place{}, err
	case !found:
		return place{}, fmt.Errorf("folder %d of the index: %w", id, iofs.ErrNotExist)
	case depth > 1<<16:
		return place{}, fmt.Errorf("catalog: folder %d lies in itself", id)
	}
	at := place{place: Place(name), top: true}
	if parent != 0 {
		up, err := p.find(parent, depth+1)
		if err != nil {
			return place{}, err
		}
		at = place{place: up.place, dir: up.join(name)}
	}
	if len(p.seen) >= maxPaths {
		clear(p.seen)
	}
	p.seen[id] = at
	return at, nil
}

// join returns the path of a name in the folder.
func (p place) join(name string) string {
	if p.top {
		return name
	}
	return p.dir + "/" + name
}
