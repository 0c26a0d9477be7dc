package catalog_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"sd/identity"
	"sd/library/catalog"
)

// model says what a catalog must know, in the simplest way.
type model struct {
	folders map[catalog.FolderID]*folder
	known   map[identity.Sum]bool
	orphans map[orphan]*left
	moved   int64
	stale   map[spot]bool // what a name pack does not have
}

type folder struct {
	catalog.Folder
	files map[string]file
}

type file struct {
	catalog.File // without Content
	sum          identity.Sum
}

type spot struct {
	folder catalog.FolderID
	name   string
	all    bool
}

type orphan struct {
	root        catalog.FolderID
	inode       uint64
	size, mtime int64
}

type left struct {
	sum   identity.Sum
	tried bool
}

func newModel() *model {
	return &model{
		folders: map[catalog.FolderID]*folder{}, known: map[identity.Sum]bool{},
		orphans: map[orphan]*left{}, stale: map[spot]bool{},
	}
}

func (m *model) clone() *model {
	c := &model{
		folders: map[catalog.FolderID]*folder{}, known: maps.Clone(m.known), moved: m.moved,
		orphans: map[orphan]*left{}, stale: maps.Clone(m.stale),
	}
	for id, f := range m.folders {
		c.folders[id] = &folder{f.Folder, maps.Clone(f.files)}
	}
	for id, l := range m.orphans {
		copied := *l
		c.orphans[id] = &copied
	}
	return c
}

func (m *model) ids() []catalog.FolderID { return slices.Sorted(maps.Keys(m.folders)) }

func (m *model) place(id catalog.FolderID) (catalog.FolderID, catalog.Place) {
	for m.folders[id].Parent != 0 {
		id = m.folders[id].Parent
	}
	return id, catalog.Place(m.folders[id].Name)
}

// path returns the path of a name in a folder.
func (m *model) path(id catalog.FolderID, names ...string) string {
	for ; m.folders[id].Parent != 0; id = m.folders[id].Parent {
		names = append([]string{m.folders[id].Name}, names...)
	}
	return strings.Join(names, "/")
}

func (m *model) child(parent catalog.FolderID, name string) *folder {
	for _, f := range m.folders {
		if f.Parent == parent && f.Name == name {
			return f
		}
	}
	return nil
}

func (m *model) inside(id, under catalog.FolderID) bool {
	for ; id != 0; id = m.folders[id].Parent {
		if id == under {
			return true
		}
	}
	return false
}

func (m *model) add(id, parent catalog.FolderID, name string) *folder {
	m.folders[id] = &folder{catalog.Folder{ID: id, Parent: parent, Name: name}, map[string]file{}}
	m.stale[spot{id, "", true}] = true
	return m.folders[id]
}

func (m *model) orphanOf(dir catalog.FolderID, f file) (orphan, bool) {
	root, place := m.place(dir)
	inode, ok := identity.Inode(f.Version)
	return orphan{root, inode, f.Size, f.ModTime}, ok && place.Local() && f.Type == catalog.Regular && f.Size > 0
}

func (m *model) leave(dir catalog.FolderID, f file) {
	if id, ok := m.orphanOf(dir, f); ok && f.sum != (identity.Sum{}) {
		m.orphans[id] = &left{sum: f.sum}
	}
}

func (m *model) put(dir catalog.FolderID, f file) {
	old, found := m.folders[dir].files[f.Name]
	none := identity.Sum{}
	adopt := func() {
		if id, ok := m.orphanOf(dir, f); ok && m.orphans[id] != nil && f.sum == none {
			f.sum, f.Proof = m.orphans[id].sum, catalog.Kept
			m.moved++
		}
	}
	was, local := m.orphanOf(dir, old)
	is, also := m.orphanOf(dir, f)
	sameInode := found && local && also && was == is
	switch {
	case !found:
		adopt()
	case old.FileVersion() == f.FileVersion() && old.Type == f.Type:
		if f.sum == none {
			f.sum, f.Proof = old.sum, old.Proof
		}
		f.Hint, f.Sums = cmp.Or(f.Hint, old.Hint), cmp.Or(f.Sums, old.Sums)
		f.Kind = cmp.Or(f.Kind, old.Kind)
	case f.sum != none:
	case sameInode:
		if f.sum = old.sum; f.sum != none {
			f.Proof = catalog.Kept
		}
		f.Hint, f.Kind = cmp.Or(f.Hint, old.Hint), cmp.Or(f.Kind, old.Kind)
		adopt()
	default:
		if !local || !also || was.inode != is.inode {
			m.leave(dir, old)
		}
		adopt()
	}
	if !found || old.Size != f.Size || old.ModTime != f.ModTime || old.Kind != f.Kind || old.Type != f.Type {
		m.stale[spot{dir, f.Name, false}] = true
	}
	m.folders[dir].files[f.Name] = f
}

