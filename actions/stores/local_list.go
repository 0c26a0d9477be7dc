//go:build unix

package stores

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"sd/backends"
)

// list reads the names in an open folder and puts their keys in order.
func (f *folder) list(fd int, l *lister) error {
	err := l.each(fd, func(name []byte, typ byte) {
		d := dirent{off: uint32(len(f.names)), n: uint16(len(name)), dir: typ == unix.DT_DIR}
		f.names = append(f.names, name...)
		if typ == unix.DT_UNKNOWN {
			f.names = append(f.names, 0)
			var r row
			err := l.look(fd, &f.names[d.off], &r)
			f.names = f.names[:len(f.names)-1]
			d.dir = err == nil && r.mode&unix.S_IFMT == unix.S_IFDIR // if not, fill says what is wrong
		}
		if d.dir {
			f.names = append(f.names, '/')
			d.n++
		}
		f.names = append(f.names, 0)
		f.order = append(f.order, d)
	})
	slices.SortFunc(f.order, func(a, b dirent) int { return bytes.Compare(f.key(a), f.key(b)) })
	return err
}

func (f *folder) key(d dirent) []byte { return f.names[d.off : d.off+uint32(d.n)] }

// fill looks at the next names of a folder. Those that are gone are left out.
func (t *localTree) fill(f *folder, fd int, l *lister) ([]row, error) {
	part := f.order[f.at:min(f.at+chunkRows, len(f.order))]
	rows := make([]row, 0, len(part))
	for _, d := range part {
		rows = append(rows, row{key: f.key(d)})
		r := &rows[len(rows)-1]
		name := r.key
		if d.dir {
			name = name[:len(name)-1]
		}
		l.name = append(append(l.name[:0], name...), 0)
		err := l.look(fd, &l.name[0], r)
		if err == nil && r.mode&unix.S_IFMT == unix.S_IFLNK {
			r.link, err = readLink(fd, string(name))
		}
		switch {
		case err == nil && d.dir != (r.mode&unix.S_IFMT == unix.S_IFDIR):
			r.err = backends.ErrChanged // it has another key now, and may have been passed over
		case errors.Is(err, fs.ErrNotExist):
			rows = rows[:len(rows)-1]
		case errors.Is(err, fs.ErrPermission):
			return nil, err // the folder's fault, so all have it
		case err != nil:
			r.err = err
		case d.dir && t.deep:
			if path := f.path + string(r.key); !t.foreign[path] {
				r.sub = &folder{up: f, name: path[len(f.path) : len(path)-1], path: path, fd: -1, users: 1}
			}
		}
	}
	return rows, nil
}

// entry makes e what a row says.
func (r *row) entry(f *folder, e *Entry) {
	*e = Entry{UID: r.uid, GID: r.gid, Dev: r.dev, Blocks: r.blocks, Link: r.link}
	if r.sub != nil {
		e.Name = r.sub.path[:len(r.sub.path)-1]
	} else {
		e.Name = f.path + string(r.key)
		e.Name = strings.TrimSuffix(e.Name, "/")
	}
	e.local(r.mode, r.size, r.mtime, r.ctime, r.inode, r.links)
}
