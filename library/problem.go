package library

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Problem is something of a location that could not be indexed.
type Problem struct {
	Location int64
	Path     string // as in catalog.Copy: below the place's root, no slash at either end
	Op       string // what was tried: "list", "stat", "read", …
	Text     string // why that did not work, and where it helps what to do
	When     time.Time
}

// ReplaceProblems puts list in place of the problems that the location had at under and
// below; "" is all of them. Given ops, only problems of those replace and are replaced, so
// that two parts of the work can each keep their own. A path may have one problem of each
// op; the last one counts. A zero When means now. It is no error if the location is gone.
func (l *Library) ReplaceProblems(ctx context.Context, location int64, under string, list []Problem, ops ...string) error {
	return l.write(ctx, "note problems in", func(tx *sql.Tx) error {
		where, values := "location = ?", []any{location}
		if under != "" {
			// '0' comes right after '/'.
			where += " AND (path = ? OR path > ? AND path < ?)"
			values = append(values, []byte(under), []byte(under+"/"), []byte(under+"0"))
		}
		if len(ops) > 0 {
			where += " AND op IN (?" + strings.Repeat(", ?", len(ops)-1) + ")"
			for _, op := range ops {
				values = append(values, op)
			}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM problems WHERE "+where, values...); err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		add, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO problems (location, path, op, text, found)
			SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM locations WHERE id = ?1)`)
		if err != nil {
			return err
		}
		defer add.Close()
		now := time.Now()
		for _, p := range list {
			when := p.When
			if when.IsZero() {
				when = now
			}
			if _, err := add.ExecContext(ctx, location, []byte(p.Path), p.Op, p.Text, when.UnixMilli()); err != nil {
				return fmt.Errorf("problem of %q: %w", p.Path, err)
			}
		}
		return nil
	})
}

// Problems returns up to limit problems of a location (0: of all locations) in the order of
// their paths, and how many there are altogether. A limit of 0 or less returns all.
func (l *Library) Problems(ctx context.Context, location int64, limit int) ([]Problem, int, error) {
	if limit <= 0 {
		limit = -1
	}
	var total int
	err := l.readers.QueryRowContext(ctx, "SELECT count(*) FROM problems WHERE ?1 = 0 OR location = ?1", location).Scan(&total)
	if err != nil {
		return nil, 0, l.explain("list problems of", err)
	}
	rows, err := l.readers.QueryContext(ctx, `SELECT location, path, op, text, found FROM problems
		WHERE ?1 = 0 OR location = ?1 ORDER BY location, path, op LIMIT ?2`, location, limit)
	if err != nil {
		return nil, 0, l.explain("list problems of", err)
	}
	defer rows.Close()
	var list []Problem
	for rows.Next() {
		var (
			p     Problem
			path  []byte
			found int64
		)
		if err := rows.Scan(&p.Location, &path, &p.Op, &p.Text, &found); err != nil {
			return nil, 0, l.explain("list problems of", err)
		}
		p.Path, p.When = string(path), fromMilli(found)
		list = append(list, p)
	}
	return list, total, l.explain("list problems of", rows.Err())
}
