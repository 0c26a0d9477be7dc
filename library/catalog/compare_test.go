package catalog_test

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"sd/identity"
	"sd/library/catalog"
)

// compare asks the catalog everything, and the model what it should have said.
func (w *world) compare(t *testing.T) {
	t.Helper()
	w.compareFiles(t)
	w.compareContents(t)
	w.compareFresh(t)
}

// line is a file as text, with its content by its sum.
func line(dir catalog.FolderID, f *catalog.File, sum identity.Sum) string {
	return fmt.Sprintf("%d/%q %d %d %d %d %x %s | %x %d %d", dir, f.Name, f.Type, f.Kind, f.Size, f.ModTime, f.Version, f.Sums, sum[:3], f.Proof, f.Hint)
}

func (w *world) sumOf(t *testing.T, key catalog.Key) identity.Sum {
	t.Helper()
	if key == 0 {
		return identity.Sum{}
	}
	c, err := w.c.ContentByKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return c.BLAKE3
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%s: got %d, want %d", what, len(got), len(want))
	for _, l := range got {
		if !slices.Contains(want, l) {
			t.Errorf("got  %q", l)
		}
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			t.Errorf("want %q", l)
		}
	}
}

func (w *world) compareFiles(t *testing.T) {
	t.Helper()
	ctx, m := t.Context(), w.m
	var want, got []string
	for _, id := range m.ids() {
		f := m.folders[id].Folder
		if f.Parent == 0 {
			f.Name = ""
		}
		want = append(want, fmt.Sprintf("%+v", f))
	}
	m.each(func(dir catalog.FolderID, f file) { want = append(want, line(dir, &f.File, f.sum)) })
	roots := map[catalog.FolderID]catalog.Place{}
	err := w.c.View(ctx, func(v *catalog.View) (err error) {
		if roots, err = v.Roots(); err != nil {
			return err
		}
		if err := v.EachFolder(func(f catalog.Folder) error {
			got = append(got, fmt.Sprintf("%+v", f))
			return nil
		}); err != nil {
			return err
		}
		return v.EachFile(func(dir catalog.FolderID, f *catalog.File) error {
			got = append(got, line(dir, f, w.sumOf(t, f.Content)))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the view", got, want)

	for id, f := range m.folders {
		root, place := m.place(id)
		if roots[root] != place {
			t.Errorf("root %d = %q, want %q", root, roots[root], place)
		}
		path := m.path(id)
		if gotPlace, gotPath, err := w.c.Path(ctx, id); err != nil || gotPlace != place || gotPath != path {
			t.Errorf("Path(%d) = %q, %q, %v, want %q, %q", id, gotPlace, gotPath, err, place, path)
		}
		if !strings.HasPrefix(path, "/") && (path != "" || f.Parent == 0) { // nothing is called "" at the top of a place
			if got, err := w.c.FindFolder(ctx, place, path); err != nil || got.ID != id || got.Version != f.Version {
				t.Errorf("FindFolder(%q, %q) = %+v, %v, want %d", place, path, got, err, id)
			}
		}
		for name, file := range f.files {
			if path := m.path(id, name); path == "" || path[0] == '/' {
				continue
			}
			dir, got, err := w.c.FindFile(ctx, place, m.path(id, name))
			if err != nil || line(dir, &got, file.sum) != line(id, &file.File, file.sum) {
				t.Errorf("FindFile(%q) = %d, %+v, %v, want %d, %+v", m.path(id, name), dir, got, err, id, file)
			}
		}
	}
	if len(m.folders) > 0 {
		w.compareUnder(t, pick(w, m.ids()...))
	}
	w.compareUnder(t, 0)
}

// compareUnder compares the walks of a subtree.
func (w *world) compareUnder(t *testing.T, under catalog.FolderID) {
	t.Helper()
	m := w.m
	all, unproven, regular, paths := []string{}, []string{}, []string{}, []string{}
	var n catalog.Counts
	for id := range m.folders {
		if under == 0 || m.inside(id, under) {
			n.Folders++
		}
	}
	m.each(func(dir catalog.FolderID, f file) {
		if under != 0 && !m.inside(dir, under) {
			return
		}
		l := line(dir, &f.File, identity.Sum{})
		all, paths = append(all, l), append(paths, m.path(dir, f.Name))
		n.Files++
		if f.Type == catalog.Regular {
			regular = append(regular, l)
			n.Bytes += f.Size
			if f.Size > 0 && !f.Proof.Proven() {
				unproven = append(unproven, l)
				n.Unproven++
				n.UnprovenBytes += f.Size
			}
		}
		if f.Proof.Proven() {
			n.Proven++
		}
	})
	for _, q := range []struct {
		query catalog.FileQuery
		want  []string
	}{
		{catalog.FileQuery{Under: under}, all},
		{catalog.FileQuery{Under: under, Unproven: true}, unproven},
		{catalog.FileQuery{Under: under, Regular: true}, regular},
	} {
		got := []string{}
		if err := w.c.EachFile(t.Context(), q.query, func(dir catalog.FolderID, f *catalog.File) error {
			got = append(got, line(dir, f, identity.Sum{}))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("EachFile(%+v)", q.query), got, q.want)
	}
	got := []string{}
	if err := w.c.EachPath(t.Context(), under, func(path string, _ catalog.FolderID, _ *catalog.File) error {
		got = append(got, path)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	same(t, "EachPath", got, paths)
	if counts, err := w.c.Count(t.Context(), under); err != nil || counts != n {
		t.Errorf("Count(%d) = %+v, %v, want %+v", under, counts, err, n)
	}
}

// copyLines is the copies of one content or hint as text, sorted within proven and not proven.
func copyLines(t *testing.T, list []catalog.Copy) []string {
	t.Helper()
	var lines []string
	proven := true
	for _, c := range list {
		if c.File.Proof.Proven() && !proven {
			t.Error("a proven copy comes after one that is not")
		}
		proven = c.File.Proof.Proven()
		lines = append(lines, string(c.Place)+"/"+c.Path+" "+line(c.Folder, &c.File, identity.Sum{}))
	}
	slices.Sort(lines)
	return lines
}

func (w *world) compareContents(t *testing.T) {
	t.Helper()
	ctx, m := t.Context(), w.m
	copies, local, hints, unlike := map[identity.Sum][]string{}, map[identity.Sum][]string{}, map[uint64][]string{}, map[uint64]bool{}
	first := map[uint64]file{}
	m.each(func(dir catalog.FolderID, f file) {
		_, place := m.place(dir)
		text := string(place) + "/" + m.path(dir, f.Name) + " " + line(dir, &f.File, identity.Sum{})
		if f.sum != (identity.Sum{}) {
			copies[f.sum] = append(copies[f.sum], text)
			if place.Local() && f.Proof.Proven() {
				local[f.sum] = append(local[f.sum], text)
			}
		}
		if f.Hint != 0 {
			hints[f.Hint] = append(hints[f.Hint], text)
			if _, ok := first[f.Hint]; !ok {
				first[f.Hint] = f
			}
			unlike[f.Hint] = unlike[f.Hint] || !f.Proof.Proven() || f.sum != first[f.Hint].sum
		}
	})
	for _, lines := range copies {
		slices.Sort(lines)
	}
	last, listed := catalog.Key(0), map[identity.Sum]bool{}
	if err := w.c.EachContent(ctx, 0, func(c catalog.Content) error {
		if c.Key <= last {
			t.Errorf("key %d comes after %d", c.Key, last)
		}
		last, listed[c.BLAKE3] = c.Key, true
		got, err := w.c.Copies(ctx, c.Key)
		same(t, fmt.Sprintf("Copies(%d) %v", c.Key, err), copyLines(t, got), copies[c.BLAKE3])
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(listed) != len(copies) {
		t.Errorf("EachContent has %d contents, want %d", len(listed), len(copies))
	}
	for size, sums := range w.sums {
		for _, sum := range sums {
			c, err := w.c.Content(ctx, sum.ContentID())
			if known := m.known[sum]; known && (err != nil || c.BLAKE3 != sum || c.Size != size || (c.Print != 0) != (size == 200_000)) ||
				!known && !errors.Is(err, iofs.ErrNotExist) {
				t.Errorf("Content(%x) = %+v, %v; known: %v", sum[:3], c, err, known)
			}
		}
	}
	every := map[identity.Sum][]string{}
	twice := map[identity.Sum][]string{}
	sized := map[identity.Sum][]string{}
	into := func(all map[identity.Sum][]string) func(catalog.Content, []catalog.Copy) error {
		return func(c catalog.Content, list []catalog.Copy) error {
			if all[c.BLAKE3] != nil {
				t.Errorf("content %x comes twice", c.BLAKE3[:3])
			}
			all[c.BLAKE3] = copyLines(t, list)
			return nil
		}
	}
	if err := errors.Join(w.c.EachCopy(ctx, into(every)), w.c.EachDuplicate(ctx, into(twice)),
		w.c.EachOfSize(ctx, func(size int64) bool { return size == 2 }, into(sized))); err != nil {
		t.Fatal(err)
	}
	sameMap(t, "EachCopy", every, copies)
	maps.DeleteFunc(copies, func(_ identity.Sum, l []string) bool { return len(l) < 2 })
	sameMap(t, "EachDuplicate", twice, copies)
	maps.DeleteFunc(local, func(s identity.Sum, _ []string) bool { return s[0] != 2 })
	sameMap(t, "EachOfSize", sized, local)

	groups := map[uint64][]string{}
	if err := w.c.EachProbable(ctx, func(hint uint64, list []catalog.Copy) error {
		groups[hint] = copyLines(t, list)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(hints, func(h uint64, l []string) bool { return len(l) < 2 || !unlike[h] })
	sameMap(t, "EachProbable", groups, hints)
}

func sameMap[K comparable](t *testing.T, what string, got, want map[K][]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d groups, want %d", what, len(got), len(want))
	}
	for k, list := range want {
		slices.Sort(list)
		same(t, fmt.Sprint(what, " ", k), got[k], list)
	}
}

// compareFresh looks whether a name pack that heeds what is fresh would miss nothing. Now and
// then it makes one.
func (w *world) compareFresh(t *testing.T) {
	t.Helper()
	var last int64
	if err := w.c.View(t.Context(), func(v *catalog.View) error {
		list, upTo, err := v.Fresh(0)
		last = upTo
		have := map[spot]bool{}
		for _, f := range list {
			have[spot{f.Folder, f.Name, f.All}] = true
		}
		for s := range w.m.stale {
			if !have[s] && !have[spot{s.folder, "", true}] {
				t.Errorf("%+v is not fresh", s)
			}
		}
		if n, err := v.FreshCount(); err != nil || n != int64(len(list)) {
			t.Errorf("FreshCount = %d, %v, want %d", n, err, len(list))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if w.rng.IntN(5) > 0 {
		return
	}
	w.transact(t) // which the pack does not have
	changed := maps.Clone(w.m.stale)
	update(t, w.c, func(tx *catalog.Tx) error { return tx.SetPack(fmt.Sprint(last), last) })
	if err := w.c.View(t.Context(), func(v *catalog.View) error {
		if id, err := v.Pack(); err != nil || id != fmt.Sprint(last) {
			t.Errorf("Pack = %q, %v, want %d", id, err, last)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_ = changed
	w.m.stale = map[spot]bool{}
}
