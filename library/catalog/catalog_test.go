package catalog_test

import (
	"context"
	"testing"

	"sd/library"
	"sd/library/catalog"
)

// open makes a library with an empty catalog.
func open(t testing.TB) (*library.Library, *catalog.Catalog) {
	t.Helper()
	l, err := library.Open(context.Background(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Catalog()
}

// update runs fn in a transaction that must succeed.
func update(t testing.TB, c *catalog.Catalog, fn func(tx *catalog.Tx) error) {
	t.Helper()
	if err := c.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestFirst(t *testing.T) {
	_, c := open(t)
	ctx := t.Context()
	var dir catalog.FolderID
	update(t, c, func(tx *catalog.Tx) (err error) {
		if dir, err = tx.MakePath("device:x", "home/ann"); err != nil {
			return err
		}
		return tx.PutFiles(dir, []catalog.File{{Name: "b", Size: 5, ModTime: 12, Version: "v"}, {Name: "a"}})
	})
	id, f, err := c.FindFile(ctx, "device:x", "home/ann/b")
	if err != nil || id != dir || f.Size != 5 || f.ModTime != 12 || f.Version != "v" {
		t.Errorf("got %v, %+v, %v", id, f, err)
	}
	n, err := c.Count(ctx, dir)
	if err != nil || n.Files != 2 {
		t.Errorf("got %+v, %v", n, err)
	}
}
