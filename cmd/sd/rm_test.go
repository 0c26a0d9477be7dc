package main

import (
	"path/filepath"
	"testing"
)

// A folder is removed by its name, not as the one that somebody happens to be in.
func TestRemoveNoDots(t *testing.T) {
	s := newSandbox(t)
	folder, tree := album(t, s, "album")
	for _, arg := range []string{".", "..", "./", "album/.", "album/sub/..", "album/sub/../", filepath.Join(folder, "sub") + "/.."} {
		s.run("rm", "-r", arg).want(t, 2, "", "name the folder")
	}
	wantTree(t, folder, tree)
}
