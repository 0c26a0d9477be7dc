package library

import (
	"context"
	"database/sql"
	"errors"
	iofs "io/fs"
	"time"

	"sd/library/catalog"
)

// Rot is a file whose bytes changed though nobody had written it. It is remembered, since
// the catalog no longer counts the file as a copy of what it was: so it can be told again
// what the file should hold.
type Rot struct {
	Place            catalog.Place
	Path             string // as in catalog.Copy
	Size             int64
	ModTime          int64    // in nanoseconds; with another size or time the file was written anew
	Expected, Actual [32]byte // BLAKE3 of what was written, and of what was found
	Found            time.Time
}

// NoteRot remembers r in place of what was known of its path. A zero Found means now.
func (l *Library) NoteRot(ctx context.Context, r Rot) error {
	if r.Found.IsZero() {
		r.Found = time.Now()
	}
	return l.write(ctx, "note bit rot in", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO rotten (place, path, size, mtime, expected, actual, found) VALUES (?, ?, ?, ?, ?, ?, ?)",
			string(r.Place), []byte(r.Path), r.Size, r.ModTime, r.Expected[:], r.Actual[:], r.Found.UnixMilli())
		return err
	})
}

// ForgetRot drops what is known of a path. That there is nothing is no error.
func (l *Library) ForgetRot(ctx context.Context, place catalog.Place, path string) error {
	return l.write(ctx, "forget bit rot in", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM rotten WHERE place = ? AND path = ?", string(place), []byte(path))
		return err
	})
}

// RotOf returns what is known of a path, or fs.ErrNotExist.
func (l *Library) RotOf(ctx context.Context, place catalog.Place, path string) (Rot, error) {
	r, err := scanRot(l.readers.QueryRowContext(ctx, "SELECT "+rotColumns+" FROM rotten WHERE place = ? AND path = ?", string(place), []byte(path)))
	if errors.Is(err, sql.ErrNoRows) {
		return Rot{}, iofs.ErrNotExist
	}
	return r, l.explain("look for bit rot in", err)
}

// Rotten returns all files with bit rot by place and path. The slice is the caller's.
func (l *Library) Rotten(ctx context.Context) ([]Rot, error) {
	return readAll(ctx, l, "bit rot", scanRot, "SELECT "+rotColumns+" FROM rotten ORDER BY place, path")
}

const rotColumns = "place, path, size, mtime, expected, actual, found"

func scanRot(row scanner) (Rot, error) {
	var (
		r                      Rot
		place                  string
		path, expected, actual []byte
		found                  int64
	)
	if err := row.Scan(&place, &path, &r.Size, &r.ModTime, &expected, &actual, &found); err != nil {
		return Rot{}, err
	}
	if len(expected) != len(r.Expected) || len(actual) != len(r.Actual) {
		return Rot{}, &corruptError{"a note of bit rot has a sum of the wrong length"}
	}
	copy(r.Expected[:], expected)
	copy(r.Actual[:], actual)
	r.Place, r.Path, r.Found = catalog.Place(place), string(path), time.UnixMilli(found).UTC()
	return r, nil
}
