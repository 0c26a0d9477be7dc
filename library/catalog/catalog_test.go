package catalog_test

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"sync"
	"testing"
	"time"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

const here = catalog.Place("device:here")

// open makes a library with an empty catalog.
func open(t testing.TB) (*library.Library, *catalog.Catalog) {
	t.Helper()
	l, err := library.Open(context.Background(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Catalog()
}

// update runs fn in a transaction that must succeed.
func update(t testing.TB, c *catalog.Catalog, fn func(tx *catalog.Tx) error) {
	t.Helper()
	if err := c.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// tell puts a file of ten bytes at a path, and, if sum has any, says what is in it.
func tell(t testing.TB, c *catalog.Catalog, dir, name string, inode uint64, sum identity.Sum) {
	t.Helper()
	update(t, c, func(tx *catalog.Tx) error {
		id, err := tx.MakePath(here, dir)
		if err != nil {
			return err
		}
		f := catalog.File{Name: name, Size: 10, ModTime: 5, Version: identity.LocalVersion(7, inode)}
		if err := tx.PutFile(id, &f); err != nil || sum == (identity.Sum{}) {
			return err
		}
		_, err = tx.Identify(id, name, f.FileVersion(), sum, 0, catalog.Read)
		return err
	})
}

func find(t testing.TB, c *catalog.Catalog, path string) (catalog.FolderID, catalog.File) {
	t.Helper()
	id, f, err := c.FindFile(context.Background(), here, path)
	if err != nil {
		t.Fatal(err)
	}
	return id, f
}

// A folder that a scan finds elsewhere keeps what is known of its files, as probable.
func TestMovedFolderKeepsContents(t *testing.T) {
	_, c := open(t)
	for round, firstDropped := range []bool{true, false} {
		old, to := fmt.Sprint("a", firstDropped), fmt.Sprint("b", firstDropped)
		for i := range 3 {
			tell(t, c, old+"/deep", fmt.Sprint(i), uint64(10+10*round+i), identity.Sum{byte(i + 1)})
		}
		drop := func() {
			dir, err := c.FindFolder(t.Context(), here, old)
			if err != nil {
				t.Fatal(err)
			}
			update(t, c, func(tx *catalog.Tx) error {
				n, err := tx.DropFolder(dir.ID)
				if n != 3 {
					t.Errorf("%d files were dropped, want 3", n)
				}
				return err
			})
		}
		if firstDropped {
			drop()
		}
		for i := range 3 {
			tell(t, c, to+"/deep", fmt.Sprint(i), uint64(10+10*round+i), identity.Sum{})
		}
		tell(t, c, to+"/deep", "other", 99, identity.Sum{})
		if !firstDropped {
			drop()
		}
		update(t, c, func(tx *catalog.Tx) error {
			root, err := tx.Root(here)
			if err != nil {
				return err
			}
			for _, want := range []int64{3, 0} {
				if n, err := tx.Adopt(root); err != nil || n != want {
					t.Errorf("Adopt = %d, %v, want %d", n, err, want)
				}
			}
			return nil
		})
		for i := range 3 {
			_, f := find(t, c, fmt.Sprintf("%s/deep/%d", to, i))
			content, err := c.ContentByKey(t.Context(), f.Content)
			if err != nil || f.Proof != catalog.Kept || content.BLAKE3[0] != byte(i+1) {
				t.Errorf("%d: got %+v, %+v, %v", i, f, content, err)
			}
		}
		if _, f := find(t, c, to+"/deep/other"); f.Content != 0 {
			t.Errorf("a file of another inode has content %d", f.Content)
		}
		update(t, c, func(tx *catalog.Tx) error { return tx.DropFile(dirOf(t, c, to+"/deep"), "0") })
	}
}

func dirOf(t testing.TB, c *catalog.Catalog, dir string) catalog.FolderID {
	t.Helper()
	f, err := c.FindFolder(context.Background(), here, dir)
	if err != nil {
		t.Fatal(err)
	}
	return f.ID
}

// What is said of a version that is gone counts for nothing.
func TestIdentifyOfAnOldVersion(t *testing.T) {
	_, c := open(t)
	tell(t, c, "d", "f", 1, identity.Sum{})
	dir, f := find(t, c, "d/f")
	was := f.FileVersion()
	for _, other := range []catalog.FileVersion{
		{Size: was.Size + 1, ModTime: was.ModTime, Version: was.Version},
		{Size: was.Size, ModTime: was.ModTime + 1, Version: was.Version},
		{Size: was.Size, ModTime: was.ModTime, Version: was.Version + "x"},
	} {
		update(t, c, func(tx *catalog.Tx) error {
			if ok, err := tx.Identify(dir, "f", other, identity.Sum{1}, 0, catalog.Read); ok || err != nil {
				t.Errorf("Identify of %+v = %v, %v", other, ok, err)
			}
			return errors.Join(tx.SetHint(dir, "f", other, 5), tx.SetSums(dir, "f", other, "x"),
				tx.SetKind(dir, "f", other, catalog.KindAudio), tx.Disprove(dir, "f", other))
		})
	}
	if _, got := find(t, c, "d/f"); got != f {
		t.Errorf("got %+v, want %+v", got, f)
	}
	if _, err := c.Content(t.Context(), identity.Sum{1}.ContentID()); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("the content that no file has is known: %v", err)
	}
	update(t, c, func(tx *catalog.Tx) error {
		if ok, err := tx.Identify(dir, "f", was, identity.Sum{1}, 0, catalog.Kept); ok || err == nil {
			t.Error("a file was identified without a proof")
		}
		return nil
	})
}

// Contents whose ids begin alike are never taken for one another, also where the one between
// is swept away.
func TestContentsThatClash(t *testing.T) {
	_, c := open(t)
	c.Squeeze(1)
	sums := []identity.Sum{{1}, {2}, {3}, {4}}
	for i, sum := range sums {
		tell(t, c, "d", fmt.Sprint(i), uint64(i+1), sum)
	}
	check := func(left ...int) {
		t.Helper()
		for i, sum := range sums {
			got, err := c.Content(t.Context(), sum.ContentID())
			if !slices.Contains(left, i) {
				continue
			}
			if err != nil || got.BLAKE3 != sum {
				t.Fatalf("content %d: %+v, %v", i, got, err)
			}
			if copies, err := c.Copies(t.Context(), got.Key); err != nil || len(copies) != 1 || copies[0].Path != fmt.Sprint("d/", i) {
				t.Errorf("copies of %d: %+v, %v", i, copies, err)
			}
		}
	}
	check(0, 1, 2, 3)
	dir := dirOf(t, c, "d")
	for _, n := range []int{1, 3} {
		update(t, c, func(tx *catalog.Tx) error { return tx.DropFile(dir, fmt.Sprint(n)) })
	}
	for i, day := range []int{2, 40} {
		want := int64(i) // the last; content 1 stands before another
		if n, err := c.SweepAt(t.Context(), time.Now().AddDate(0, 0, day)); err != nil || n != want {
			t.Errorf("Sweep = %d, %v, want %d", n, err, want)
		}
	}
	check(0, 2)
	if _, err := c.Content(t.Context(), sums[3].ContentID()); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("a content that was swept away is known: %v", err)
	}
	tell(t, c, "d", "3", 9, sums[3])
	check(0, 2, 3)
}

// A content without copies is known, but not listed.
func TestContentWithoutCopies(t *testing.T) {
	_, c := open(t)
	sum := identity.Sum{7}
	tell(t, c, "d", "f", 1, sum)
	dir, f := find(t, c, "d/f")
	update(t, c, func(tx *catalog.Tx) error { return tx.Disprove(dir, "f", f.FileVersion()) })
	content, err := c.Content(t.Context(), sum.ContentID())
	if err != nil || content.ID() != sum.ContentID() || content.Size != 10 {
		t.Errorf("got %+v, %v", content, err)
	}
	if copies, err := c.Copies(t.Context(), content.Key); err != nil || len(copies) > 0 {
		t.Errorf("copies: %v, %v", copies, err)
	}
	if err := c.EachContent(t.Context(), 0, func(c catalog.Content) error { return fmt.Errorf("%v is listed", c.ID()) }); err != nil {
		t.Error(err)
	}
}

// Rows that readers see belong to whole transactions, also while several write.
func TestReadersSeeWholeTransactions(t *testing.T) {
	_, c := open(t)
	var writers, readers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for n := range 20 {
				if err := c.Update(t.Context(), func(tx *catalog.Tx) error {
					dir, err := tx.MakePath(here, fmt.Sprint(w))
					if err != nil {
						return err
					}
					list := make([]catalog.File, 10)
					for i := range list {
						list[i] = catalog.File{Name: fmt.Sprint(i), Size: int64(n + 1), Version: fmt.Sprint(n)}
					}
					return tx.PutFiles(dir, list)
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				seen := map[catalog.FolderID]int64{}
				if err := c.View(t.Context(), func(v *catalog.View) error {
					return v.EachFile(func(dir catalog.FolderID, f *catalog.File) error {
						if seen[dir] == 0 {
							seen[dir] = f.Size
						}
						if seen[dir] != f.Size {
							t.Errorf("file %s of folder %d has %d bytes, others %d", f.Name, dir, f.Size, seen[dir])
						}
						return nil
					})
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

// What a walk calls may change what it walks over, and end it.
func TestWalkThatChanges(t *testing.T) {
	_, c := open(t)
	c.Squeeze(1000)
	for i := range 10 {
		tell(t, c, "d", fmt.Sprint(i), uint64(i+1), identity.Sum{})
	}
	n := 0
	if err := c.EachFile(t.Context(), catalog.FileQuery{Unproven: true}, func(dir catalog.FolderID, f *catalog.File) error {
		n++
		return c.Update(t.Context(), func(tx *catalog.Tx) error {
			ok, err := tx.Identify(dir, f.Name, f.FileVersion(), identity.Sum{byte(n)}, 0, catalog.Read)
			if !ok {
				t.Errorf("file %s has changed", f.Name)
			}
			return err
		})
	}); err != nil || n != 10 {
		t.Errorf("the walk saw %d files, %v, want 10", n, err)
	}
	n = 0
	err := c.EachContent(t.Context(), 0, func(catalog.Content) error {
		n++
		return errNo
	})
	if !errors.Is(err, errNo) || n != 1 {
		t.Errorf("the walk ended with %v after %d", err, n)
	}
}

func TestUpdateThatIsCanceled(t *testing.T) {
	_, c := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Update(ctx, func(tx *catalog.Tx) error {
		cancel()
		_, err := tx.MakePath(here, "a/b")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := c.FindFolder(t.Context(), here, ""); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("the transaction has left something: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = c.Update(t.Context(), func(tx *catalog.Tx) error {
			_, _ = tx.Root(here)
			panic("oh")
		})
	}()
	tell(t, c, "a", "f", 1, identity.Sum{}) // the next one works
}
