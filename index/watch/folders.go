package watch

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/library/catalog"
)

// folders tells of the folders below dir that the catalog has, each before those in it; into
// says whether to go on with those. A dir that the catalog does not have has none.
func (l *local) folders(ctx context.Context, dir string, visit func(sub string) (into bool)) error {
	top, err := l.w.cat.FindFolder(ctx, l.w.device, dir)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	type folder struct {
		id  catalog.FolderID
		dir string
	}
	// Folders that are yet to be looked into; the last first, so that there are never many.
	todo := []folder{{top.ID, dir}}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		list, err := l.w.cat.Folders(ctx, at.id)
		if err != nil {
			return err
		}
		for _, f := range list {
			sub := f.Name
			if at.dir != "" {
				sub = at.dir + "/" + f.Name
			}
			if visit(sub) {
				todo = append(todo, folder{f.ID, sub})
			}
		}
	}
	return nil
}
