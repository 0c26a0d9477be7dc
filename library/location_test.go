package library

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/library/catalog"
)

func openLibrary(t *testing.T) *Library {
	t.Helper()
	l, err := Open(t.Context(), filepath.Join(t.TempDir(), "data"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func addLocation(t *testing.T, l *Library, loc Location) Location {
	t.Helper()
	loc, err := l.AddLocation(t.Context(), loc)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func locations(t *testing.T, l *Library) []Location {
	t.Helper()
	list, err := l.Locations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestLocations(t *testing.T) {
	l := openLibrary(t)
	here, cloud := catalog.DevicePlace(l.ThisDevice().ID), catalog.VolumePlace("v1")
	docs := addLocation(t, l, Location{Name: "docs", Place: here, Path: "home/ann/docs", Rules: Rules{Hidden: true, Skip: []string{"*.tmp", "/out"}}})
	odd := addLocation(t, l, Location{Name: "odd", Place: here, Path: "home/\xff\n", Mode: Deep, Rules: Rules{All: true}})
	bucket := addLocation(t, l, Location{Name: "bucket", Place: cloud, Mode: Shallow})
	if docs.Mode != Content || docs.Folder == 0 || docs.ID == 0 || docs.Created.IsZero() || !docs.Scanned.IsZero() {
		t.Errorf("got %+v, want mode content, an id, a folder and a date", docs)
	}
	if got, want := locations(t, l), []Location{docs, odd, bucket}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if folder, err := l.Catalog().FindFolder(t.Context(), here, "home/ann/docs"); err != nil || folder.ID != docs.Folder {
		t.Errorf("got %+v, %v, want folder %d", folder, err, docs.Folder)
	}

	conflict := new(LocationConflictError)
	if _, err := l.AddLocation(t.Context(), Location{Name: "again", Place: here, Path: "home/ann/docs"}); !errors.As(err, &conflict) || conflict.Field != "path" || conflict.Existing.ID != docs.ID {
		t.Errorf("got %v, want that the folder is a location", err)
	}
	if _, err := l.AddLocation(t.Context(), Location{Name: "docs", Place: here, Path: "x"}); !errors.As(err, &conflict) || conflict.Field != "name" {
		t.Errorf("got %v, want that the name is taken", err)
	}
	for _, bad := range []Location{{Path: "x"}, {Name: "\xff", Path: "x"}, {Name: "n", Path: "x", Mode: "half"}, {Name: "n", Path: "x", Rules: Rules{Skip: []string{"\xff"}}}} {
		if _, err := l.AddLocation(t.Context(), bad); err == nil {
			t.Errorf("%+v is added", bad)
		}
	}

	when := time.UnixMilli(1_700_000_000_123).UTC()
	if err := l.SetScanned(t.Context(), docs.ID, when, "ext4 77"); err != nil {
		t.Fatal(err)
	}
	docs.Scanned, docs.Root = when, "ext4 77"
	docs.Name, docs.Mode, docs.Rules = "papers", Shallow, Rules{}
	if err := l.SetLocation(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	if got := locations(t, l)[0]; !reflect.DeepEqual(got, docs) {
		t.Errorf("got %+v, want %+v", got, docs)
	}
	odd.Name = "papers"
	if err := l.SetLocation(t.Context(), odd); !errors.As(err, &conflict) {
		t.Errorf("got %v, want that the name is taken", err)
	}
	for what, err := range map[string]error{
		"SetScanned":     l.SetScanned(t.Context(), 99, when, ""),
		"SetLocation":    l.SetLocation(t.Context(), Location{ID: 99, Name: "n", Mode: Deep}),
		"RemoveLocation": l.RemoveLocation(t.Context(), 99),
	} {
		if !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("%s: got %v, want that there is none", what, err)
		}
	}
	removed := bucket.ID
	if err := l.RemoveLocation(t.Context(), removed); err != nil {
		t.Fatal(err)
	}
	if again := addLocation(t, l, Location{Name: "bucket", Place: cloud}); again.ID <= removed {
		t.Errorf("id %d is used again", again.ID)
	}
}

func TestProblems(t *testing.T) {
	l := openLibrary(t)
	loc := addLocation(t, l, Location{Name: "a", Place: "device:x", Path: "a"})
	other := addLocation(t, l, Location{Name: "b", Place: "device:x", Path: "b"})
	put := func(id int64, under string, ops []string, problems ...string) {
		t.Helper()
		var list []Problem
		for _, p := range problems {
			op, path, _ := strings.Cut(p, " ")
			list = append(list, Problem{Path: path, Op: op, Text: "why"})
		}
		if err := l.ReplaceProblems(t.Context(), id, under, list, ops...); err != nil {
			t.Fatal(err)
		}
	}
	want := func(id int64, problems ...string) {
		t.Helper()
		list, total, err := l.Problems(t.Context(), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range list {
			got = append(got, p.Op+" "+p.Path)
			if p.When.IsZero() || p.Text != "why" {
				t.Errorf("got %+v, want a time and a reason", p)
			}
		}
		if !slices.Equal(got, problems) || total != len(problems) {
			t.Errorf("got %q (%d), want %q", got, total, problems)
		}
	}
	put(other.ID, "", nil, "read b/x")
	put(loc.ID, "", nil, "list a/d", "read a/d/1", "read a/d-1", "read a/d0", "read a/\xff")
	want(loc.ID, "list a/d", "read a/d-1", "read a/d/1", "read a/d0", "read a/\xff")
	put(loc.ID, "a/d", nil, "list a/d/2")
	want(loc.ID, "read a/d-1", "list a/d/2", "read a/d0", "read a/\xff")
	put(loc.ID, "a/d", []string{"read"}, "read a/d/3")
	want(loc.ID, "read a/d-1", "list a/d/2", "read a/d/3", "read a/d0", "read a/\xff")
	put(loc.ID, "", []string{"read", "hash"})
	want(loc.ID, "list a/d/2")
	put(loc.ID, "", nil, "list a/d/2", "list a/d/2")
	want(0, "list a/d/2", "read b/x")
	if list, total, err := l.Problems(t.Context(), 0, 1); err != nil || len(list) != 1 || total != 2 {
		t.Errorf("got %v of %d, %v, want 1 of 2", list, total, err)
	}
	put(77, "", nil, "read gone") // its location was removed meanwhile
	if err := l.RemoveLocation(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	want(0, "list a/d/2")
}

// A removed location takes with it exactly what no other one holds.
func TestRemoveLocation(t *testing.T) {
	const place = catalog.Place("device:x")
	ctx := context.Background()
	for seed := range uint64(15) {
		random := rand.New(rand.NewPCG(seed, 1))
		l := openLibrary(t)
		folders := []string{""}
		var files []string
		err := l.Catalog().Update(ctx, func(tx *catalog.Tx) error {
			for i := range 40 {
				dir := join(folders[random.IntN(len(folders))], fmt.Sprint("d", i))
				id, err := tx.MakePath(place, dir)
				if err != nil {
					return err
				}
				folders = append(folders, dir)
				for n := range random.IntN(4) {
					files = append(files, fmt.Sprint(dir, "/f", n))
					if err := tx.PutFile(id, &catalog.File{Name: fmt.Sprint("f", n), Size: 1}); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var kept []Location
		for i := range 8 {
			loc, err := l.AddLocation(ctx, Location{Name: fmt.Sprint("l", i), Place: place, Path: folders[random.IntN(len(folders))]})
			if errors.As(err, new(*LocationConflictError)) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, loc)
		}
		held := func(name string) bool {
			return slices.ContainsFunc(kept, func(loc Location) bool { return loc.Holds(place, name) })
		}
		files = slices.DeleteFunc(files, func(name string) bool { return !held(name) })
		for len(kept) > 0 {
			i := random.IntN(len(kept))
			gone := kept[i]
			kept = slices.Delete(kept, i, i+1)
			if err := l.RemoveLocation(ctx, gone.ID); err != nil {
				t.Fatal(err)
			}
			files = slices.DeleteFunc(files, func(name string) bool { return gone.Holds(place, name) && !held(name) })
			want := slices.Clone(files)
			slices.Sort(want)
			if got := catalogFiles(t, l, place, gone); !slices.Equal(got, want) {
				t.Fatalf("seed %d: after the removal of %q the catalog has %q, want %q", seed, gone.Path, got, want)
			}
			for _, loc := range locations(t, l) {
				if loc.Folder == 0 {
					t.Errorf("seed %d: location %q has lost its folder", seed, loc.Path)
				}
			}
		}
	}
}

// catalogFiles are the files that the catalog has in the place at or below some location, or
// where one was.
func catalogFiles(t *testing.T, l *Library, place catalog.Place, gone Location) []string {
	t.Helper()
	found := map[string]bool{}
	list := append(locations(t, l), gone)
	for _, loc := range list {
		root, err := l.Catalog().FindFolder(t.Context(), place, loc.Path)
		if errors.Is(err, iofs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		err = l.Catalog().EachPath(t.Context(), root.ID, func(name string, _ catalog.FolderID, f *catalog.File) error {
			found[name] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// The way to a removed location goes too, if nothing else needs it.
func TestRemovePrunes(t *testing.T) {
	l := openLibrary(t)
	const place = catalog.Place("device:x")
	deep := addLocation(t, l, Location{Name: "deep", Place: place, Path: "a/b/c/d"})
	beside := addLocation(t, l, Location{Name: "beside", Place: place, Path: "a/b/e"})
	has := func(dir string, want bool) {
		t.Helper()
		_, err := l.Catalog().FindFolder(t.Context(), place, dir)
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			t.Fatal(err)
		}
		if got := err == nil; got != want {
			t.Errorf("folder %q is there: %v, want %v", dir, got, want)
		}
	}
	if err := l.RemoveLocation(t.Context(), deep.ID); err != nil {
		t.Fatal(err)
	}
	has("a/b/c", false)
	has("a/b/e", true)
	if err := l.RemoveLocation(t.Context(), beside.ID); err != nil {
		t.Fatal(err)
	}
	has("a", false)
}
