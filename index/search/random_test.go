package search

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/internal/testtree"
	"sd/library/catalog"
	"sd/sdpath"
)

// compare compares what q finds with what the model finds among rows.
func (w *world) compare(t testing.TB, s *Searcher, q *modelQuery, rows []row) {
	t.Helper()
	var in [][]string
	for _, p := range q.In {
		place, dir, err := w.resolver.Placed(p)
		if err != nil {
			t.Fatal(err)
		}
		at := []string{string(place)}
		if dir != "" {
			at = append(at, strings.Split(dir, "/")...)
		}
		in = append(in, at)
	}
	want := q.search(rows, in)
	total := len(want)
	var got []string
	stats, err := s.Search(context.Background(), q.Query, func(h Hit) error {
		got = append(got, fmt.Sprintf("%v %d %v %s %d %d %v", h.Path, h.Rank, h.Folder, h.File.Name, h.File.Size, h.File.ModTime/1e9, h.File.Kind))
		return nil
	})
	if err != nil {
		var place *PlaceError
		if errors.As(err, &place) {
			return
		}
		t.Fatalf("%+v: %v", q, err)
	}
	if q.Limit > 0 && len(want) > q.Limit {
		want = want[:q.Limit]
	}
	var wanted []string
	for _, f := range want {
		uri, err := w.resolver.URI(f.place, strings.Join(f.path, "/"))
		if err != nil {
			t.Fatal(err)
		}
		wanted = append(wanted, fmt.Sprintf("%v %d %v %s %d %d %v", uri, f.rank, f.folder, f.name(), f.file.Size, seconds(f.file.ModTime), f.file.Kind))
	}
	if q.Limit == 0 {
		slices.Sort(got)
		slices.Sort(wanted)
	}
	if !slices.Equal(got, wanted) || stats.Matches != int64(total) {
		t.Fatalf("query %q %+v:\n%d matches, want %d\ngot  %q\nwant %q", q.Text, q.Query, stats.Matches, total, first(got, wanted), first(wanted, got))
	}
}

// first returns what a has from where it differs from b.
func first(a, b []string) []string {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return a[i:min(i+3, len(a))]
		}
	}
	return nil
}

// TestRandomChanges changes a catalog at random, makes packs now and then, and compares searches with
// the model.
func TestRandomChanges(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t)
	c := &chooser{Rand: rand.New(rand.NewPCG(seed, 1))}
	places := []catalog.Place{w.here(), w.addBucket(t, "photos")}
	var dirs []catalog.FolderID
	for round := range 60 {
		w.update(t, func(tx *catalog.Tx) error {
			for range 1 + c.IntN(8) {
				if err := c.change(tx, places, &dirs); err != nil {
					return err
				}
			}
			return nil
		})
		switch c.IntN(12) {
		case 0:
			if err := Pack(context.Background(), w.lib, true); err != nil {
				t.Fatal(err)
			}
		case 1:
			w.searcher.Close() // as a new process
		}
		rows := w.rows(t)
		c.names = c.names[:0]
		for i := range rows {
			c.names = append(c.names, rows[i].name())
		}
		for range 6 {
			q := c.query(func() sdpath.Path { return w.someFolder(t, c, rows, places) })
			w.compare(t, w.searcher, q, rows)
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

func (w *world) someFolder(t *testing.T, c *chooser, rows []row, places []catalog.Place) sdpath.Path {
	t.Helper()
	place, path := places[c.IntN(len(places))], ""
	if len(rows) > 0 {
		r := rows[c.IntN(len(rows))]
		place, path = r.place, strings.Join(r.path[:c.IntN(len(r.path))], "/")
	}
	p, err := w.resolver.URI(place, path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// change makes one random change.
func (c *chooser) change(tx *catalog.Tx, places []catalog.Place, dirs *[]catalog.FolderID) error {
	some := func() catalog.FolderID { return (*dirs)[c.IntN(len(*dirs))] }
	if len(*dirs) == 0 || c.IntN(6) == 0 {
		names := []string{c.name(), c.name(), c.name()}[:1+c.IntN(3)]
		id, err := tx.MakePath(places[c.IntN(len(places))], strings.Join(names, "/"))
		*dirs = append(*dirs, id)
		return err
	}
	id := some()
	if _, found, err := tx.FolderByID(id); err != nil || !found {
		return err
	}
	switch c.IntN(14) {
	case 0:
		_, err := tx.DropFolder(id)
		return err
	case 1, 2:
		err := tx.MoveFolder(id, some(), c.name())
		if err != nil && (errors.Is(err, iofs.ErrNotExist) || strings.Contains(err.Error(), "cannot")) {
			return nil
		}
		return err
	case 3:
		return tx.SetFolder(catalog.Folder{ID: id, ModTime: c.Int64N(5e9), Version: "v"})
	case 4, 5:
		files, err := tx.Files(id, nil)
		if err != nil || len(files) == 0 {
			return err
		}
		return tx.DropFile(id, files[c.IntN(len(files))].Name)
	case 6:
		files, err := tx.Files(id, nil)
		if err != nil || len(files) == 0 {
			return err
		}
		to := some()
		if _, found, err := tx.FolderByID(to); err != nil || !found {
			return err
		}
		return tx.MoveFile(id, files[c.IntN(len(files))].Name, to, c.name(), "moved")
	case 7:
		for range 70 { // so many that the folder is marked as a whole
			if err := tx.PutFile(id, c.file()); err != nil {
				return err
			}
		}
		return nil
	}
	return tx.PutFile(id, c.file())
}

func (c *chooser) file() *catalog.File {
	name := c.name()
	return &catalog.File{Name: name, Type: catalog.Type(c.IntN(3)), Kind: catalog.KindOf(name), Size: c.Int64N(100), ModTime: c.Int64N(8e9) - 3e9, Version: fmt.Sprint(c.Uint32())}
}

// TestRandomQueries compares many queries on a pack of several blocks with the model.
func TestRandomQueries(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newWorld(t)
	if err := testtree.Fill(t.Context(), w.lib.Catalog(), w.here(), "home/ann", 6_000, seed%100); err != nil {
		t.Fatal(err)
	}
	if err := Pack(t.Context(), w.lib, true); err != nil {
		t.Fatal(err)
	}
	w.put(t, w.here(), "home/ann/Fresh/report-new.pdf")
	rows := w.rows(t)
	c := &chooser{Rand: rand.New(rand.NewPCG(seed, 1))}
	for i := range rows {
		c.names = append(c.names, rows[i].name())
	}
	for range 25 {
		q := c.query(func() sdpath.Path { return w.someFolder(t, c, rows, []catalog.Place{w.here()}) })
		if q.After.IsZero() == false {
			q.After = time.Unix(1.4e9, 0)
		}
		q.Before = time.Time{}
		q.MinSize, q.MaxSize = q.MinSize*100, q.MaxSize*1000
		w.compare(t, w.searcher, q, rows)
	}
}
