package index

import (
	"context"
	"time"

	"sd/library/catalog"
)

// A transaction is written when it has so many rows, or its first one is so old.
const (
	batchRows = 10_000
	batchTime = 250 * time.Millisecond
)

// target is a folder that changes are written to.
type target struct {
	in   *target
	name string
	row  catalog.FolderID // 0: there is none yet
}

// change is what is to be written of one folder.
type change struct {
	to          *target
	set         *catalog.Folder // its time, version and Listed; nil: as they are
	drop        []string
	dropFolders []dropped
	put         []catalog.File
}

// dropped is a folder to be forgotten, but for what is kept of it.
type dropped struct {
	row  catalog.FolderID
	keep *inner // leads to what stays; nil: nothing does
}

func (c *change) rows() int { return len(c.put) + len(c.drop) + len(c.dropFolders) + 1 }

// recorder writes changes in batches. It is for one goroutine.
type recorder struct {
	catalog *catalog.Catalog
	dry     bool // nothing is written

	pending []*change
	rows    int
	since   time.Time // of the first pending change

	removed int64 // files that went with their folders, since somebody asked
}

// add takes a change, and writes when there are enough.
func (r *recorder) add(ctx context.Context, c *change) error {
	if r.dry {
		return nil
	}
	for more := c.put; len(more) > batchRows; more = more[batchRows:] { // of one huge folder
		part := *c
		part.put = more[:batchRows]
		if err := r.append(ctx, &part); err != nil {
			return err
		}
		c = &change{to: c.to, put: more[batchRows:]}
	}
	return r.append(ctx, c)
}

func (r *recorder) append(ctx context.Context, c *change) error {
	if len(r.pending) == 0 {
		r.since = time.Now()
	}
	r.pending = append(r.pending, c)
	r.rows += c.rows()
	if r.rows < batchRows {
		return nil
	}
	return r.flush(ctx)
}

// due is when the pending changes are to be written at the latest; false: there are none.
func (r *recorder) due() (time.Time, bool) { return r.since.Add(batchTime), len(r.pending) > 0 }

// flush writes what is pending.
func (r *recorder) flush(ctx context.Context) error {
	if len(r.pending) == 0 {
		return nil
	}
	err := r.dropFolders(ctx)
	if err == nil {
		err = r.catalog.Update(ctx, func(tx *catalog.Tx) error {
			for _, c := range r.pending {
				if err := c.write(tx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	clear(r.pending)
	r.pending, r.rows = r.pending[:0], 0
	return err
}

func (c *change) write(tx *catalog.Tx) error {
	id := c.to.row
	switch {
	case id == 0:
		set := c.set
		if set == nil {
			set = &catalog.Folder{}
		}
		if err := c.to.make(tx, *set); err != nil {
			return err
		}
		id = c.to.row
	case c.set != nil:
		f := *c.set
		f.ID = id
		if err := tx.SetFolder(f); err != nil {
			return err
		}
	}
	for _, name := range c.drop {
		if err := tx.DropFile(id, name); err != nil {
			return err
		}
	}
	return tx.PutFiles(id, c.put)
}

// make makes the folder's row, and those above it that are missing.
func (t *target) make(tx *catalog.Tx, f catalog.Folder) (err error) {
	if t.in.row == 0 {
		if err := t.in.make(tx, catalog.Folder{}); err != nil {
			return err
		}
	}
	f.Parent, f.Name = t.in.row, t.name
	t.row, err = tx.AddFolder(f)
	return err
}

// dropFolders forgets the folders that are gone. They may hold millions of files, so it takes as
// many transactions as it needs; what is left when it is cut short is found by the next scan.
func (r *recorder) dropFolders(ctx context.Context) error {
	for _, c := range r.pending {
		for _, d := range c.dropFolders {
			if err := r.drop(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *recorder) drop(ctx context.Context, d dropped) error {
	if d.keep == nil {
		return r.dropAll(ctx, d.row)
	}
	var files, subs = int64(0), []catalog.Folder(nil)
	err := r.catalog.Update(ctx, func(tx *catalog.Tx) error {
		list, err := tx.Files(d.row, nil)
		if err != nil {
			return err
		}
		for i := range list {
			if err := tx.DropFile(d.row, list[i].Name); err != nil {
				return err
			}
		}
		files = int64(len(list))
		subs, err = tx.Folders(d.row)
		return err
	})
	if err != nil {
		return err
	}
	r.removed += files
	for _, s := range subs {
		keep := d.keep.at(s.Name)
		if keep != nil && keep.here {
			continue
		}
		if err := r.drop(ctx, dropped{s.ID, keep}); err != nil {
			return err
		}
	}
	return nil
}

func (r *recorder) dropAll(ctx context.Context, id catalog.FolderID) error {
	for done := false; !done; {
		var files int64
		if err := r.catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
			files, done, err = tx.DropSome(id, batchRows)
			return err
		}); err != nil {
			return err
		}
		r.removed += files
	}
	return nil
}
