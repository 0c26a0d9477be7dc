package rclone

import (
	"errors"
	iofs "io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"sd/backends"
	"sd/internal/clouds"
)

func TestShortcuts(t *testing.T) {
	c := clouds.Start(t)
	file := c.Drive.Seed("real/file", []byte("content"))
	c.Drive.SeedShortcut("d/to file", file)
	c.Drive.SeedShortcut("d/to folder", c.Drive.Mkdir("real"))
	gone := c.Drive.Seed("gone", []byte("x"))
	c.Drive.SeedShortcut("d/dangling", gone)
	c.Drive.Delete(gone)
	c.Drive.SeedShortcut("d/loop", c.Drive.Mkdir("d"))
	s := open(t, cloudConfig(c, "drive"))
	got := names(t, s, "d")
	for _, name := range []string{"to file", "to folder"} {
		if !slices.Contains(got, name) {
			t.Errorf("%q is not among %q", name, got)
		}
	}
	if slices.Contains(got, "loop") {
		t.Error("a shortcut that leads to where it is is a folder without end")
	}
	if got := read(t, s, "d/to file", "") + read(t, s, "d/to folder/file", ""); got != "contentcontent" {
		t.Errorf("got %q", got)
	}
	if _, err := s.Stat(t.Context(), "d/dangling"); !errors.Is(err, iofs.ErrNotExist) || slices.Contains(got, "dangling") {
		t.Errorf("a shortcut to nothing is there: %v", err)
	}
	if err := s.Remove(t.Context(), "d/to file", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, "real/file", ""); got != "content" {
		t.Errorf("with its shortcut went the file: %q", got)
	}
}

func TestSharedWithMe(t *testing.T) {
	c := clouds.Start(t)
	c.Drive.SeedShared("theirs", []byte("read"), false)
	c.Drive.SeedIn(c.Drive.SeedSharedFolder("folder", false), "in", []byte("below"))
	c.Drive.Seed("mine", []byte("x"))
	cfg := cloudConfig(c, "drive")
	cfg.Options = maps.Clone(cfg.Options)
	cfg.Options["shared_with_me"] = "true"
	s := open(t, cfg)
	if got := names(t, s, ""); !slices.Equal(got, []string{"folder", "theirs"}) {
		t.Errorf("got %q", got)
	}
	if got := read(t, s, "theirs", "") + read(t, s, "folder/in", ""); got != "readbelow" {
		t.Errorf("got %q", got)
	}
	if _, err := s.Put(t.Context(), "folder/in", strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{}); !errors.Is(err, iofs.ErrPermission) {
		t.Errorf("writing what may only be read: %v", err)
	}
}

func TestSharedDrive(t *testing.T) {
	c := clouds.Start(t)
	id := c.Drive.AddDrive("Team")
	c.Drive.SeedIn(id, "theirs", []byte("x"))
	c.Drive.Seed("mine", []byte("x"))
	cfg := cloudConfig(c, "drive")
	cfg.Options = maps.Clone(cfg.Options)
	cfg.Options["team_drive"] = id
	s := open(t, cfg)
	put(t, s, "d/new", "content")
	if got := names(t, s, ""); !slices.Equal(got, []string{"d", "theirs"}) {
		t.Errorf("got %q", got)
	}
	if err := s.(backends.Renamer).Rename(t.Context(), "d/new", "theirs", backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	if got := c.Drive.TreeOf(id)["theirs"]; got != "content" {
		t.Errorf("got %q", got)
	}
}

// TestFolderReplacedByOthers replaces a folder that was seen by another of the same name.
func TestFolderReplacedByOthers(t *testing.T) {
	c := clouds.Start(t)
	old := c.Drive.Mkdir("d")
	c.Drive.SeedIn(old, "in", []byte("old"))
	s := open(t, cloudConfig(c, "drive"))
	if got := read(t, s, "d/in", ""); got != "old" {
		t.Fatalf("got %q", got)
	}
	c.Drive.Trash(old)
	c.Drive.SeedIn(c.Drive.Mkdir("d"), "in", []byte("new"))
	names(t, s, "")
	if got := read(t, s, "d/in", ""); got != "new" {
		t.Errorf("got %q", got)
	}
	put(t, s, "d/more", "x")
	if got := names(t, s, "d"); !slices.Equal(got, []string{"in", "more"}) {
		t.Errorf("got %q", got)
	}
}
