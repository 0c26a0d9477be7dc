// Package catalog keeps what is indexed: folders, files and the contents that files were
// proven to have. It is part of a library's database; library.Library.Catalog gives it.
//
// Every place (a device, a volume) is one tree of folders. A file's row holds for one version of the
// file. Its Content says which bytes that version has, and its Proof how well that is
// known. Names are the bytes that the store has; they need not be UTF-8.
package catalog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// Catalog reads and changes what is indexed. Its methods are safe for concurrent use, also
// by several processes; they block on the disk, and a writer waits up to ten seconds for another.
type Catalog struct {
	writer  *sql.DB
	readers *sql.DB
	turn    func(ctx context.Context, begin func() error) (done func(), err error)
	explain func(op string, err error) error
	keyOf   func(uuid.UUID) Key // tests make contents clash with it
	limits  limits
}

// limits are small in tests.
type limits struct {
	pageRows    int // how many rows a walk takes from one snapshot
	sliceFiles  int // how many files EachCopy holds at a time, about
	smallFolder int // up to how many files a folder is searched for one of a content
	sweepRows   int // how many rows Sweep looks at in one transaction
}

// New is for package library: writer and readers are databases of SQLite with the tables of
// its schema, whose connections keep statements prepared. turn calls begin when a transaction that
// writes may begin; done is called at the end of one that has. explain gives errors their types. The
// caller closes both databases after the last use.
func New(writer, readers *sql.DB, turn func(ctx context.Context, begin func() error) (done func(), err error), explain func(op string, err error) error) *Catalog {
	return &Catalog{
		writer: writer, readers: readers, turn: turn, explain: explain,
		keyOf:  KeyOf,
		limits: limits{pageRows: 4096, sliceFiles: 1 << 16, smallFolder: 256, sweepRows: 50_000},
	}
}

// Update runs fn in one transaction that holds the write lock from its start. Where fn
// fails, or ctx ends before fn does, nothing is changed. Errors of fn come back as they are. The
// Tx is for fn's goroutine, and ends with fn. Keep transactions below a second: other writers wait.
// So would fn itself, for ever, if it wrote to the library by anything but its Tx.
func (c *Catalog) Update(ctx context.Context, fn func(*Tx) error) error {
	err := c.use(ctx, c.writer, func(db *conn) error {
		done, err := c.turn(ctx, func() error { return db.each("BEGIN IMMEDIATE", nil) })
		if err != nil {
			return err
		}
		defer done()
		return db.transact(func() error {
			tx := &Tx{c: c, conn: db, seen: map[FolderID]*folderState{}}
			if err := fn(tx); err != nil {
				return err
			}
			if err := tx.finish(); err != nil {
				return err
			}
			return ctx.Err()
		})
	})
	return c.explain("update the index of", err)
}

// read runs fn on one snapshot.
func (c *Catalog) read(ctx context.Context, fn func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := c.use(ctx, c.readers, func(db *conn) error {
		if err := db.each("BEGIN", nil); err != nil {
			return err
		}
		return db.transact(func() error { return fn(db) })
	})
	return c.explain("read the index of", err)
}

// use lends fn a connection of db. It talks to the driver itself: a row costs half as much.
func (c *Catalog) use(ctx context.Context, db *sql.DB, fn func(*conn) error) error {
	lent, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer lent.Close()
	return lent.Raw(func(dc any) error {
		query, ok := dc.(driver.QueryerContext)
		exec, also := dc.(driver.ExecerContext)
		if !ok || !also {
			return fmt.Errorf("catalog: %T takes no queries", dc)
		}
		return fn(&conn{query: query, exec: exec})
	})
}

// errStop ends a walk early.
var errStop = errors.New("stop")
