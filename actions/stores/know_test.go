//go:build unix

package stores_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/actions/stores"
	"sd/backends"
	"sd/backends/mem"
	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

// forgetful is a store whose listings tell nothing of what objects carry, as those of S3.
type forgetful struct{ *mem.Store }

func (f forgetful) Walk(ctx context.Context, prefix, after string, yield func([]backends.Entry) error) error {
	return f.Store.Walk(ctx, prefix, after, func(page []backends.Entry) error {
		for i := range page {
			page[i].Meta, page[i].Kind = nil, min(page[i].Kind, backends.Dir)
		}
		return yield(page)
	})
}

func (w *world) put(b backends.Putter, name, content string, m backends.Meta) backends.Entry {
	w.Helper()
	e, err := b.Put(context.Background(), name, strings.NewReader(content), int64(len(content)), m, backends.Cond{})
	w.must(err)
	e.Name = name
	return e
}

func sumOf(t testing.TB, content string) identity.Sum {
	t.Helper()
	sum, _, err := identity.Read(context.Background(), strings.NewReader(content), int64(len(content)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// entries are what a walk yields.
func (w *world) entries(st stores.Store, dir string) (list []stores.Entry) {
	w.Helper()
	w.must(st.Walk(context.Background(), dir, stores.WalkOptions{}, func(e *stores.Entry) error {
		list = append(list, *e)
		return nil
	}))
	return list
}

func (w *world) location(place catalog.Place, path string) library.Location {
	w.Helper()
	loc, err := w.lib.AddLocation(context.Background(), library.Location{Name: "x" + path, Place: place, Path: path, Mode: library.Content})
	w.must(err)
	return loc
}

// What was stored with an object is asked for once in all, and only if that is wanted.
func TestKnowAsksOnce(t *testing.T) {
	store := mem.New(mem.Config{})
	w := newWorld(t, forgetful{store}, stores.Hooks{})
	v := w.cloud()
	when := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	for i := range 40 {
		m := backends.Meta{ModTime: when.Add(time.Duration(i) * time.Hour), Mode: syscall.S_IFREG | 0o600}
		if i == 7 {
			m = backends.Meta{}
		}
		w.put(store, fmt.Sprintf("dir %d/%02d", i%3, i), fmt.Sprint("content ", i), m)
	}
	w.put(store, "link", "to", backends.Meta{Mode: syscall.S_IFLNK | 0o777, LinkTarget: "to"})
	heads := func() int64 { return store.Stats().Requests["HEAD"] }
	list := w.entries(v, "")
	w.must(w.set.Know(t.Context(), v, list, false))
	if n := heads(); n != 0 || slices.ContainsFunc(list, func(e stores.Entry) bool { return e.TimeKnown }) {
		t.Errorf("without asking %d HEAD were made for %+v", n, list)
	}
	for round := range 2 {
		w.must(w.set.Know(t.Context(), v, list, true))
		if n := heads(); n != 41 {
			t.Errorf("round %d: %d HEAD were made, want 41", round, n)
		}
		for _, e := range list {
			var i int
			n, _ := fmt.Sscanf(filepath.Base(e.Name), "%d", &i)
			switch {
			case e.Kind == stores.Dir:
			case e.Name == "link":
				if e.Kind != stores.Symlink || e.Link != "to" {
					t.Errorf("the link is %+v", e)
				}
			case n != 1 || e.TimeKnown == (i == 7) || e.TimeKnown && !e.ModTime.Equal(when.Add(time.Duration(i)*time.Hour)) || e.HasMode != (i != 7):
				t.Errorf("got %+v", e)
			}
		}
		list = w.entries(v, "") // and the second round is of another listing
	}
	// Another version is another object.
	w.put(store, "dir 0/03", "new content", backends.Meta{})
	list = w.entries(v, "dir 0")
	w.must(w.set.Know(t.Context(), v, list, false))
	for _, e := range list {
		if e.TimeKnown == (e.Name == "dir 0/03") {
			t.Errorf("got %+v", e)
		}
	}
}

// A fact of a mount, of a change that the provider has not got yet, is believed, and survives.
func TestStatKeepsPendingFacts(t *testing.T) {
	store := mem.New(mem.Config{})
	w := newWorld(t, forgetful{store}, stores.Hooks{})
	e := w.put(store, "a/b", "x", backends.Meta{Mode: syscall.S_IFREG | 0o644})
	pending := fmt.Sprintf(`{"Meta":{"Mode":%d},"Pending":true}`, syscall.S_IFREG|0o600)
	w.lib.PutFact(w.volume.Fingerprint, "a", "b", e.Version, []byte(pending))
	got, err := w.cloud().Stat(t.Context(), "a/b")
	w.must(err)
	if got.Mode != syscall.S_IFREG|0o600 {
		t.Errorf("the mode is %o, want that of the fact", got.Mode)
	}
	got.Sum, got.Proven = sumOf(t, "x"), true
	w.set.Found(w.cloud(), &got)
	var data string
	w.must(w.lib.EachFact(t.Context(), w.volume.Fingerprint, "a", "b", "b", func(_, _ string, d []byte) { data = string(d) }))
	if !strings.Contains(data, `"Pending":true`) || !strings.Contains(data, got.Sum.String()) {
		t.Errorf("the fact is %s", data)
	}
}

// What was learned of objects is known to the next listing, and to the next process.
func TestLearnedObjects(t *testing.T) {
	store := mem.New(mem.Config{})
	type change struct {
		name string
		gone bool
	}
	var heard []change
	hooks := stores.Hooks{Changed: func(volume, name string, e *backends.Entry) {
		heard = append(heard, change{name, e == nil})
	}}
	w := newWorld(t, forgetful{store}, hooks)
	v := w.cloud()
	when := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	is := w.put(store, "d/a", "content", backends.Meta{})
	e := v.Entry(&is)
	e.ModTime, e.TimeKnown, e.Sum, e.Proven = when, true, sumOf(t, "content"), true
	w.set.Learned(v, &e)
	w.must(v.Mkdir(t.Context(), "d/sub", &stores.Entry{Mode: syscall.S_IFDIR | 0o750, HasMode: true, ModTime: when, TimeKnown: true}))
	list := w.entries(v, "")
	w.must(w.set.Know(t.Context(), v, list, false))
	if len(list) != 3 || !list[1].Proven || list[1].Sum != e.Sum || !list[1].ModTime.Equal(when) {
		t.Fatalf("got %+v", list)
	}
	if sub := list[2]; sub.Bare || sub.Mode != syscall.S_IFDIR|0o750 || !sub.ModTime.Equal(when) {
		t.Errorf("the folder is %+v", sub)
	}
	w.must(v.Remove(t.Context(), "d/a", e.Version))
	w.must(v.Rmdir(t.Context(), "d/sub"))
	if want := []change{{"d/a", false}, {"d/sub", false}, {"d/a", true}, {"d/sub", true}}; !slices.Equal(heard, want) {
		t.Errorf("a mount has heard %v, want %v", heard, want)
	}
	w.must(w.lib.EachFact(t.Context(), w.volume.Fingerprint, "d", "", "", func(name, _ string, _ []byte) {
		t.Errorf("a fact of %q is left", name)
	}))
	w.is(v.Remove(t.Context(), "d/a", ""), os.ErrNotExist)
	is = w.put(store, "b", "1", backends.Meta{})
	w.put(store, "b", "2", backends.Meta{})
	w.is(v.Remove(t.Context(), "b", is.Version), backends.ErrChanged)
}

// The catalog learns of files in folders that it has, and is believed about the same version
// alone.
func TestLearnedFiles(t *testing.T) {
	w := newWorld(t, nil, stores.Hooks{})
	local, dir := w.local(), t.TempDir()
	place := catalog.DevicePlace(w.resolver.ThisDevice().ID)
	w.location(place, dir[1:])
	w.must(w.lib.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		_, err := tx.MakePath(place, dir[1:])
		return err
	}))
	w.must(os.MkdirAll(dir+"/unknown", 0o755))
	learn := func(name, content string) stores.Entry {
		w.must(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
		e, err := local.Stat(t.Context(), filepath.Join(dir, name))
		w.must(err)
		e.Sum, e.Proven = sumOf(t, content), true
		w.set.Learned(local, &e)
		return e
	}
	for i := range 50 {
		learn(fmt.Sprintf("%02d", i), fmt.Sprint("content ", i))
	}
	learn("unknown/x", "not indexed")
	learn("07", "content 7, new") // the last lesson about a name holds
	read, err := local.Stat(t.Context(), dir+"/unknown/x")
	w.must(err)
	read.Name, read.Sum, read.Proven = dir+"/gone", sumOf(t, "x"), true
	w.set.Found(local, &read) // the catalog does not have it, so it does not come in
	w.must(w.set.Close())
	w.must(os.WriteFile(dir+"/09", []byte("content X"), 0o644))
	list := w.entries(local, dir)
	w.must(w.set.Know(t.Context(), local, list, false))
	for _, e := range list {
		switch base := filepath.Base(e.Name); base {
		case "unknown", "x", "09":
			if e.Proven {
				t.Errorf("%s is proven", base)
			}
		case "07":
			if e.Sum != sumOf(t, "content 7, new") {
				t.Errorf("%+v", e)
			}
		default:
			var i int
			fmt.Sscanf(base, "%d", &i)
			if !e.Proven || e.Sum != sumOf(t, fmt.Sprint("content ", i)) {
				t.Errorf("%+v", e)
			}
		}
	}
	if files, err := w.lib.Catalog().Count(t.Context(), 0); err != nil || files.Files != 50 {
		t.Errorf("the catalog has %+v, %v", files, err)
	}

	// Who reads a file that the catalog has tells what bytes it has; to say so again changes nothing.
	found := list[9]
	f := catalog.File{Name: "09", Size: found.Size, ModTime: found.ModTime.UnixNano(), Version: identity.LocalVersion(found.Changed, found.Inode)}
	w.must(w.lib.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		folder, _, err := tx.Find(place, dir[1:])
		if err != nil {
			return err
		}
		return tx.PutFile(folder.ID, &f)
	}))
	found.Sum, found.Proven = sumOf(t, "content X"), true
	w.set.Found(local, &found)
	w.set.Learned(local, &list[3])
	w.must(w.set.Close())
	if twin, ok := w.set.Twin(t.Context(), local, found.Sum, found.Size); !ok || twin.Name != found.Name {
		t.Errorf("the twin of what was read is %+v, %v", twin, ok)
	}

	twin, ok := w.set.Twin(t.Context(), local, sumOf(t, "content 3"), int64(len("content 3")))
	if !ok || twin.Name != dir+"/03" || !twin.Proven || twin.Version != list[3].Version {
		t.Errorf("the twin is %+v, %v", twin, ok)
	}
	for _, content := range []string{"content 9", "nobody has this"} { // changed since, or never seen
		if twin, ok := w.set.Twin(t.Context(), local, sumOf(t, content), int64(len(content))); ok {
			t.Errorf("%q has the twin %+v", content, twin)
		}
	}
}

