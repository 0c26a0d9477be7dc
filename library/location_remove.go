package library

import (
	"context"
	"database/sql"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"
	"time"

	"sd/library/catalog"
)

// dropStep is about how many files are dropped in one transaction, so that others need not
// wait long for theirs.
const dropStep = 10_000

// RemoveLocation forgets a location, its problems, and what the catalog has of it that no
// other location holds; the files stay where they are. An unknown id is fs.ErrNotExist. If it
// ends in the middle the location is still there, with less in it, as one that was never
// scanned. If a scan of it was under way, Uncover drops what that has put back.
func (l *Library) RemoveLocation(ctx context.Context, id int64) error {
	loc, err := scanLocation(l.readers.QueryRowContext(ctx, "SELECT "+locationColumns+" FROM locations WHERE id = ?", id))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return l.explain("remove a location from", err)
	}
	if err := l.SetScanned(ctx, id, time.Time{}, loc.Root); err != nil {
		return err
	}
	if err := l.uncover(ctx, loc.Place, loc.Path, id); err != nil {
		return err
	}
	err = l.write(ctx, "remove a location from", func(tx *sql.Tx) (err error) {
		res, err := tx.ExecContext(ctx, "DELETE FROM locations WHERE id = ?", id)
		return one(res, err, "location", id)
	})
	if err != nil {
		return err
	}
	return l.Uncover(ctx, loc.Place, loc.Path)
}

// Uncover drops from the catalog what it has at path of place and below, but for what
// locations hold. Of a million files it takes seconds.
func (l *Library) Uncover(ctx context.Context, place catalog.Place, path string) error {
	return l.uncover(ctx, place, path, 0)
}

// uncover is Uncover as if the location with the id gone were not there.
func (l *Library) uncover(ctx context.Context, place catalog.Place, path string, gone int64) error {
	top, err := l.catalog.FindFolder(ctx, place, path)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	locations, err := l.Locations(ctx)
	if err != nil {
		return err
	}
	u := uncovering{catalog: l.catalog}
	for _, loc := range locations {
		if loc.ID == gone {
			continue
		}
		if loc.Holds(place, path) {
			return nil
		}
		if loc.Place == place {
			u.kept = append(u.kept, loc.Path)
		}
	}
	if err := u.drop(ctx, top.ID, path); err != nil {
		return err
	}
	return u.prune(ctx, place, path)
}

// uncovering drops what lies around the kept paths.
type uncovering struct {
	catalog *catalog.Catalog
	kept    []string // of locations in the same place
}

// drop drops the folder at path, or as much of it as is not kept.
func (u *uncovering) drop(ctx context.Context, id catalog.FolderID, dir string) error {
	if slices.Contains(u.kept, dir) {
		return nil
	}
	if !slices.ContainsFunc(u.kept, func(kept string) bool { return within(kept, dir) }) {
		return u.dropAll(ctx, id)
	}
	var below []catalog.Folder
	err := u.catalog.Update(ctx, func(tx *catalog.Tx) error {
		folder, ok, err := tx.FolderByID(id)
		if err != nil || !ok {
			return err
		}
		files, err := tx.Files(id, nil)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := tx.DropFile(id, f.Name); err != nil {
				return err
			}
		}
		folder.Listed = false
		if err := tx.SetFolder(folder); err != nil {
			return err
		}
		below, err = tx.Folders(id)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range below {
		if err := u.drop(ctx, f.ID, join(dir, f.Name)); err != nil {
			return err
		}
	}
	return nil
}

// join is the path of a name in a folder. Neither is cleaned: names of objects can be odd.
func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// dropAll drops a folder with all below it, from the bottom up, in several transactions.
func (u *uncovering) dropAll(ctx context.Context, id catalog.FolderID) error {
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := u.catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
			_, done, err = tx.DropSome(id, dropStep)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// prune drops the folders above path that are known only as the way to it.
func (u *uncovering) prune(ctx context.Context, place catalog.Place, dir string) error {
	return u.catalog.Update(ctx, func(tx *catalog.Tx) error {
		for dir != "" {
			dir = dir[:max(0, strings.LastIndexByte(dir, '/'))]
			folder, err := u.catalog.FindFolder(ctx, place, dir)
			if errors.Is(err, iofs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if folder.Listed || folder.Parent == 0 || slices.Contains(u.kept, dir) {
				return nil
			}
			folders, err := tx.Folders(folder.ID)
			if err != nil {
				return err
			}
			files, err := tx.Files(folder.ID, nil)
			if err != nil || len(folders)+len(files) > 0 {
				return err
			}
			if _, err := tx.DropFolder(folder.ID); err != nil {
				return err
			}
		}
		return nil
	})
}
