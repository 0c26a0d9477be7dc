package library

import (
	"context"
	"database/sql"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
)

const creating = ".creating-"

// create makes the library whole under another name and then renames it, so that no
// process ever sees half of one.
func create(ctx context.Context, dataDir, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	unlock, err := lock(ctx, dataDir)
	if err != nil {
		return err
	}
	defer unlock()

	parent, dir := librariesDir(dataDir), libraryDir(dataDir, name)
	if err := mkdirPrivate(parent); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); err == nil {
		return &ExistsError{Name: name}
	} else if !errors.Is(err, iofs.ErrNotExist) {
		return access(dir, err)
	}
	leftovers, _ := filepath.Glob(filepath.Join(parent, creating+"*"))
	for _, old := range leftovers { // of processes that were killed: we hold the lock
		_ = os.RemoveAll(old)
	}

	temp := filepath.Join(parent, creating+name)
	if err := mkdirPrivate(temp); err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := createDatabase(ctx, temp); err != nil {
		return explain(temp, "create", err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return access(dir, err)
	}
	if err := syncDir(parent); err != nil {
		return err
	}
	if current, err := Current(dataDir); err == nil && current == "" {
		return writeFile(currentPath(dataDir), []byte(name+"\n"))
	}
	return nil
}

func createDatabase(ctx context.Context, dir string) error {
	// SQLite gives its -wal and -shm the mode of this file.
	f, err := os.OpenFile(databasePath(dir), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return access(databasePath(dir), err)
	}
	err = errors.Join(f.Chmod(0o600), f.Close())
	if err != nil {
		return access(databasePath(dir), err)
	}
	db, err := sql.Open("sqlite3", dsn(dir, writerOptions+"&_journal_mode=WAL"))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "PRAGMA application_id = "+strconv.Itoa(applicationID)); err != nil {
		return err
	}
	if err := migrate(ctx, dir, db); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "INSERT INTO settings (key, value) VALUES (?, ?), (?, ?)",
		settingID, uuid.NewString(), settingCreated, strconv.FormatInt(time.Now().UnixMilli(), 10))
	if err != nil {
		return err
	}
	return db.Close() // which empties the -wal into the database
}

func isExists(err error) bool { return errors.As(err, new(*ExistsError)) }
