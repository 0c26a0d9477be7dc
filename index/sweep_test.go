//go:build linux

package index_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"sd/library"
)

// After a whole scan the catalog is looked through for what nobody needs any more.
func TestScanSweeps(t *testing.T) {
	w := newWorld(t, nil)
	loc := w.add("", library.Rules{})
	swept := func() (n int64) {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(w.lib.Dir(), "*.db"))
		if err != nil || len(paths) != 1 {
			t.Fatalf("the databases are %q, %v", paths, err)
		}
		db, err := sql.Open("sqlite3", paths[0])
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		w.must(db.QueryRowContext(context.Background(), "SELECT swept FROM catalog").Scan(&n))
		return n
	}
	if n := swept(); n != 0 {
		t.Fatalf("it was swept at %d", n)
	}
	w.scan(loc)
	if n := swept(); n == 0 {
		t.Error("it was not swept")
	}
}
