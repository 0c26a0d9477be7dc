package catalog_test

import (
	"testing"

	"sd/identity"
	"sd/library/catalog"
)

// An object may carry the BLAKE3 of other bytes. It hinders nobody, and whoever was read is right.
func TestWrongSums(t *testing.T) {
	for name, c := range map[string]struct{ liarFirst, together bool }{
		"first": {true, false}, "last": {false, false}, "first, together": {true, true}, "last, together": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, cat := open(t)
			sum := identity.Sum{1}
			var local, cloud catalog.FolderID
			file := func(name string, size int64) *catalog.File {
				return &catalog.File{Name: name, Size: size, Version: "1"}
			}
			update(t, cat, func(tx *catalog.Tx) (err error) {
				if local, err = tx.MakePath(here, "d"); err != nil {
					return err
				}
				if cloud, err = tx.MakePath(catalog.VolumePlace("v"), "d"); err != nil {
					return err
				}
				if err := tx.PutFile(local, file("true", 10)); err != nil {
					return err
				}
				if err := tx.PutFile(cloud, file("other", 30)); err != nil {
					return err
				}
				return tx.PutFile(cloud, file("lie", 20))
			})
			lie := func(tx *catalog.Tx) error {
				_, err := tx.Identify(cloud, "lie", file("", 20).FileVersion(), sum, 0, catalog.Stored)
				return err
			}
			truth := func(tx *catalog.Tx) error {
				_, err := tx.Identify(local, "true", file("", 10).FileVersion(), sum, 0, catalog.Read)
				return err
			}
			other := func(tx *catalog.Tx) error {
				_, err := tx.Identify(cloud, "other", file("", 30).FileVersion(), identity.Sum{2}, 0, catalog.Stored)
				return err
			}
			steps := []func(*catalog.Tx) error{other, truth, lie}
			if c.liarFirst {
				steps = []func(*catalog.Tx) error{lie, other, truth}
			}
			if c.together {
				update(t, cat, func(tx *catalog.Tx) error {
					for _, s := range steps {
						if err := s(tx); err != nil {
							return err
						}
					}
					return nil
				})
			} else {
				for _, s := range append(steps, lie) { // it is tried again and again
					update(t, cat, s)
				}
			}
			content, err := cat.Content(t.Context(), sum.ContentID())
			if err != nil || content.Size != 10 {
				t.Fatalf("the content is %+v, %v; want 10 bytes", content, err)
			}
			copies, err := cat.Copies(t.Context(), content.Key)
			if err != nil || len(copies) != 1 || copies[0].File.Name != "true" {
				t.Errorf("copies are %+v, %v", copies, err)
			}
			for name, want := range map[string]bool{"lie": false, "other": true} {
				_, f, err := cat.FindFile(t.Context(), catalog.VolumePlace("v"), "d/"+name)
				if err != nil || f.Proof.Proven() != want || (f.Content != 0) != want {
					t.Errorf("%s: %+v, %v", name, f, err)
				}
			}
		})
	}
}
