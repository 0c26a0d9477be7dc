//go:build unix

package identify

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

// compareKept tells the library of a local file that holds other bytes than it was proven to hold
// before its inode changed, where nothing but its disk explains that: inode, size and time
// of change are as they were, and the inode is no younger than that time. A younger one may
// be another file of the same number, made with an old time, as by unpacking an archive.
// What is there is then identified all the same.
func compareKept(ctx context.Context, lib *library.Library, place catalog.Place, path string, dir fd, f *catalog.File, sum identity.Sum) error {
	if f.Proof != catalog.Kept || f.Content == catalog.KeyOf(sum.ContentID()) {
		return nil
	}
	was, err := lib.Catalog().ContentByKey(ctx, f.Content)
	if errors.Is(err, iofs.ErrNotExist) || err == nil && was.BLAKE3 == sum {
		return nil
	}
	if err != nil {
		return err
	}
	if born, ok := dir.born(f.Name, f.FileVersion()); !ok || born > f.ModTime {
		return nil
	}
	return lib.NoteRot(ctx, library.Rot{
		Place: place, Path: path, Size: f.Size, ModTime: f.ModTime, Expected: was.BLAKE3, Actual: sum,
	})
}
