package catalog

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"unsafe"
)

// conn is a connection that keeps its prepared statements. It is used by one goroutine at
// a time. Statements run without a context: the driver would start a goroutine for each.
type conn struct {
	dc   driver.Conn
	idle map[string][]*stmt // by text; those in use are in no list
}

type stmt struct {
	text string
	stmt driver.StmtQueryContext
	args []driver.NamedValue
	row  []driver.Value
}

// each runs a statement and hands fn its rows; fn may be nil. The row and its []byte values are
// fn's: the values may be kept, the slice not. errStop of fn ends it without an error.
func (c *conn) each(text string, fn func(row []driver.Value) error, args ...driver.Value) error {
	s, err := c.take(text)
	if err != nil {
		return err
	}
	if err = s.run(fn, args); err == nil {
		c.idle[text] = append(c.idle[text], s)
	}
	return err
}

// run is each for a statement in use. A statement that failed is given up.
func (s *stmt) run(fn func(row []driver.Value) error, args []driver.Value) error {
	s.args = s.args[:0]
	for i, v := range args {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	rows, err := s.stmt.QueryContext(context.Background(), s.args)
	if err != nil {
		return err
	}
	if n := len(rows.Columns()); n != len(s.row) {
		s.row = make([]driver.Value, n)
	}
	for len(s.row) > 0 {
		err := rows.Next(s.row)
		if err == nil && fn != nil {
			err = fn(s.row)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, errStop) {
			break
		}
		if err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return rows.Close()
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

func (c *conn) take(text string) (*stmt, error) {
	if list := c.idle[text]; len(list) > 0 {
		s := list[len(list)-1]
		c.idle[text] = list[:len(list)-1]
		return s, nil
	}
	prepared, err := c.dc.Prepare(text)
	if err != nil {
		return nil, err
	}
	query, ok := prepared.(driver.StmtQueryContext)
	if !ok {
		return nil, fmt.Errorf("catalog: %T takes no query", prepared)
	}
	return &stmt{text: text, stmt: query}, nil
}

// transact runs fn between begin and COMMIT, or ROLLBACK where fn fails or panics.
func (c *conn) transact(begin string, fn func() error) error {
	if err := c.each(begin, nil); err != nil {
		return err
	}
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
