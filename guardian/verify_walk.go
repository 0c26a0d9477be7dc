package guardian

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"

	"sd/library/catalog"
)

// unindexed looks for files at /dir and below that the catalog does not have. A folder of
// which it has nothing stands for all that is in it.
func (v *verifier) unindexed(ctx context.Context, dir string, folder catalog.FolderID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, pseudo := v.locals.At("/" + dir); pseudo {
		return nil
	}
	for _, dead := range v.check.dead {
		if within(dir, dead) {
			return nil
		}
	}
	files, err := v.guardian.catalog.Files(ctx, folder)
	if err != nil {
		return err
	}
	folders, err := v.guardian.catalog.Folders(ctx, folder)
	if err != nil {
		return err
	}
	known := make(map[string]catalog.FolderID, len(files)+len(folders))
	for _, f := range files {
		known[f.Name] = 0
	}
	for _, f := range folders {
		known[f.Name] = f.ID
	}
	entries, err := os.ReadDir("/" + dir)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		v.report(Finding{Verdict: Unreadable, Place: v.check.here, Path: dir, Why: sayMissing(err).Error()})
	}
	for _, e := range entries {
		path := join(dir, e.Name())
		id, ok := known[e.Name()]
		switch {
		case ok && e.IsDir() && id != 0:
			if err := v.unindexed(ctx, path, id); err != nil {
				return err
			}
		case ok || !e.IsDir() && !e.Type().IsRegular():
		default:
			if _, pseudo := v.locals.At("/" + path); pseudo {
				continue
			}
			f := Finding{Verdict: NotIndexed, Place: v.check.here, Path: path, Why: "the location's rules leave it out, or it is new"}
			if info, err := e.Info(); err == nil && !e.IsDir() {
				f.Size = info.Size()
			}
			v.report(f)
		}
	}
	return nil
}
