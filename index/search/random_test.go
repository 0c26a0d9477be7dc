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
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// world is a library with a searcher and what tests need to know of it.
type world struct {
	data     string // the data directory
	lib      *library.Library
	resolver *resolver.Resolver
	searcher *Searcher
	places   map[catalog.Place]string // and the buckets of cloud volumes
}

func newWorld(t testing.TB) *world {
	t.Helper()
	data := t.TempDir()
	lib, err := library.Open(t.Context(), data, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	r, err := resolver.New(lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: refuse,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s, err := Open(lib, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &world{data, lib, r, s, map[catalog.Place]string{catalog.DevicePlace(r.ThisDevice().ID): ""}}
}

// refuse is a resolver.Factory.
func refuse[Backend any](context.Context, library.Volume) (b Backend, err error) {
	return b, errors.ErrUnsupported
}

func (w *world) here() catalog.Place { return catalog.DevicePlace(w.resolver.ThisDevice().ID) }

func (w *world) addBucket(t testing.TB, name string) catalog.Place {
	t.Helper()
	v, err := w.resolver.AddCloud(t.Context(), resolver.CloudVolume{Service: sdpath.S3, Identifier: name})
	if err != nil {
		t.Fatal(err)
	}
	place := catalog.VolumePlace(v.Fingerprint)
	w.places[place] = name
	return place
}

func (w *world) update(t testing.TB, fn func(tx *catalog.Tx) error) {
	t.Helper()
	if err := w.lib.Catalog().Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// put makes a file and the folders above it.
func (w *world) put(t testing.TB, place catalog.Place, path string) {
	t.Helper()
	dir, name := "", path
	if i := strings.LastIndex(path, "/"); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	w.update(t, func(tx *catalog.Tx) error {
		id, err := tx.MakePath(place, dir)
		if err != nil {
			return err
		}
		return tx.PutFile(id, &catalog.File{Name: name, Kind: catalog.KindOf(name), Size: int64(len(path)), ModTime: 1.7e18, Version: path})
	})
}

// rows returns all that the catalog has, for the model.
func (w *world) rows(t testing.TB) (rows []row) {
	t.Helper()
	err := w.lib.Catalog().View(context.Background(), func(v *catalog.View) error {
		roots, err := v.Roots()
		if err != nil {
			return err
		}
		folders := map[catalog.FolderID]catalog.Folder{}
		err = v.EachFolder(func(f catalog.Folder) error {
			folders[f.ID] = f
			return nil
		})
		if err != nil {
			return err
		}
		at := func(id catalog.FolderID) (place catalog.Place, path []string) {
			for roots[id] == "" {
				path = append(path, folders[id].Name)
				id = folders[id].Parent
			}
			slices.Reverse(path)
			return roots[id], path
		}
		for id, f := range folders {
			if roots[id] == "" {
				place, path := at(id)
				rows = append(rows, row{place: place, bucket: w.places[place], path: path, folder: true,
					file: catalog.File{Name: f.Name, Kind: catalog.KindFolder, ModTime: f.ModTime}})
			}
		}
		return v.EachFile(func(id catalog.FolderID, f *catalog.File) error {
			place, path := at(id)
			rows = append(rows, row{place: place, bucket: w.places[place], path: append(path, f.Name), file: *f})
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

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

// chooser makes up names and queries.
type chooser struct {
	*rand.Rand
	names []string // some that there are
}

var pieces = []string{"a", "b", "A", "ab", "Abc", "é", "e\u0301", "É", "ß", "ſ", "\xff", "1", "22", " ", "-", ".", ".jpg", ".JPG", ".txt", "IMG_", "report", "日本", "[x]", "\n", "*", "\u212a"}

func (c *chooser) name() string {
	for {
		s := ""
		for range 1 + c.IntN(4) {
			s += pieces[c.IntN(len(pieces))]
		}
		if s != "." && s != ".." && s != " " {
			return s
		}
	}
}

// part makes up a word that may well be in some name.
func (c *chooser) part() string {
	if len(c.names) == 0 || c.IntN(4) == 0 {
		return pieces[c.IntN(len(pieces))]
	}
	r := []rune(c.names[c.IntN(len(c.names))])
	from := c.IntN(len(r))
	return string(r[from : from+1+c.IntN(min(len(r)-from, 6))])
}

// query makes up a query; where gives it a folder to look in.
func (c *chooser) query(where func() sdpath.Path) *modelQuery {
	q := &modelQuery{}
	var text []string
	for range c.IntN(3) {
		w := c.part()
		switch {
		case c.IntN(6) == 0:
			w += "/" + c.part()
		case c.IntN(20) == 0:
			w = "/" + w
		}
		if strings.Trim(w, " \n") == "" || strings.Contains(folded(w), "\xff") || strings.Contains(w, "\ufffd") {
			continue // the parts of what is not UTF-8 would be other characters
		}
		q.words = append(q.words, w)
		text = append(text, escape(w, false))
	}
	if c.IntN(3) == 0 {
		g := c.glob()
		if c.IntN(3) == 0 {
			g = []string{"", "**/", g + "/", g + "/**/"}[c.IntN(4)] + c.glob()
			if c.IntN(4) == 0 {
				g = "/" + strings.TrimPrefix(g, "**/")
			}
		}
		if strings.ContainsAny(g, "*?[") {
			q.globs = append(q.globs, folded(g))
			text = append(text, escape(g, true))
		}
	}
	q.Text = strings.Join(text, "  ")
	c.filters(q)
	if c.IntN(5) == 0 {
		q.In = append(q.In, where())
	}
	q.Limit = []int{0, 1, 3, 20, 100}[c.IntN(5)]
	return q
}

func (c *chooser) glob() string {
	g := ""
	for range 1 + c.IntN(3) {
		switch c.IntN(5) {
		case 0:
			g += "*"
		case 1:
			g += "?"
		case 2:
			g += "[ab1é]"
		default:
			g += strings.Map(func(r rune) rune {
				if strings.ContainsRune("[]*?\ufffd/ \n\\", r) {
					return -1
				}
				return r
			}, c.part())
		}
	}
	return strings.ReplaceAll(g, "**", "*")
}

func (c *chooser) filters(q *modelQuery) {
	if c.IntN(4) == 0 {
		q.Kinds = append(q.Kinds, []catalog.Kind{catalog.KindImage, catalog.KindFolder, catalog.KindText, catalog.KindUnknown}[c.IntN(4)])
	}
	if c.IntN(5) == 0 {
		q.Exts = append(q.Exts, []string{"jpg", ".TXT", "b"}[c.IntN(3)])
	}
	if c.IntN(5) == 0 {
		q.MinSize = c.Int64N(100)
	}
	if c.IntN(5) == 0 {
		q.MaxSize = c.Int64N(100) - 1
	}
	if c.IntN(5) == 0 {
		q.After = time.Unix(c.Int64N(8)-3, 0)
	}
	if c.IntN(5) == 0 {
		q.Before = time.Unix(c.Int64N(8)-3, 0)
	}
}

// escape writes a word so that nothing in it is special, or a pattern so that only blanks are not.
func escape(s string, pattern bool) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(" \t\r\n\"", c) >= 0 || !pattern && special(c) {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
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
	if err := testtree.Fill(t.Context(), w.lib.Catalog(), w.here(), "home/ann", 12_000, seed%100); err != nil {
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
	for range 40 {
		q := c.query(func() sdpath.Path { return w.someFolder(t, c, rows, []catalog.Place{w.here()}) })
		if q.After.IsZero() == false {
			q.After = time.Unix(1.4e9, 0)
		}
		q.Before = time.Time{}
		q.MinSize, q.MaxSize = q.MinSize*100, q.MaxSize*1000
		w.compare(t, w.searcher, q, rows)
	}
}
