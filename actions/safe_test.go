//go:build linux

package actions

import (
	"fmt"
	"path/filepath"
	"testing"
)

// No folder that was written to is forgotten before it is safe, however many there are.
func TestDirtyFoldersAreMadeSafe(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	dir := t.TempDir()
	st, _ := w.at(t, dir)
	var d dirty
	name := func(n int) string { return filepath.Join(dir, fmt.Sprint(n), "file") }
	for n := range maxDirty {
		if !d.add(st, name(n)) {
			t.Fatalf("folder %d is not remembered", n)
		}
	}
	if d.add(st, name(maxDirty)) {
		t.Error("one folder too many is said to be remembered")
	}
	if !d.add(st, name(0)) {
		t.Error("a folder that is remembered counts as one more")
	}
	_, folders := d.take()
	if len(folders) != maxDirty {
		t.Errorf("%d folders are to be made safe, want %d", len(folders), maxDirty)
	}
	if !d.add(st, name(maxDirty)) {
		t.Error("there is no room though all is safe")
	}
	d.back(st, folders)
	if _, folders = d.take(); len(folders) != maxDirty+1 {
		t.Errorf("%d folders are left, want those that could not be made safe and the new one", len(folders))
	}
}
