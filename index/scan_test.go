//go:build linux

package index_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/identity"
	"sd/index"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// world is a library with an Indexer, and a folder to be indexed.
type world struct {
	t    testing.TB
	lib  *library.Library
	x    *index.Indexer
	dir  string
	here catalog.Place
}

func newWorld(t testing.TB, factories map[sdpath.Service]resolver.Factory) *world {
	t.Helper()
	return openWorld(t, t.TempDir(), t.TempDir(), factories)
}

func openWorld(t testing.TB, data, dir string, factories map[sdpath.Service]resolver.Factory) *world {
	t.Helper()
	lib, err := library.Open(context.Background(), data, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	r, err := resolver.New(lib, factories)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return &world{
		t: t, lib: lib, dir: dir, here: catalog.DevicePlace(lib.ThisDevice().ID),
		x: index.New(index.Config{Library: lib, Resolver: r, Own: []string{data}}),
	}
}

// path is the path in the catalog of what lies in the folder.
func (w *world) path(name string) string {
	return strings.TrimPrefix(filepath.Join(w.dir, name), "/")
}

// add adds a location at name in the folder.
func (w *world) add(name string, rules library.Rules) library.Location {
	w.t.Helper()
	loc, err := w.lib.AddLocation(context.Background(), library.Location{
		Name: filepath.Join(filepath.Base(w.dir), name), Place: w.here, Path: w.path(name), Mode: library.Shallow, Rules: rules,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return loc
}

// again is the location as the library has it now.
func (w *world) again(loc library.Location) library.Location {
	w.t.Helper()
	all, err := w.lib.Locations(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range all {
		if l.ID == loc.ID {
			return l
		}
	}
	w.t.Fatalf("location %q is gone", loc.Name)
	return loc
}

func (w *world) scan(loc library.Location) index.Report {
	w.t.Helper()
	r, err := w.x.Scan(context.Background(), w.again(loc), index.Control{})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// write makes files, by name and content; a name with a slash at its end is a folder.
func (w *world) write(namesAndContents ...string) {
	w.t.Helper()
	for i := 0; i < len(namesAndContents); i += 2 {
		name := filepath.Join(w.dir, namesAndContents[i])
		if strings.HasSuffix(namesAndContents[i], "/") {
			w.must(os.MkdirAll(name, 0o755))
			continue
		}
		w.must(os.MkdirAll(filepath.Dir(name), 0o755))
		w.must(os.WriteFile(name, []byte(namesAndContents[i+1]), 0o644))
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// files are the paths below a location in the catalog, and what is known of them.
func (w *world) files(place catalog.Place, under string) map[string]catalog.File {
	w.t.Helper()
	f, err := w.lib.Catalog().FindFolder(context.Background(), place, under)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	w.must(err)
	got := map[string]catalog.File{}
	w.must(w.lib.Catalog().EachPath(context.Background(), f.ID, func(path string, _ catalog.FolderID, f *catalog.File) error {
		if under != "" && strings.HasPrefix(path, under) {
			path = strings.TrimPrefix(path[len(under):], "/")
		}
		file := *f
		file.Name, file.Version, file.Sums = strings.Clone(file.Name), strings.Clone(file.Version), strings.Clone(file.Sums)
		got[strings.Clone(path)] = file
		return nil
	}))
	return got
}

// want compares the names of the files that the catalog has of the folder.
func (w *world) want(names ...string) {
	w.t.Helper()
	got := slices.Sorted(maps.Keys(w.files(w.here, w.path(""))))
	slices.Sort(names)
	if !slices.Equal(got, names) {
		w.t.Errorf("the catalog has\n\t%q, want\n\t%q", got, names)
	}
}

func (w *world) differences(loc library.Location) map[string]index.What {
	w.t.Helper()
	got := map[string]index.What{}
	_, err := w.x.Verify(context.Background(), w.again(loc), false, index.Control{}, func(d index.Difference) error {
		got[d.Path] = d.What
		return nil
	})
	w.must(err)
	return got
}

func TestScan(t *testing.T) {
	w := newWorld(t, nil)
	w.write("a.txt", "one", "b/c.jpg", "four", "b/d/e", "", "empty/", "")
	w.must(os.Symlink("a.txt", filepath.Join(w.dir, "link")))
	loc := w.add("", library.Rules{})
	r := w.scan(loc)
	w.want("a.txt", "b/c.jpg", "b/d/e", "link")
	if r.Files != 4 || r.Folders != 4 || r.Bytes != 7 || r.Added != 4 || r.Changed != 0 || r.Removed != 0 || r.Problems != 0 {
		t.Errorf("the first scan reports %+v", r)
	}
	for name, f := range w.files(w.here, loc.Path) {
		info, err := os.Lstat(filepath.Join(w.dir, name))
		w.must(err)
		if f.Size != info.Size() || f.ModTime != info.ModTime().UnixNano() {
			t.Errorf("%s: got size %d time %d, want %d %d", name, f.Size, f.ModTime, info.Size(), info.ModTime().UnixNano())
		}
		if f.Version != versionOf(info) {
			t.Errorf("%s: got version %q, want %q", name, f.Version, versionOf(info))
		}
		if wantType := map[bool]catalog.Type{true: catalog.Symlink}[name == "link"]; f.Type != wantType {
			t.Errorf("%s: got type %d, want %d", name, f.Type, wantType)
		}
	}
	if k := w.files(w.here, loc.Path)["b/c.jpg"].Kind; k != catalog.KindImage {
		t.Errorf("c.jpg is of kind %v", k)
	}
	if _, err := w.lib.Catalog().FindFolder(t.Context(), w.here, w.path("empty")); err != nil {
		t.Errorf("the empty folder: %v", err)
	}
	if at := w.again(loc); at.Scanned.IsZero() {
		t.Error("the scan was not noted")
	}

	if r := w.scan(loc); r.Files != 4 || r.Added+r.Changed+r.Removed+r.Moved != 0 {
		t.Errorf("a second scan reports %+v", r)
	}
	if d := w.differences(loc); len(d) != 0 {
		t.Errorf("the catalog differs: %v", d)
	}

	w.write("a.txt", "other", "new/f", "x")
	w.must(os.Remove(filepath.Join(w.dir, "link")))
	w.must(os.RemoveAll(filepath.Join(w.dir, "b/d")))
	want := map[string]index.What{
		w.path("a.txt"): index.SizeDiffers, w.path("new"): index.Missing, w.path("new/f"): index.Missing,
		w.path("link"): index.Stale, w.path("b/d"): index.Stale,
	}
	if d := w.differences(loc); !maps.Equal(d, want) {
		t.Errorf("the catalog differs in %v, want %v", d, want)
	}
	r = w.scan(loc)
	w.want("a.txt", "b/c.jpg", "new/f")
	if r.Added != 1 || r.Changed != 1 || r.Removed != 2 {
		t.Errorf("the third scan reports %+v", r)
	}
}

func versionOf(info os.FileInfo) string {
	st := info.Sys().(*syscall.Stat_t)
	return identity.LocalVersion(st.Ctim.Nano(), st.Ino)
}

// A file that takes a folder's name, and the other way round.
func TestScanTurned(t *testing.T) {
	w := newWorld(t, nil)
	w.write("a/b", "1", "c", "2")
	loc := w.add("", library.Rules{})
	w.scan(loc)
	w.must(os.RemoveAll(filepath.Join(w.dir, "a")))
	w.must(os.Remove(filepath.Join(w.dir, "c")))
	w.write("a", "1", "c/b", "2")
	w.scan(loc)
	w.want("a", "c/b")
	if d := w.differences(loc); len(d) != 0 {
		t.Errorf("the catalog differs: %v", d)
	}
}

// identify gives a file the content that it has.
func (w *world) identify(name string) catalog.Key {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	w.must(err)
	h := identity.New()
	h.Write(data)
	dir, f, err := w.lib.Catalog().FindFile(context.Background(), w.here, w.path(name))
	w.must(err)
	w.must(w.lib.Catalog().Update(context.Background(), func(tx *catalog.Tx) error {
		ok, err := tx.Identify(dir, f.Name, f.FileVersion(), h.Sum(), 0, catalog.Read)
		if err == nil && !ok {
			err = fmt.Errorf("%s was not identified", name)
		}
		return err
	}))
	_, f, err = w.lib.Catalog().FindFile(context.Background(), w.here, w.path(name))
	w.must(err)
	return f.Content
}

// Files keep what is known of their bytes when they, or the folders that they are in, are
// moved. Nothing is read: they cannot be.
func TestScanMoved(t *testing.T) {
	w := newWorld(t, nil)
	w.write("one", "first", "dir/two", "second", "dir/sub/three", "third", "other/", "", "same", "first")
	loc := w.add("", library.Rules{})
	w.scan(loc)
	keys := map[string]catalog.Key{}
	for _, name := range []string{"one", "dir/two", "dir/sub/three"} {
		keys[name] = w.identify(name)
	}
	for _, move := range [][2]string{{"one", "other/uno"}, {"dir", "other/moved"}} {
		w.must(os.Rename(filepath.Join(w.dir, move[0]), filepath.Join(w.dir, move[1])))
	}
	r := w.scan(loc)
	if r.Moved != 3 || r.Added != 3 || r.Removed != 3 {
		t.Errorf("the scan reports %+v", r)
	}
	got := w.files(w.here, loc.Path)
	for old, now := range map[string]string{"one": "other/uno", "dir/two": "other/moved/two", "dir/sub/three": "other/moved/sub/three"} {
		if f := got[now]; f.Content != keys[old] || f.Proof != catalog.Kept {
			t.Errorf("%s has content %d with proof %d, want %d with %d", now, f.Content, f.Proof, keys[old], catalog.Kept)
		}
	}
	if got["same"].Content != 0 {
		t.Error("a copy that was never read has a content")
	}

	// By a watcher: both folders at once, and one after the other.
	for i, list := range [][]index.Dirty{{{Dir: w.path("")}, {Dir: w.path("other")}}, {{Dir: w.path("other")}, {Dir: w.path("")}}} {
		from, to := "other/uno", "uno"
		if i == 1 {
			from, to = to, from
		}
		w.must(os.Rename(filepath.Join(w.dir, from), filepath.Join(w.dir, to)))
		for _, d := range list {
			if _, err := w.x.ScanFolders(t.Context(), loc, []index.Dirty{d}); err != nil {
				t.Fatal(err)
			}
		}
		if f, ok := w.files(w.here, loc.Path)[to]; !ok || f.Content != keys["one"] {
			t.Errorf("%s has content %d, want %d", to, f.Content, keys["one"])
		}
	}
}

func TestScanFolder(t *testing.T) {
	w := newWorld(t, nil)
	w.write("a/b/c/d", "1", "a/e", "2", "x/y", "3")
	loc := w.add("", library.Rules{})
	w.scan(loc)
	w.write("a/b/c/late", "1", "a/f", "1", "a/new/deep/g", "1", "x/z", "1")
	r, err := w.x.ScanFolder(t.Context(), loc, w.path("a"), false)
	w.must(err)
	w.want("a/b/c/d", "a/e", "a/f", "a/new/deep/g", "x/y")
	if r.Added != 2 {
		t.Errorf("one folder: %+v", r)
	}
	if _, err = w.x.ScanFolder(t.Context(), loc, w.path("a"), true); err != nil {
		t.Fatal(err)
	}
	w.want("a/b/c/d", "a/b/c/late", "a/e", "a/f", "a/new/deep/g", "x/y")
	w.must(os.RemoveAll(filepath.Join(w.dir, "a")))
	if _, err = w.x.ScanFolder(t.Context(), loc, w.path("a/b/c"), false); err != nil {
		t.Fatal(err)
	}
	w.want("x/y")
	if _, err := w.lib.Catalog().FindFolder(t.Context(), w.here, w.path("a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	w.write("never/seen/by/anyone", "1", ".hidden/f", "1")
	for _, dir := range []string{"never/seen/by", ".hidden"} {
		if _, err = w.x.ScanFolder(t.Context(), loc, w.path(dir), false); err != nil {
			t.Fatal(err)
		}
	}
	w.want("x/y", "never/seen/by/anyone")
	if _, err := w.x.ScanFolder(t.Context(), loc, "elsewhere", false); err == nil {
		t.Error("a folder outside was scanned")
	}
}

func TestScanRootGone(t *testing.T) {
	w := newWorld(t, nil)
	w.write("sub/a", "1")
	loc := w.add("sub", library.Rules{})
	w.scan(loc)
	w.must(os.Rename(filepath.Join(w.dir, "sub"), filepath.Join(w.dir, "away")))
	for range 2 {
		if _, err := w.x.Scan(t.Context(), w.again(loc), index.Control{}); !errors.Is(err, index.ErrRoot) {
			t.Fatalf("got %v, want ErrRoot", err)
		}
		if _, err := w.x.ScanFolder(t.Context(), w.again(loc), loc.Path, true); !errors.Is(err, index.ErrRoot) {
			t.Fatalf("got %v, want ErrRoot", err)
		}
		w.want("sub/a")
		w.write("sub", "a file")
	}
	w.must(os.Remove(filepath.Join(w.dir, "sub")))
	w.write("sub/", "")
	at := w.again(loc)
	if at.Root == "" {
		t.Fatal("the root's file system was not noted")
	}
	w.must(w.lib.SetScanned(t.Context(), loc.ID, time.Now(), "another"))
	if _, err := w.x.Scan(t.Context(), w.again(loc), index.Control{}); !errors.Is(err, index.ErrRoot) {
		t.Fatalf("got %v, want ErrRoot", err)
	}
	w.want("sub/a")
	w.must(w.lib.SetScanned(t.Context(), loc.ID, time.Now(), at.Root))
	w.scan(loc)
	w.want()
}
