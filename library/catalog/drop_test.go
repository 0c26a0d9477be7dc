package catalog_test

import (
	"fmt"
	"testing"

	"sd/identity"
	"sd/library/catalog"
)

// A folder that is dropped bit by bit is gone in the end, and each time only a bit went.
func TestDropSome(t *testing.T) {
	for limit := range int64(12) {
		_, c := open(t)
		total := int64(0)
		for dir, files := range map[string]int{"top": 5, "top/a": 0, "top/a/b": 23, "top/c": 1, "other": 2} {
			update(t, c, func(tx *catalog.Tx) error { _, err := tx.MakePath(here, dir); return err })
			for i := range files {
				total++
				tell(t, c, dir, fmt.Sprint(i), uint64(total), identity.Sum{byte(i)})
			}
		}
		tell(t, c, "top/c", "", 99, identity.Sum{77})
		total++
		top, err := c.FindFolder(t.Context(), here, "top")
		if err != nil {
			t.Fatal(err)
		}
		var dropped int64
		for done := false; !done; {
			update(t, c, func(tx *catalog.Tx) (err error) {
				var n int64
				n, done, err = tx.DropSome(top.ID, limit+1)
				if n > limit+1 || n == 0 && !done && limit > 0 {
					t.Fatalf("limit %d: %d files were dropped", limit+1, n)
				}
				dropped += n
				return err
			})
			n, err := c.Count(t.Context(), 0)
			if err != nil || n.Files != total-dropped {
				t.Fatalf("limit %d: after %d files went %d are left of %d, %v", limit+1, dropped, n.Files, total, err)
			}
		}
		n, err := c.Count(t.Context(), 0)
		if err != nil || n.Files != 2 || n.Folders != 2 || dropped != total-2 {
			t.Errorf("limit %d: %+v are left, %d were dropped, %v", limit+1, n, dropped, err)
		}
		content, err := c.Content(t.Context(), identity.Sum{1}.ContentID())
		if err != nil {
			t.Fatal(err)
		}
		if copies, err := c.Copies(t.Context(), content.Key); err != nil || len(copies) != 1 || copies[0].Path != "other/1" {
			t.Errorf("copies are %+v, %v", copies, err)
		}
	}
}
