package search

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sd/library/catalog"
	"sd/sdpath"
)

// Hit is a file or folder that a query found.
type Hit struct {
	Path sdpath.Path
	Rank Rank
	// Folder is set for a folder; File then has its Name, Kind and ModTime.
	Folder bool
	// File has Name, Type, Kind, Size and ModTime, the last to the second. All of it only
	// where the query asks for Content.
	File catalog.File
	// Content is the id of what the file is known to hold: proven if File.Proof says so, else
	// probable. It is set only where the query asks for it; uuid.Nil: not known.
	Content uuid.UUID

	dir catalog.FolderID // where it lies
}

// hits makes Hits of candidates. It is for one goroutine.
type hits struct {
	*scan
	paths  func(catalog.Place, string) (sdpath.Path, error)
	number int32 // the block that is taken apart; -1: none
	block  block
	names  nameCursor
	sizes  []int64
	known  map[int32]string // paths of folders
}

func (s *scan) hits(paths func(catalog.Place, string) (sdpath.Path, error)) *hits {
	return &hits{scan: s, paths: paths, number: -1, known: map[int32]string{}}
}

// hit makes the Hit for c, without content.
func (h *hits) hit(c *candidate) (Hit, error) {
	hit := Hit{Rank: Rank(c.key >> 32), dir: h.tree.id(c.folder)}
	switch c.from {
	case fromFresh:
		f := &h.overlay.files[c.entry].file
		hit.File = catalog.File{Name: f.Name, Type: f.Type, Kind: f.Kind, Size: f.Size, ModTime: c.time * 1e9}
	case fromFolders:
		hit.Folder = true
		hit.File = catalog.File{Name: h.tree.name(c.entry), Kind: catalog.KindFolder, ModTime: c.time * 1e9}
	default:
		f, err := h.packed(c)
		if err != nil {
			return Hit{}, err
		}
		hit.File = f
	}
	top, dir := h.dir(c.folder)
	if h.tree.parent[c.folder] >= 0 {
		dir += "/"
	}
	var err error
	hit.Path, err = h.paths(h.tree.places[top], dir+hit.File.Name)
	return hit, err
}

// inOrder makes the Hits of list. It goes through the blocks in their order, for that is quicker.
func (h *hits) inOrder(list []candidate) ([]Hit, error) {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(list[a].from, list[b].from), cmp.Compare(list[a].entry, list[b].entry))
	})
	found := make([]Hit, len(list))
	for _, i := range order {
		var err error
		if found[i], err = h.hit(&list[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// packed returns a file of the pack.
func (h *hits) packed(c *candidate) (f catalog.File, err error) {
	if h.number != c.from {
		if h.block, err = h.pack.block(int(c.from)); err != nil {
			return f, err
		}
		if err = h.pack.columns(int(c.from), &h.block); err != nil {
			return f, err
		}
		h.number, h.names, h.sizes = c.from, nameCursor{}, h.sizes[:0]
	}
	if int(c.entry) >= len(h.sizes) {
		n := int(c.entry) + 1 // no more than are needed, when it is the only hit of the block
		if len(h.sizes) > 0 {
			n = h.block.n
		}
		if h.sizes = grown(h.sizes, n); !h.block.readSizes(h.sizes) {
			return f, badPack("a block's sizes are damaged")
		}
	}
	name, ok := h.names.name(&h.block, int(c.entry), h.folded(c))
	if !ok {
		return f, badPack("a block's names are damaged")
	}
	kind := h.block.kinds[c.entry]
	return catalog.File{
		Name: name, Type: catalog.Type(kind >> typeShift), Kind: catalog.Kind(kind & (1<<typeShift - 1)),
		Size: h.sizes[c.entry], ModTime: c.time * 1e9,
	}, nil
}

// dir returns the top above a folder and its path from there.
func (h *hits) dir(i int32) (top int32, path string) {
	top, names := i, []string(nil)
	for h.tree.parent[top] >= 0 {
		top = h.tree.parent[top]
	}
	if path, ok := h.known[i]; ok {
		return top, path
	}
	_, names = h.tree.path(i)
	path = strings.Join(names, "/")
	if len(h.known) >= 1024 {
		clear(h.known)
	}
	h.known[i] = path
	return top, path
}
