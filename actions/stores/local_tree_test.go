//go:build unix

package stores

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
)

// What was read ahead and is not wanted leaves nothing behind: no room taken, nothing open.
func TestLocalTreeDrops(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		sub := fmt.Sprintf("%s/%d/%d/%d", dir, i%3, i%7, i)
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range 20 {
			if err := os.WriteFile(fmt.Sprintf("%s/%d", sub, j), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	fd, err := openTop(dir)
	if err != nil {
		t.Fatal(err)
	}
	tree := newLocalTree(dir, fd, true, nil, maxOpen)
	defer tree.close()
	rows, err := tree.next(tree.top, newLister())
	if err != nil || len(rows) != 3 {
		t.Fatalf("got %d rows, %v", len(rows), err)
	}
	tree.drop(rows[0].sub) // which nobody has read
	var wg sync.WaitGroup
	wg.Go(tree.readAhead)
	second, err := tree.next(rows[1].sub, newLister())
	if err != nil || len(second) == 0 {
		t.Fatalf("got %d rows, %v", len(second), err)
	}
	for done := false; !done; runtime.Gosched() {
		tree.mu.Lock()
		done = len(tree.stack) == 0 && tree.ahead > 300
		tree.mu.Unlock()
	}
	for i := range second {
		tree.drop(second[i].sub)
	}
	tree.drop(rows[1].sub)
	tree.drop(rows[2].sub) // of which all was read
	tree.end()
	wg.Wait()
	if tree.ahead != 0 || len(tree.open) != 1 {
		t.Errorf("%d rows are kept and %d folders open, want 0 and the top", tree.ahead, len(tree.open))
	}
}