// Objects that are made, renamed and removed are so in the catalog, where there is no mount to
// see to that.
func TestLearnedCatalogOfVolume(t *testing.T) {
	store := mem.New(mem.Config{})
	w := newWorld(t, forgetful{store}, stores.Hooks{})
	v := w.cloud()
	place := catalog.VolumePlace(w.volume.Fingerprint)
	w.location(place, "")
	w.must(w.lib.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		_, err := tx.MakePath(place, "d")
		return err
	}))
	for _, name := range []string{"d/a", "d/b", "e/c"} {
		is := w.put(store, name, name, backends.Meta{})
		e := v.Entry(&is)
		e.Sum, e.Proven = sumOf(t, name), true
		w.set.Learned(v, &e)
	}
	w.must(w.set.Close())
	twin, ok := w.set.Twin(t.Context(), v, sumOf(t, "d/b"), 3)
	if !ok || twin.Name != "d/b" {
		t.Fatalf("the twin is %+v, %v", twin, ok)
	}
	w.must(v.Remove(t.Context(), "d/a", ""))
	w.must(store.Rename(t.Context(), "d/b", "d/b2", backends.Cond{}))
	twin.Name = "d/b2"
	v.Moved("d/b", &twin)
	w.must(w.set.Close())
	var names []string
	w.must(w.lib.Catalog().EachPath(t.Context(), 0, func(path string, _ catalog.FolderID, _ *catalog.File) error {
		names = append(names, path)
		return nil
	}))
	if len(names) != 1 || !strings.HasSuffix(names[0], "d/b2") {
		t.Errorf("the catalog has %q", names)
	}
	list := w.entries(v, "")
	w.must(w.set.Know(t.Context(), v, list, false))
	if b2 := list[1]; b2.Name != "d/b2" || !b2.Proven {
		t.Errorf("got %+v", list)
	}
}

