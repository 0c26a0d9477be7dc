package library

import (
	"database/sql"
	"fmt"
	"os"
	"testing"

	"github.com/google/uuid"

	"sd/library/catalog"
)

// older makes the library of a version that had only so many migrations.
func older(t *testing.T, data string, version int) {
	t.Helper()
	dir := libraryDir(data, DefaultName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(databasePath(dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", dsn(dir, writerOptions+"&_journal_mode=WAL"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	files, err := migrations.ReadDir("schema")
	if err != nil {
		t.Fatal(err)
	}
	commands := []string{fmt.Sprint("PRAGMA application_id = ", applicationID), fmt.Sprint("PRAGMA user_version = ", version)}
	for _, f := range files[:version] {
		text, err := migrations.ReadFile("schema/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		commands = append(commands, string(text))
	}
	commands = append(commands, fmt.Sprintf("INSERT INTO settings VALUES ('%s', '%s'), ('%s', '1000'), ('color', 'blue')",
		settingID, uuid.NewString(), settingCreated))
	for _, c := range commands {
		if _, err := db.ExecContext(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// A library that was made before there was a catalog gets one, and keeps the rest.
func TestLibraryOfBeforeTheCatalog(t *testing.T) {
	for _, version := range []int{1, 2} {
		data := t.TempDir()
		older(t, data, version)
		for range 2 { // it is brought up to date once
			l := mustOpen(t, data, DefaultName)
			if v, ok, err := l.Setting(t.Context(), "color"); err != nil || !ok || v != "blue" {
				t.Errorf("the setting is %q, %v, %v", v, ok, err)
			}
			if err := l.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
				dir, err := tx.MakePath("device:x", "a/b")
				if err != nil {
					return err
				}
				return tx.PutFile(dir, &catalog.File{Name: "f", Size: 3})
			}); err != nil {
				t.Fatal(err)
			}
			if _, f, err := l.Catalog().FindFile(t.Context(), "device:x", "a/b/f"); err != nil || f.Size != 3 {
				t.Errorf("got %+v, %v", f, err)
			}
			if err := l.Check(t.Context()); err != nil {
				t.Error(err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// What the catalog changes is no news for those who watch the library, and closing leaves no log behind.
func TestCatalogIsNoNews(t *testing.T) {
	data := t.TempDir()
	l := mustOpen(t, data, "")
	before, err := l.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		_, err := tx.Root("device:x")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if after, err := l.Generation(t.Context()); err != nil || after != before {
		t.Errorf("the generation is %d, %v, was %d", after, err, before)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(databasePath(l.Dir()) + "-wal"); err == nil && fi.Size() > 0 {
		t.Errorf("the log still has %d bytes", fi.Size())
	}
	if _, err := l.Catalog().Count(t.Context(), 0); err == nil {
		t.Error("a closed library counts")
	}
}