func (m *model) dropFolder(id catalog.FolderID) (n int64) {
	var gone []catalog.FolderID
	for _, at := range m.ids() {
		if m.inside(at, id) {
			gone = append(gone, at)
			n += int64(len(m.folders[at].files))
		}
	}
	m.each(func(at catalog.FolderID, f file) {
		if m.inside(at, id) {
			m.leave(at, f)
		}
	})
	for _, at := range gone {
		delete(m.folders, at)
		m.stale[spot{at, "", true}] = true
	}
	return n
}

func (m *model) adopt(under catalog.FolderID) (n int64) {
	if root, place := m.place(under); place.Local() {
		for at, f := range m.folders {
			if !m.inside(at, under) {
				continue
			}
			for name, file := range f.files {
				id, ok := m.orphanOf(at, file)
				if l := m.orphans[id]; ok && l != nil && !l.tried && file.sum == (identity.Sum{}) {
					file.sum, file.Proof = l.sum, catalog.Kept
					f.files[name] = file
					m.moved++
				}
			}
		}
		for id, l := range m.orphans {
			l.tried = l.tried || id.root == root
		}
	}
	n, m.moved = m.moved, 0
	return n
}

// errNo makes a transaction fail.
var errNo = errors.New("no")

// world makes up changes, and does them to a catalog and a model.
type world struct {
	rng  *rand.Rand
	c    *catalog.Catalog
	m    *model
	sums map[int64][]identity.Sum // by size
	log  []string
}

func (w *world) note(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

func pick[T any](w *world, list ...T) T { return list[w.rng.IntN(len(list))] }

var names = []string{"a", "b", "B", "c.jpg", "\xff\xfe", "d e\n", "", "long" + strings.Repeat("x", 250), "ä", "z"}

func (w *world) version() string {
	if w.rng.IntN(6) == 0 {
		return pick(w, "", `"etag"`, "etag-of-45", "123456789")
	}
	return identity.LocalVersion(pick[int64](w, 0, 1e9, 1e9+7, 5e18, -3), pick[uint64](w, 1, 2, 300, 1<<63+5))
}

func (w *world) file() file {
	f := file{File: catalog.File{
		Name: pick(w, names...), Kind: pick(w, catalog.KindUnknown, catalog.KindImage),
		Size: pick[int64](w, 0, 1, 2, 200_000), ModTime: pick[int64](w, 0, 1e9, 1e9+7), Version: w.version(),
		Type: pick(w, catalog.Regular, catalog.Regular, catalog.Regular, catalog.Symlink), Sums: pick(w, "", "", "md5:ab"),
	}}
	if w.rng.IntN(10) == 0 {
		f.Hint = pick[uint64](w, 1, 1<<63+1)
	}
	return f
}

// target returns a file that is there, mostly, and the version it has, mostly.
func (w *world) target(m *model, dir catalog.FolderID) (string, catalog.FileVersion) {
	f := w.file()
	if have := slices.Sorted(maps.Keys(m.folders[dir].files)); len(have) > 0 && w.rng.IntN(8) > 0 {
		f = m.folders[dir].files[pick(w, have...)]
	}
	was := f.FileVersion()
	if w.rng.IntN(8) == 0 {
		was = catalog.FileVersion{Size: was.Size, ModTime: was.ModTime + 1, Version: was.Version}
	}
	return f.Name, was
}
