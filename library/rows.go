package library

import "context"

// scanner is a row that is being read.
type scanner interface{ Scan(dest ...any) error }

// readAll runs a query and returns its rows as scan reads them. what is in its errors.
func readAll[T any](ctx context.Context, l *Library, what string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	op := "list " + what + " of"
	rows, err := l.readers.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, l.explain(op, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, l.explain(op, err)
		}
		all = append(all, v)
	}
	return all, l.explain(op, rows.Err())
}