// Sparse lists in large folders find the same as long ones.
func TestKnowLeaps(t *testing.T) {
	w := newWorld(t, forgetful{mem.New(mem.Config{})}, stores.Hooks{})
	v := w.cloud()
	place := catalog.VolumePlace(w.volume.Fingerprint)
	w.must(w.lib.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		dir, err := tx.MakePath(place, "d")
		if err != nil {
			return err
		}
		var files []catalog.File
		for i := range 3000 {
			files = append(files, catalog.File{Name: fmt.Sprintf("%04d", i), Size: 4, Version: "v"})
		}
		if err := tx.PutFiles(dir, files); err != nil {
			return err
		}
		for _, f := range files {
			sum, _, err := identity.Read(t.Context(), bytes.NewReader([]byte(f.Name)), 4, nil)
			if err != nil {
				return err
			}
			if _, err := tx.Identify(dir, f.Name, f.FileVersion(), sum, 0, catalog.Read); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, step := range []int{1, 3, 40, 999, 2999, 5000} {
		var list []stores.Entry
		for i := -1; i < 3100; i += step {
			list = append(list, stores.Entry{Name: fmt.Sprintf("d/%04d", i), Size: 4, Version: "v"})
		}
		w.must(w.set.Know(t.Context(), v, list, false))
		for _, e := range list {
			base := strings.TrimPrefix(e.Name, "d/")
			want := base >= "0000" && base < "3000"
			if e.Proven != want || want && e.Sum != sumOf(t, base) {
				t.Errorf("one in %d: %+v", step, e)
			}
		}
	}
}
