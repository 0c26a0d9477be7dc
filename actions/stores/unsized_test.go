//go:build unix

package stores_test

import (
	"context"
	"errors"
	"testing"

	"sd/actions/stores"
	"sd/backends"
	"sd/backends/mem"
)

// Documents of which a list does not tell the size have it in every list of a volume; one that
// cannot be had is no file.
func TestDocumentsHaveTheirSize(t *testing.T) {
	broken := false
	store := mem.New(mem.Config{Before: func(_ context.Context, op, name string) error {
		if broken && op == "HEAD" && name == "dir/sub/second" {
			return backends.ErrTooLarge
		}
		return nil
	}})
	for name, text := range map[string]string{"dir/first": "12345", "dir/sub/second": "1234567"} {
		if err := store.Document(name, text); err != nil {
			t.Fatal(err)
		}
	}
	v := newWorld(t, store, stores.Hooks{}).cloud()
	list := func() map[string]stores.Entry {
		t.Helper()
		all := map[string]stores.Entry{}
		note := func(e *stores.Entry) error {
			if e.Kind != stores.Dir {
				all[e.Name] = *e
			}
			return nil
		}
		if err := errors.Join(v.Walk(t.Context(), "dir", stores.WalkOptions{}, note), v.Children(t.Context(), "dir", note)); err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := list()
	for name, size := range map[string]int64{"dir/first": 5, "dir/sub/second": 7} {
		if e := all[name]; e.Kind != stores.File || e.Size != size || e.Version == "" {
			t.Errorf("%s: %+v, want a file of %d bytes with a version", name, e, size)
		}
	}
	broken = true
	if e := list()["dir/sub/second"]; e.Kind != stores.Special {
		t.Errorf("a document that cannot be had: %+v, want none of the user's files", e)
	}
}
