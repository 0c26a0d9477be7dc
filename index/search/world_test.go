package search

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// world is a library with a searcher and what tests need to know of it.
type world struct {
	data     string // the data directory
	lib      *library.Library
	resolver *resolver.Resolver
	searcher *Searcher
	places   map[catalog.Place]string // and the buckets of cloud volumes
}

func newWorld(t testing.TB) *world {
	t.Helper()
	data := t.TempDir()
	lib, err := library.Open(t.Context(), data, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	var factory resolver.Factory = refuse
	r, err := resolver.New(lib, map[sdpath.Service]resolver.Factory{sdpath.S3: factory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s, err := Open(lib, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &world{data, lib, r, s, map[catalog.Place]string{catalog.DevicePlace(r.ThisDevice().ID): ""}}
}

// refuse is a resolver.Factory.
func refuse[Backend any](context.Context, library.Volume) (b Backend, err error) {
	return b, errors.ErrUnsupported
}

func (w *world) here() catalog.Place { return catalog.DevicePlace(w.resolver.ThisDevice().ID) }

func (w *world) addBucket(t testing.TB, name string) catalog.Place {
	t.Helper()
	v, err := w.resolver.AddCloud(t.Context(), resolver.CloudVolume{Service: sdpath.S3, Identifier: name})
	if err != nil {
		t.Fatal(err)
	}
	place := catalog.VolumePlace(v.Fingerprint)
	w.places[place] = name
	return place
}

func (w *world) update(t testing.TB, fn func(tx *catalog.Tx) error) {
	t.Helper()
	if err := w.lib.Catalog().Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// put makes a file and the folders above it.
func (w *world) put(t testing.TB, place catalog.Place, path string) {
	t.Helper()
	dir, name := "", path
	if i := strings.LastIndex(path, "/"); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	w.update(t, func(tx *catalog.Tx) error {
		id, err := tx.MakePath(place, dir)
		if err != nil {
			return err
		}
		return tx.PutFile(id, &catalog.File{Name: name, Kind: catalog.KindOf(name), Size: int64(len(path)), ModTime: 1.7e18, Version: path})
	})
}

// rows returns all that the catalog has, for the model.
func (w *world) rows(t testing.TB) (rows []row) {
	t.Helper()
	err := w.lib.Catalog().View(context.Background(), func(v *catalog.View) error {
		roots, err := v.Roots()
		if err != nil {
			return err
		}
		folders := map[catalog.FolderID]catalog.Folder{}
		err = v.EachFolder(func(f catalog.Folder) error {
			folders[f.ID] = f
			return nil
		})
		if err != nil {
			return err
		}
		at := func(id catalog.FolderID) (place catalog.Place, path []string) {
			for roots[id] == "" {
				path = append(path, folders[id].Name)
				id = folders[id].Parent
			}
			slices.Reverse(path)
			return roots[id], path
		}
		for id, f := range folders {
			if roots[id] == "" {
				place, path := at(id)
				rows = append(rows, row{place: place, bucket: w.places[place], path: path, folder: true,
					file: catalog.File{Name: f.Name, Kind: catalog.KindFolder, ModTime: f.ModTime}})
			}
		}
		return v.EachFile(func(id catalog.FolderID, f *catalog.File) error {
			place, path := at(id)
			rows = append(rows, row{place: place, bucket: w.places[place], path: append(path, f.Name), file: *f})
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
