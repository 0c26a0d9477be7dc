package catalog_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sd/library/catalog"
	"sd/sdpath"
)

// Any key of an object, however odd, is found by the path that the catalog tells of it.
func TestOddKeys(t *testing.T) {
	_, c := open(t)
	place := catalog.VolumePlace("bucket")
	rnd := rand.New(rand.NewPCG(1, 2))
	keys := map[string]bool{"/lead": true, "lead": true, "a//b": true, "//b": true, "/a/b": true, "a/b": true, "/": true}
	for range 300 {
		var key strings.Builder
		for range 1 + rnd.IntN(6) {
			key.WriteString([]string{"/", "/", "a", "b", "."}[rnd.IntN(5)])
		}
		keys[key.String()] = true
	}
	err := c.Update(t.Context(), func(tx *catalog.Tx) error {
		for key := range keys {
			dir, name := catalog.Split(key)
			if sdpath.JoinKey(dir, name) != key || !slices.Equal(append(sdpath.SplitKey(dir), name), sdpath.SplitKey(key)) {
				t.Errorf("%q is %q in %q", key, name, dir)
			}
			id, err := tx.MakePath(place, dir)
			if err != nil {
				return err
			}
			if err := tx.PutFile(id, &catalog.File{Name: name, Size: int64(len(key))}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	err = c.EachPath(t.Context(), 0, func(path string, dir catalog.FolderID, f *catalog.File) error {
		path = strings.Clone(path)
		seen[path] = true
		id, found, err := c.FindFile(t.Context(), place, path)
		if err != nil || id != dir || found.Name != f.Name || !keys[path] || f.Size != int64(len(path)) {
			t.Errorf("%q is %+v in %d: %v", path, found, id, err)
		}
		_, up, err := c.Path(t.Context(), dir)
		if err != nil {
			return err
		}
		if folder, err := c.FindFolder(t.Context(), place, up); err != nil || folder.ID != dir {
			t.Errorf("folder %q is %d, want %d: %v", up, folder.ID, dir, err)
		}
		return nil
	})
	if err != nil || len(seen) != len(keys) {
		t.Errorf("%d keys were told, want %d: %v", len(seen), len(keys), err)
	}
}
