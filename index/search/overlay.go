package search

import (
	"sd/library/catalog"
)

// overlay is what changed in the catalog since a pack was made. It is never changed once made.
type overlay struct {
	files  []freshFile
	hidden map[hiddenName]struct{} // files that the pack has and that do not hold any more
}

type freshFile struct {
	folder int32 // in the tree
	file   catalog.File
	folded []byte
}

type hiddenName struct {
	folder int32
	name   string
}

// hides tells whether a file of the pack does not hold any more. It is asked about files of
// folders with markSome only.
func (o *overlay) hides(folder int32, name string) bool {
	_, ok := o.hidden[hiddenName{folder, name}]
	return ok
}

// changes is what a View tells of what is fresh. A *catalog.View is one.
type changes interface {
	Roots() (map[catalog.FolderID]catalog.Place, error)
	Folder(catalog.FolderID) (catalog.Folder, bool, error)
	File(catalog.FolderID, string) (catalog.File, bool, error)
	Files(catalog.FolderID) ([]catalog.File, error)
}

// overlayer makes a tree and an overlay from a pack and what is fresh.
type overlayer struct {
	view    changes
	tree    *tree
	overlay *overlay
	known   map[catalog.FolderID]int32 // all folders that were asked for
	limit   int                        // of files
}

// newOverlay returns the tree and the overlay for list. Where more than limit files are fresh, or
// less than 0 for no limit, ok is false.
func newOverlay(v changes, p *pack, list []catalog.Fresh, limit int) (t *tree, o *overlay, ok bool, err error) {
	t, o = newTree(p), &overlay{hidden: map[hiddenName]struct{}{}}
	if len(list) == 0 {
		return t, o, true, nil
	}
	b := &overlayer{view: v, tree: t, overlay: o, limit: limit, known: map[catalog.FolderID]int32{}}
	t.changed = map[int32]*dir{}
	t.marks = make([]mark, len(t.parent))
	if err := b.folders(list); err != nil {
		return nil, nil, false, err
	}
	if t.moved {
		t.markMoved()
	}
	for _, f := range list {
		if err := b.add(f); err != nil {
			return nil, nil, false, err
		}
		if limit >= 0 && len(o.files) > limit {
			return nil, nil, false, nil
		}
	}
	return t, o, true, nil
}

// folders takes over what changed of the folders themselves.
func (b *overlayer) folders(list []catalog.Fresh) error {
	t := b.tree
	var there []catalog.Folder
	ids := map[catalog.FolderID]bool{}
	for _, f := range list {
		ids[f.Folder] = true
		if !f.All {
			continue
		}
		folder, found, err := b.view.Folder(f.Folder)
		if err != nil {
			return err
		}
		if found {
			ids[folder.Parent] = true
			there = append(there, folder)
		}
	}
	for i, id := range t.pack.dirs.ids {
		if ids[id] {
			b.known[id] = int32(i)
		}
	}
	for _, f := range list {
		if i, ok := b.known[f.Folder]; ok && f.All {
			t.marks[i] |= markAll | markGone // until it is found to be there
		}
	}
	t.parent = append([]int32(nil), t.parent...)
	for _, f := range there {
		if _, ok := b.known[f.ID]; !ok {
			b.known[f.ID] = int32(len(t.parent))
			t.parent = append(t.parent, -1)
		}
	}
	t.marks = append(t.marks, make([]mark, len(t.parent)-len(t.marks))...)
	for _, f := range there {
		if err := b.place(f); err != nil {
			return err
		}
	}
	return nil
}

// place puts a folder that is there where it lies.
func (b *overlayer) place(f catalog.Folder) error {
	t := b.tree
	i := b.known[f.ID]
	t.marks[i] &^= markGone
	parent, ok := b.known[f.Parent]
	if f.Parent == 0 {
		parent = -1
		if _, ok := t.places[i]; !ok {
			roots, err := b.view.Roots()
			if err != nil {
				return err
			}
			t.places[i] = roots[f.ID]
		}
		f.Name = ""
	} else if !ok {
		t.marks[i] |= markGone | markAll // its parent is gone: a snapshot has no such folder
		return nil
	}
	packed := int(i) < len(t.pack.dirs.parent)
	if packed && t.pack.dirs.parent[i] == parent && t.pack.dirs.name(i) == f.Name {
		if t.pack.dirs.times[i] == seconds(f.ModTime) {
			return nil
		}
	} else if packed {
		t.moved = true
		t.marks[i] |= markMoved
	}
	t.parent[i] = parent
	t.changed[i] = &dir{id: f.ID, name: f.Name, folded: fold(nil, f.Name), time: seconds(f.ModTime)}
	return nil
}

// add takes over files.
func (b *overlayer) add(f catalog.Fresh) error {
	i, ok := b.known[f.Folder]
	if !ok || b.tree.marks[i]&markGone != 0 {
		return nil
	}
	if f.All {
		files, err := b.view.Files(f.Folder)
		for k := range files {
			b.file(i, files[k])
		}
		return err
	}
	if b.tree.marks[i]&markAll != 0 {
		return nil
	}
	b.tree.marks[i] |= markSome
	b.overlay.hidden[hiddenName{i, f.Name}] = struct{}{}
	file, found, err := b.view.File(f.Folder, f.Name)
	if err == nil && found {
		b.file(i, file)
	}
	return err
}

func (b *overlayer) file(folder int32, f catalog.File) {
	b.overlay.files = append(b.overlay.files, freshFile{folder, f, fold(nil, f.Name)})
}
