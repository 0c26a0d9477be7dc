package main

import (
	"path/filepath"
	"testing"

	"sd/index/watch"
)

// A mount tells what is indexed also where other processes did that.
func TestStatusCountsWhatOthersIndex(t *testing.T) {
	s := newSandbox(t)
	folder := filepath.Join(s.home, "docs")
	writeFile(t, filepath.Join(folder, "one.txt"), "one")
	writeFile(t, filepath.Join(folder, "two.txt"), "two")
	s.mount()
	s.must("location", "add", folder, "--mode", "shallow")
	s.located(watch.Fresh)
	counts := func(files, identified int64) func() bool {
		return func() bool {
			l := s.located(watch.Fresh)
			return l.Counted && l.Files == files && l.Identified == identified
		}
	}
	eventually(t, "two files are counted", counts(2, 0))
	s.must("verify", folder).want(t, 0, "identified   2 files", "")
	eventually(t, "both are identified", counts(2, 2))

	// A mount that has just begun knows of its locations.
	mountpoint := s.status().Mountpoint
	s.must("umount", mountpoint)
	s.must("mount", mountpoint)
	if got := len(s.status().Index.Locations); got != 1 {
		t.Errorf("got %d locations right after the mount, want 1", got)
	}
}
