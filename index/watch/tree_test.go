package watch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"sd/index/watch"
)

func TestTree(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	tree, err := watch.WatchTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	heard := func(what string) {
		t.Helper()
		select {
		case <-tree.Changed():
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing was heard of %s", what)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(deep, "f"), []byte("x"), 0o644))
	heard("a file in a folder that was there")
	fresh := filepath.Join(root, "c", "d")
	must(os.MkdirAll(fresh, 0o755))
	heard("a new folder")
	// Until the new folder is watched, its being looked at is told.
	for n := 0; ; n++ {
		must(os.WriteFile(filepath.Join(fresh, "f"), []byte{byte(n)}, 0o644))
		heard("a file in a new folder")
		if n == 20 {
			break
		}
	}
	must(os.Remove(filepath.Join(deep, "f")))
	heard("a removal")
	if err := tree.Partial(); err != nil {
		t.Errorf("got %v, want that all is watched", err)
	}
	if _, err := watch.WatchTree(filepath.Join(root, "none")); err == nil {
		t.Error("a folder that is not there is watched")
	}
}
