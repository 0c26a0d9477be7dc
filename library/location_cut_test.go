package library

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"sync/atomic"
	"testing"
	"time"

	"sd/library/catalog"
)

// tiring is a context that ends when it was asked some times.
type tiring struct {
	context.Context
	left atomic.Int64
}

func (c *tiring) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// A removal that was cut short leaves a location that does not claim to be whole, and can be done again.
func TestRemoveLocationCutShort(t *testing.T) {
	const place = catalog.Place("device:x")
	for asked := range int64(100) {
		l := openLibrary(t)
		if err := l.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
			for dir, n := range map[string]int{"top": 2, "top/a": 2, "top/a/b": 2, "top/c": 2} {
				id, err := tx.MakePath(place, dir)
				for i := 0; err == nil && i < n; i++ {
					err = tx.PutFile(id, &catalog.File{Name: fmt.Sprint(i)})
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		loc := addLocation(t, l, Location{Name: "top", Place: place, Path: "top"})
		addLocation(t, l, Location{Name: "c", Place: place, Path: "top/c"})
		if err := l.SetScanned(t.Context(), loc.ID, time.Now(), ""); err != nil {
			t.Fatal(err)
		}
		ctx := &tiring{Context: t.Context()}
		ctx.left.Store(asked)
		err := l.RemoveLocation(ctx, loc.ID)
		left, failed := l.Catalog().Count(t.Context(), 0)
		if failed != nil {
			t.Fatal(failed)
		}
		if err == nil {
			if left.Files != 2 || len(locations(t, l)) != 1 {
				t.Errorf("after the removal there are %d files and %v", left.Files, locations(t, l))
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if list := locations(t, l); left.Files < 8 && len(list) == 2 && !list[0].Scanned.IsZero() {
			t.Fatalf("asked %d times: %d of 8 files are left of a location scanned at %v", asked, left.Files, list[0].Scanned)
		}
		if err := l.RemoveLocation(t.Context(), loc.ID); err != nil && !errors.Is(err, iofs.ErrNotExist) {
			t.Fatal(err)
		}
		if left, err = l.Catalog().Count(t.Context(), 0); err != nil || left.Files != 2 || len(locations(t, l)) != 1 {
			t.Fatalf("asked %d times: done again it leaves %d files, %v, %v", asked, left.Files, err, locations(t, l))
		}
		l.Close()
	}
	t.Error("it was never done")
}
