package library

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	iofs "io/fs"
	"net/url"
	"os"
	"path/filepath"

	"sd/library/catalog"
)

// applicationID, in the database's header, says that it is ours ("sdLB").
const applicationID = 0x73644c42

// smallDatabase is the size in bytes up to which opening reads it all to find damage.
const smallDatabase = 4 << 20

const (
	writerOptions  = "mode=rw&_txlock=immediate&_busy_timeout=10000&_foreign_keys=1&_synchronous=FULL"
	readerOptions  = "mode=rw&_busy_timeout=10000&_query_only=1"
	catalogOptions = "mode=rw&_busy_timeout=10000&_synchronous=NORMAL&_cache_size=-16000" + keepStatements
	keepStatements = "&_stmt_cache_size=64"
	inspectOptions = "mode=ro&_busy_timeout=10000&_query_only=1"
)

// migrations are in the order of their names; the database's user_version is how many
// of them it has.
//
//go:embed schema/*.sql
var migrations embed.FS

// How many connections read the catalog: at all, and kept. Walks use one for a page at a time.
const (
	catalogReaders     = 16
	catalogReadersKept = 4
)

func dsn(dir, options string) string {
	path, err := filepath.Abs(databasePath(dir))
	if err != nil {
		path = databasePath(dir)
	}
	return (&url.URL{Scheme: "file", Path: path}).String() + "?" + options
}

// openCatalog prepares connections of the catalog's own: a scan is not to make the mount wait for one, and
// what it has found may get lost with the machine, for it can be found again. They touch no file yet.
func (l *Library) openCatalog() (err error) {
	if l.catalogWriter, err = sql.Open("sqlite3", dsn(l.dir, catalogOptions)); err != nil {
		return err
	}
	l.catalogWriter.SetMaxOpenConns(1)
	if l.catalogReaders, err = sql.Open("sqlite3", dsn(l.dir, readerOptions+keepStatements)); err != nil {
		return err
	}
	l.catalogReaders.SetMaxOpenConns(catalogReaders)
	l.catalogReaders.SetMaxIdleConns(catalogReadersKept)
	l.catalog = catalog.New(l.catalogWriter, l.catalogReaders, l.turn.take, l.explain)
	return nil
}

// inspect tells whether the database is a library that this program may open, without
// changing a byte. It asks SQLite: to open and close the file here would drop the locks that
// another connection of this process has on it.
func inspect(ctx context.Context, dir string) error {
	path := databasePath(dir)
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return &DamagedError{Path: path, Err: errors.New("it is missing")}
	case err != nil:
		return access(path, err)
	case !fi.Mode().IsRegular():
		return &DamagedError{Path: path, Err: errors.New("it is not a regular file")}
	}
	db, err := sql.Open("sqlite3", dsn(dir, inspectOptions))
	if err != nil {
		return explain(dir, "open", err)
	}
	defer db.Close()
	var application, version, page int
	err = db.QueryRowContext(ctx, "SELECT application_id, user_version, page_size FROM pragma_application_id, pragma_user_version, pragma_page_size").
		Scan(&application, &version, &page)
	if err != nil {
		return explain(dir, "open", err)
	}
	if application != applicationID {
		return &DamagedError{Path: path, Err: errors.New("it is not a library's database")}
	}
	if err := checkVersion(dir, version); err != nil {
		return err
	}
	if version < 1 {
		return &DamagedError{Path: path, Err: errors.New("it has no tables")}
	}
	if wal, err := os.Stat(path + "-wal"); (err != nil || wal.Size() == 0) && fi.Size()%int64(page) != 0 {
		return &DamagedError{Path: path, Err: errors.New("its end is missing")} // SQLite would read zeros there
	}
	if fi.Size() <= smallDatabase {
		return explain(dir, "open", quickCheck(ctx, db))
	}
	return nil
}

func quickCheck(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &corruptError{verdict}
	}
	return nil
}

// migrate brings the database to the newest schema. Processes that do so at once wait for
// one another; the second finds nothing to do.
func migrate(ctx context.Context, dir string, db *sql.DB) error {
	files, err := migrations.ReadDir("schema")
	if err != nil {
		return err
	}
	var have int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have == len(files) {
		return nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if err := checkVersion(dir, have); err != nil {
		return err
	}
	for _, f := range files[have:] {
		text, err := migrations.ReadFile("schema/" + f.Name())
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(files))); err != nil {
		return err
	}
	return tx.Commit()
}

func checkVersion(dir string, have int) error {
	files, err := migrations.ReadDir("schema")
	if err != nil {
		return err
	}
	if have > len(files) {
		return &NewerError{Path: dir, Have: have, Known: len(files)}
	}
	if have < 0 {
		return &DamagedError{Path: databasePath(dir), Err: fmt.Errorf("its version is %d", have)}
	}
	return nil
}
