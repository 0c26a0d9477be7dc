package search

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"sd/internal/testtree"
	"sd/library/catalog"
	"sd/sdpath"
)

// madeUp is the source of a made-up tree, without a database.
type madeUp struct {
	files int
}

func (s madeUp) Roots() (map[catalog.FolderID]catalog.Place, error) {
	return map[catalog.FolderID]catalog.Place{1: "device:here"}, nil
}

func (s madeUp) EachFolder(fn func(catalog.Folder) error) error {
	return testtree.Each(s.files, 1, func(f *testtree.Folder) error {
		return fn(catalog.Folder{ID: catalog.FolderID(f.Number + 1), Parent: catalog.FolderID(f.Parent + 1), Name: f.Name, ModTime: 1.6e18})
	})
}

func (s madeUp) EachFile(fn func(catalog.FolderID, *catalog.File) error) error {
	var row catalog.File
	return testtree.Each(s.files, 1, func(f *testtree.Folder) error {
		for _, file := range f.Files {
			row = catalog.File{Name: file.Name, Kind: catalog.KindOf(file.Name), Size: file.Size, ModTime: file.ModTime.UnixNano()}
			if err := fn(catalog.FolderID(f.Number+1), &row); err != nil {
				return err
			}
		}
		return nil
	})
}

// packOf writes the pack of src and maps it.
func packOf(t testing.TB, src source) *pack {
	t.Helper()
	return packIn(t, t.TempDir(), src)
}

// packIn is packOf for a directory.
func packIn(t testing.TB, dir string, src source) *pack {
	t.Helper()
	head := header{library: uuid.New(), id: uuid.New()}
	f, err := os.Create(filepath.Join(dir, "names-"+head.id.String()+".pack"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := writePack(f, head, src); err != nil {
		t.Fatal(err)
	}
	p, err := mapPack(dir, head.id.String(), head.library)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.unpin)
	return p
}

// scanOf makes a query ready for a pack of which nothing is fresh.
func scanOf(t testing.TB, p *pack, q Query) *scan {
	t.Helper()
	m, err := compile(q)
	if err != nil {
		t.Fatal(err)
	}
	s := &scan{m: m, tree: newTree(p), overlay: &overlay{}, pack: p}
	tops := map[int32]uint64{}
	for i := range s.tree.places {
		tops[i] = alive | m.start | m.inside
		for k := range m.paths {
			tops[i] |= m.paths[k].start()
		}
	}
	s.setBits(s.tree.bits(m, tops, nil, benchBits))
	benchBits = s.bits
	return s
}

func uriOf(place catalog.Place, path string) (sdpath.Path, error) {
	return sdpath.NewPhysical("here", "/"+path), nil
}

// benchBits is used again by the next scanOf.
var benchBits []uint64

var background = context.Background()
