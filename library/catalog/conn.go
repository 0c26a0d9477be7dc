package catalog

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"unsafe"
)

// conn is a connection. It is used by one goroutine at a time. Statements run without a context: the
// driver would start a goroutine for each. It keeps them prepared.
type conn struct {
	query driver.QueryerContext
	exec  driver.ExecerContext
	args  []driver.NamedValue
	rows  [][]driver.Value // one for each statement that runs inside of another
	depth int
}

// each runs a statement and hands fn its rows; fn may be nil. The row and its []byte values are
// fn's: the values may be kept, the slice not. errStop of fn ends it without an error.
func (c *conn) each(text string, fn func(row []driver.Value) error, args ...driver.Value) error {
	rows, err := c.query.QueryContext(context.Background(), text, c.named(args)) // which takes the first step
	if err != nil {
		return err
	}
	n := len(rows.Columns())
	if n == 0 {
		return rows.Close()
	}
	if c.depth == len(c.rows) {
		c.rows = append(c.rows, nil)
	}
	row := slices.Grow(c.rows[c.depth][:0], n)[:n]
	c.rows[c.depth] = row
	c.depth++
	defer func() { c.depth-- }()
	for {
		if err := rows.Next(row); err == io.EOF {
			return rows.Close()
		} else if err != nil {
			return errors.Join(err, rows.Close())
		}
		if fn == nil {
			continue
		}
		if err := fn(row); err == errStop {
			return rows.Close()
		} else if err != nil {
			_ = rows.Close() // which has nothing to tell besides
			return err
		}
	}
}

// named returns args as the driver wants them, until the next call.
func (c *conn) named(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, v := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args
}

// change runs a statement that returns no rows, and returns whether it has changed any.
func (c *conn) change(text string, args ...driver.Value) (bool, error) {
	done, err := c.exec.ExecContext(context.Background(), text, c.named(args))
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

// first runs a statement and returns whether it has a row, which fn gets; fn may be nil.
func (c *conn) first(text string, fn func(row []driver.Value) error, args ...driver.Value) (bool, error) {
	found := false
	err := c.each(text, func(row []driver.Value) error {
		found = true
		if fn != nil {
			if err := fn(row); err != nil {
				return err
			}
		}
		return errStop
	}, args...)
	return found, err
}

// number runs a statement that returns one number.
func (c *conn) number(text string, args ...driver.Value) (n int64, err error) {
	_, err = c.first(text, func(row []driver.Value) error {
		n = integer(row[0])
		return nil
	}, args...)
	return n, err
}

// transact runs fn in the transaction that has begun, and then COMMIT, or ROLLBACK where fn fails or
// panics.
func (c *conn) transact(fn func() error) error {
	done := false
	defer func() {
		if !done {
			_ = c.each("ROLLBACK", nil) // which fails only where SQLite has rolled back itself
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if err := c.each("COMMIT", nil); err != nil {
		return err
	}
	done = true
	return nil
}

// blob is s as a value, without a copy: the driver only reads it.
func blob(s string) []byte {
	if s == "" {
		return []byte{} // nil would be NULL
	}
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

// text is a value that the driver made for us alone, as a string without a copy.
func text(v driver.Value) string {
	b := bytes(v)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func bytes(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}

func integer(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

// orNull is n as a value; 0 is NULL.
func orNull(n int64) driver.Value {
	if n == 0 {
		return nil
	}
	return n
}
