package index

import (
	"context"

	"sd/library/catalog"
)

// rowsAtOnce is how many rows of a folder are read at a time. A folder may have millions.
const rowsAtOnce = 4096

// rowReader goes through the files of one folder in the catalog, in the order of their names.
type rowReader struct {
	view   func(ctx context.Context, fn func(*catalog.View) error) error
	folder catalog.FolderID // 0: there are none
	from   string           // the first name that was not read yet
	end    string           // names from here on are not wanted; "" is no end
	rows   []catalog.File
	at     int
	ended  bool // all were read
}

// fill reads more rows by an open view, if all that were read are used up.
func (r *rowReader) fill(v *catalog.View) (err error) {
	if r.at < len(r.rows) || r.ended {
		return nil
	}
	r.rows, err = v.FilesFrom(r.folder, r.from, rowsAtOnce, r.rows[:0])
	r.at = 0
	if len(r.rows) < rowsAtOnce {
		r.ended = true
	}
	if len(r.rows) > 0 {
		r.from = r.rows[len(r.rows)-1].Name + "\x00"
	}
	return err
}

// peek returns the next row, or nil at the end. It is good until the next peek after skip.
func (r *rowReader) peek(ctx context.Context) (*catalog.File, error) {
	if r.folder == 0 {
		return nil, nil
	}
	if r.at == len(r.rows) && !r.ended {
		if err := r.view(ctx, r.fill); err != nil {
			return nil, err
		}
	}
	if r.at == len(r.rows) || r.end != "" && r.rows[r.at].Name >= r.end {
		return nil, nil
	}
	return &r.rows[r.at], nil
}

// skip goes on to the row after the one that peek returned.
func (r *rowReader) skip() { r.at++ }
