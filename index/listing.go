package index

import (
	"bytes"
	"slices"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

// folder is a local folder that is being scanned, or waits for it. Those above it stay in
// memory as long as it does; no folder holds a path.
type folder struct {
	target
	up      *folder // nil: it is the location's root
	pos     int     // which of up's subfolders it is
	depth   int     // below the place's root
	ignores *ignores
	inner   *inner // the locations that lie in it
	id      statID

	// The subfolders to be scanned, as names with a 0 behind each, and where each ends.
	names []byte
	ends  []uint32

	// Guarded by tree.mu:
	next  int // the first subfolder that nobody has taken
	fd    int // -1: not open
	users int // who use fd at the moment

	rows []catalog.FolderID // the recorder's: of the subfolders, as they were before
}

// statID tells one folder from all others.
type statID struct{ dev, ino, mount uint64 }

// sub returns the name of a subfolder, with a 0 behind it.
func (f *folder) sub(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = f.ends[i-1]
	}
	return f.names[from:f.ends[i]]
}

// path appends f's path below the location's root, with a slash behind it.
func (f *folder) path(buf []byte) []byte {
	n := 0
	for at := f; at.up != nil; at = at.up {
		n += len(at.name) + 1
	}
	buf = slices.Grow(buf, n)
	buf = buf[:len(buf)+n]
	end := len(buf)
	for at := f; at.up != nil; at = at.up {
		buf[end-1] = '/'
		end -= len(at.name) + 1
		copy(buf[end:], at.name)
	}
	return buf
}

// entry is one file of a listing.
type entry struct {
	off   uint32 // of its name
	n     uint16
	typ   catalog.Type
	state entryState
	size  int64
	mtime int64 // nanoseconds
	ctime int64
	inode uint64
}

type entryState uint8

const (
	there   entryState = iota
	odd                // it could not be looked at: what is known of it stays
	leftOut            // it is there, and the rules leave it out
)

// listing is what one folder holds.
type listing struct {
	dir   *folder
	state listingState
	names []byte  // each with a 0 behind it
	files []entry // by name
	// Subfolders that the rules leave out, by name; only where another location may want them.
	left []entry

	mtime, ctime int64 // of the folder
	problems     []library.Problem
}

type listingState uint8

const (
	listed     listingState = iota
	unreadable              // what is known of it stays
	vanished                // it was there a moment ago
)

func (l *listing) name(e *entry) []byte { return l.names[e.off : e.off+uint32(e.n)] }

// sortSubs puts the names of the subfolders in order.
func (f *folder) sortSubs() {
	if len(f.ends) < 2 {
		return
	}
	list := make([][]byte, len(f.ends))
	for i := range list {
		list[i] = f.sub(i)
	}
	slices.SortFunc(list, bytes.Compare) // the 0 behind each comes before all else
	names, ends := make([]byte, 0, len(f.names)), make([]uint32, 0, len(f.ends))
	for _, name := range list {
		names = append(names, name...)
		ends = append(ends, uint32(len(names)))
	}
	f.names, f.ends = names, ends
}

func (l *listing) sort(list []entry) {
	slices.SortFunc(list, func(a, b entry) int { return bytes.Compare(l.name(&a), l.name(&b)) })
}

// same tells whether f describes e.
func (e *entry) same(f *catalog.File) bool {
	if f.Size != e.size || f.ModTime != e.mtime || f.Type != e.typ {
		return false
	}
	inode, _ := identity.Inode(f.Version)
	ctime, ok := identity.Ctime(f.Version)
	return ok && inode == e.inode && ctime == e.ctime
}

// file describes e as the catalog does.
func (e *entry) file(name string) catalog.File {
	f := catalog.File{Name: name, Type: e.typ, Size: e.size, ModTime: e.mtime, Version: identity.LocalVersion(e.ctime, e.inode)}
	if e.typ == catalog.Regular {
		f.Kind = catalog.KindOf(name)
	}
	return f
}

// child returns a folder in f that was not looked at yet.
func (f *folder) child(name string) *folder {
	return &folder{target: target{in: &f.target, name: name}, up: f, depth: f.depth + 1, ignores: f.ignores, inner: f.inner.at(name), fd: -1}
}
