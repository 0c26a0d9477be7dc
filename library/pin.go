package library

import (
	"context"
	"database/sql"
	iofs "io/fs"
	"time"

	"sd/library/catalog"
)

// Pin names a file that a selective sync keeps on this side, or a folder for all below it.
type Pin struct {
	Place catalog.Place
	Path  string // as in catalog.Copy: no slash at either end, "" is the root
	Glob  bool   // Path is a pattern, with * and ** as in commands
	// Created is when it was pinned.
	Created time.Time
}

// AddPin keeps a pin. One that is there already stays as it is. A zero Created means now.
func (l *Library) AddPin(ctx context.Context, p Pin) error {
	if p.Created.IsZero() {
		p.Created = time.Now()
	}
	return l.write(ctx, "set a pin in", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO pins (place, path, glob, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			string(p.Place), []byte(p.Path), p.Glob, p.Created.UnixMilli())
		return err
	})
}

// RemovePin forgets a pin. One that is not there is fs.ErrNotExist.
func (l *Library) RemovePin(ctx context.Context, p Pin) error {
	return l.write(ctx, "remove a pin from", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "DELETE FROM pins WHERE place = ? AND path = ? AND glob = ?", string(p.Place), []byte(p.Path), p.Glob)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return errNoPin
	})
}

// Pins returns the pins by place and path. The slice is the caller's.
func (l *Library) Pins(ctx context.Context) ([]Pin, error) {
	return readAll(ctx, l, "pins", scanPin, "SELECT place, path, glob, created FROM pins ORDER BY place, path, glob")
}

func scanPin(row scanner) (Pin, error) {
	var (
		p       Pin
		place   string
		path    []byte
		created int64
	)
	err := row.Scan(&place, &path, &p.Glob, &created)
	p.Place, p.Path, p.Created = catalog.Place(place), string(path), fromMilli(created)
	return p, err
}

// errNoPin is that of a pin which is not there.
var errNoPin = &iofs.PathError{Op: "remove", Path: "pin", Err: iofs.ErrNotExist}
