package search

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"sd/internal/testtree"
	"sd/library"
	"sd/library/catalog"
	"sd/sdpath"
)

// find returns the paths of all that a query's text finds, sorted.
func find(t testing.TB, s *Searcher, q Query) (paths []string) {
	t.Helper()
	_, err := s.Search(context.Background(), q, func(h Hit) error {
		uri := h.Path.String()
		paths = append(paths, uri[strings.Index(uri, "/")+2:])
		return nil
	})
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	slices.Sort(paths)
	return paths
}

func (w *world) wants(t testing.TB, s *Searcher, q Query, want ...string) {
	t.Helper()
	slug := w.resolver.ThisDevice().Slug
	for i := range want {
		want[i] = strings.Replace(want[i], "~", slug, 1)
	}
	slices.Sort(want)
	if got := find(t, s, q); !slices.Equal(got, want) {
		t.Fatalf("%+v found %q, want %q", q, got, want)
	}
}

func packFiles(t testing.TB, w *world) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(w.lib.Dir(), "*names-*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestOtherProcess changes the catalog through one handle and finds that at once through another.
func TestOtherProcess(t *testing.T) {
	w := newWorld(t)
	other, err := library.Open(t.Context(), w.data, w.lib.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	w.wants(t, w.searcher, Query{})
	w.put(t, w.here(), "home/a.txt")
	w.wants(t, w.searcher, Query{Text: "a.txt"}, "~/home/a.txt")
	if err := Pack(t.Context(), other, true); err != nil {
		t.Fatal(err)
	}
	w.wants(t, w.searcher, Query{Text: "home"}, "~/home", "~/home/a.txt")
	err = other.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		id, err := tx.MakePath(w.here(), "home")
		if err != nil {
			return err
		}
		if err := tx.DropFile(id, "a.txt"); err != nil {
			return err
		}
		return tx.PutFile(id, &catalog.File{Name: "b.txt"})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.wants(t, w.searcher, Query{Text: "home"}, "~/home", "~/home/b.txt")
}

// TestBadPacks puts something else in the place of the pack; searches find what there is, and make
// a sound one.
func TestBadPacks(t *testing.T) {
	w := newWorld(t)
	w.put(t, w.here(), "home/a.txt")
	other := newWorld(t)
	other.put(t, other.here(), "wrong/a.txt")
	if err := Pack(t.Context(), other.lib, true); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(packFiles(t, other)[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(path string) error{
		"missing": os.Remove,
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"short":   func(path string) error { return os.Truncate(path, 130) },
		"foreign": func(path string) error { return os.WriteFile(path, foreign, 0o600) },
		"folder":  func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"damaged": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[headerSize+blockHeader+3] ^= 4
			return os.WriteFile(path, data, 0o600)
		},
	} {
		if err := Pack(t.Context(), w.lib, true); err != nil {
			t.Fatal(err)
		}
		before := packFiles(t, w)
		if len(before) != 1 {
			t.Fatalf("there are packs %q, want one", before)
		}
		if err := spoil(before[0]); err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{0, 10} {
			w.searcher.Close()
			w.wants(t, w.searcher, Query{Text: "a", Limit: limit}, "~/home/a.txt")
		}
		if after := packFiles(t, w); len(after) != 1 || after[0] == before[0] {
			t.Errorf("%s: after a search there are packs %q, want a new one", name, after)
		}
	}
}

func TestPackLeavesFewChanges(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if err := Pack(ctx, w.lib, false); err != nil {
		t.Fatal(err)
	}
	if list := packFiles(t, w); len(list) != 0 {
		t.Errorf("an empty catalog has packs %q", list)
	}
	w.put(t, w.here(), "home/a.txt")
	if err := Pack(ctx, w.lib, false); err != nil {
		t.Fatal(err)
	}
	first := packFiles(t, w)
	w.put(t, w.here(), "home/b.txt")
	if err := Pack(ctx, w.lib, false); err != nil {
		t.Fatal(err)
	}
	if list := packFiles(t, w); len(list) != 1 || !slices.Equal(list, first) {
		t.Errorf("after one change there are packs %q, want %q", list, first)
	}
	w.wants(t, w.searcher, Query{Text: "txt"}, "~/home/a.txt", "~/home/b.txt")
}

// TestManyChanges has more changes than a search takes from the catalog.
func TestManyChanges(t *testing.T) {
	w := newWorld(t)
	w.searcher.packs.limit = 50
	if err := testtree.Fill(t.Context(), w.lib.Catalog(), w.here(), "", 300, 1); err != nil {
		t.Fatal(err)
	}
	if n := len(find(t, w.searcher, Query{Kinds: nil, MinSize: 1})); n < 290 {
		t.Errorf("found %d of 300 files", n)
	}
	if list := packFiles(t, w); len(list) != 1 {
		t.Errorf("there are packs %q, want one", list)
	}
}

func TestWhereToLook(t *testing.T) {
	w := newWorld(t)
	bucket := w.addBucket(t, "photos")
	w.put(t, w.here(), "home/ann/a.jpg")
	w.put(t, w.here(), "home/bob/a.jpg")
	w.put(t, bucket, "2024/a.jpg")
	home, _ := w.resolver.URI(w.here(), "home/ann")
	cloud, _ := w.resolver.URI(bucket, "")
	w.wants(t, w.searcher, Query{Text: "a.jpg", In: []sdpath.Path{home, cloud}}, "~/home/ann/a.jpg", "photos/2024/a.jpg")
	w.wants(t, w.searcher, Query{Text: "photos jpg"}, "photos/2024/a.jpg")
	nowhere, _ := w.resolver.URI(w.here(), "srv")
	var place *PlaceError
	if _, err := w.searcher.Search(t.Context(), Query{In: []sdpath.Path{nowhere}}, nil); !errors.As(err, &place) {
		t.Errorf("a search in a folder that is not indexed says %v, want a *PlaceError", err)
	}
}

// TestVolumeIsGone searches a catalog that has files of a volume which the library has no more.
func TestVolumeIsGone(t *testing.T) {
	w := newWorld(t)
	w.put(t, w.here(), "a.jpg")
	w.put(t, catalog.VolumePlace("unheard-of"), "a.jpg")
	w.wants(t, w.searcher, Query{Text: "jpg"}, "~/a.jpg")
}

func TestContentOfHits(t *testing.T) {
	w := newWorld(t)
	w.put(t, w.here(), "home/a.txt")
	w.put(t, w.here(), "home/b.txt")
	sum := [32]byte{1, 2, 3}
	w.update(t, func(tx *catalog.Tx) error {
		id, err := tx.MakePath(w.here(), "home")
		if err != nil {
			return err
		}
		f, _, err := tx.File(id, "a.txt")
		if err != nil {
			return err
		}
		_, err = tx.Identify(id, "a.txt", f.FileVersion(), sum, 7, catalog.Read)
		return err
	})
	for _, limit := range []int{0, 10} {
		got := map[string]uuid.UUID{}
		_, err := w.searcher.Search(t.Context(), Query{Text: ".txt", Limit: limit, Content: true}, func(h Hit) error {
			got[h.File.Name] = h.Content
			if proven := h.File.Name == "a.txt"; h.File.Proof.Proven() != proven || h.File.Version == "" {
				t.Errorf("%s has proof %v and version %q", h.File.Name, h.File.Proof, h.File.Version)
			}
			return nil
		})
		if want := (catalog.Content{BLAKE3: sum}).ID(); err != nil || len(got) != 2 || got["a.txt"] != want || got["b.txt"] != uuid.Nil {
			t.Errorf("contents are %v, %v, want %v for a.txt", got, err, want)
		}
	}
}

func TestSearchEnds(t *testing.T) {
	w := newWorld(t)
	w.put(t, w.here(), "a.txt")
	w.put(t, w.here(), "b.txt")
	enough := errors.New("enough")
	for _, q := range []Query{{}, {Limit: 5}, {Content: true}} {
		n := 0
		_, err := w.searcher.Search(t.Context(), q, func(Hit) error {
			n++
			return enough
		})
		if !errors.Is(err, enough) || n != 1 {
			t.Errorf("%+v ended after %d hits with %v, want 1 and %v", q, n, err, enough)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.searcher.Search(ctx, q, func(Hit) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v says %v though its context has ended", q, err)
		}
	}
}

// TestSearchesWhilePacksChange searches while others change the catalog and make packs: what was there before a
// search and stays is always found, and nothing is found twice.
func TestSearchesWhilePacksChange(t *testing.T) {
	w := newWorld(t)
	w.put(t, w.here(), "home/stays.txt")
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	fresh := func() (*Searcher, error) { return Open(w.lib, w.resolver) }
	for i := range 3 {
		wait.Go(func() {
			s := w.searcher
			for n := 0; ctx.Err() == nil; n++ {
				if i == 0 && n%3 == 0 { // as a process of its own
					var err error
					if s, err = fresh(); err != nil {
						t.Error(err)
						return
					}
					defer s.Close()
				}
				seen := map[string]int{}
				_, err := s.Search(ctx, Query{Text: ".txt", Limit: i * 50}, func(h Hit) error {
					seen[h.Path.String()]++
					return nil
				})
				if ctx.Err() != nil {
					return
				}
				stays := 0
				for path, times := range seen {
					if times != 1 {
						t.Errorf("%s was found %d times", path, times)
					}
					if strings.HasSuffix(path, "/home/stays.txt") {
						stays++
					}
				}
				if err != nil || stays != 1 {
					t.Errorf("a search among changes found %d files that stay, %v", stays, err)
					return
				}
			}
		})
	}
	for n := range 25 {
		w.put(t, w.here(), "home/"+strings.Repeat("x", n%5+1)+".txt")
		if err := Pack(ctx, w.lib, n%2 == 0); err != nil {
			t.Error(err)
			break
		}
	}
	cancel()
	wait.Wait()
	if list := packFiles(t, w); len(list) != 1 {
		t.Errorf("there are packs %q, want one", list)
	}
}
