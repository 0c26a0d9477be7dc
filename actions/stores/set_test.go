//go:build unix

package stores_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/google/uuid"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/backends/mem"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// A store is found again by what a plan says of it.
func TestSetOpen(t *testing.T) {
	w := newWorld(t, mem.New(mem.Config{}), stores.Hooks{})
	id := uuid.New()
	for _, tt := range []struct {
		path sdpath.Path
		name string
		uri  string
	}{
		{sdpath.NewPhysical("local", "/a/b"), "/a/b", "local://" + w.resolver.ThisDevice().Slug + "/a/b"},
		{sdpath.Cloud{Service: sdpath.S3, Identifier: "bucket", Path: "a/b"}, "a/b", "s3://bucket/a/b"},
		{sdpath.Cloud{Service: sdpath.S3, Identifier: "bucket", Path: "a/"}, "a", "s3://bucket/a"},
		{sdpath.Cloud{Service: sdpath.S3, Identifier: "bucket", Path: "a//"}, "a/", "s3://bucket/a/"},
		{sdpath.Cloud{Service: sdpath.S3, Identifier: "bucket"}, "", "s3://bucket"},
		{sdpath.Content{ID: id}, id.String(), "content://" + id.String()},
	} {
		st, name, err := w.set.Of(t.Context(), tt.path)
		w.must(err)
		if name != tt.name || st.URI(name).String() != tt.uri {
			t.Errorf("%v is %q, %v; want %q, %s", tt.path, name, st.URI(name), tt.name, tt.uri)
		}
		again, err := w.set.Open(t.Context(), st.Ref())
		w.must(err)
		if again.Key() != st.Key() {
			t.Errorf("%+v is %s, want %s", st.Ref(), again.Key(), st.Key())
		}
	}
	var lost *resolver.VolumeNotFoundError
	if _, err := w.set.Open(t.Context(), steps.StoreRef{Kind: "volume", Fingerprint: "gone"}); !errors.As(err, &lost) {
		t.Errorf("a volume that is gone is %v", err)
	}
	for _, ref := range []steps.StoreRef{{Kind: "local", Fingerprint: uuid.NewString()}, {Kind: "moon"}} {
		if st, err := w.set.Open(t.Context(), ref); err == nil {
			t.Errorf("%+v is %v", ref, st)
		}
	}
}

// A mount sends what it has before a volume is looked at or changed.
func TestVolumeSettles(t *testing.T) {
	var asked []string
	var answer error
	store := mem.New(mem.Config{})
	w := newWorld(t, store, stores.Hooks{Settle: func(_ context.Context, volume, name string) error {
		asked = append(asked, name)
		return answer
	}})
	w.put(store, "a/b", "x", backends.Meta{})
	v := w.cloud()
	none := func(*stores.Entry) error { return nil }
	_, err := v.Stat(t.Context(), "a/b")
	w.must(err)
	w.must(v.Walk(t.Context(), "a", stores.WalkOptions{}, none))
	w.must(v.Children(t.Context(), "", none))
	w.must(v.Remove(t.Context(), "a/b", ""))
	if want := []string{"a/b", "a", "", "a/b"}; !slices.Equal(asked, want) {
		t.Errorf("a mount was asked to settle %q, want %q", asked, want)
	}
	w.put(store, "a/b", "x", backends.Meta{})
	answer = errors.New("not sent")
	_, err = v.Stat(t.Context(), "a/b")
	w.is(err, answer)
	w.is(v.Walk(t.Context(), "a", stores.WalkOptions{}, none), answer)
	w.is(v.Remove(t.Context(), "a/b", ""), answer)
	if _, err := store.Stat(t.Context(), "a/b"); err != nil {
		t.Errorf("what was not settled is removed: %v", err)
	}
}

func TestContent(t *testing.T) {
	store := mem.New(mem.Config{})
	w := newWorld(t, store, stores.Hooks{})
	is := w.put(store, "d/f", "content", backends.Meta{})
	sum := sumOf(t, "content")
	w.must(w.lib.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		dir, err := tx.MakePath(catalog.VolumePlace(w.volume.Fingerprint), "d")
		if err != nil {
			return err
		}
		f := catalog.File{Name: "f", Size: 7, Version: is.Version}
		if err := tx.PutFile(dir, &f); err != nil {
			return err
		}
		_, err = tx.Identify(dir, "f", f.FileVersion(), sum, 0, catalog.Read)
		return err
	}))
	st, name, err := w.set.Of(t.Context(), sdpath.Content{ID: sum.ContentID()})
	w.must(err)
	c := st.(*stores.Content)
	e, err := c.Stat(t.Context(), name)
	w.must(err)
	if e.Size != 7 || !e.Proven || e.Sum != sum || e.Version != sum.String() {
		t.Errorf("got %+v", e)
	}
	_, sources, err := c.Sources(t.Context(), name)
	if err != nil || len(sources) != 1 || sources[0].Name != "d/f" {
		t.Errorf("its copies are %+v, %v", sources, err)
	}
	_, err = c.Stat(t.Context(), uuid.NewString())
	w.is(err, fs.ErrNotExist)
	_, err = c.Stat(t.Context(), "no id")
	w.is(err, fs.ErrNotExist)
	w.is(c.Remove(t.Context(), name, ""), stores.ErrReadOnly)
	w.is(c.Mkdir(t.Context(), name, nil), stores.ErrReadOnly)
	w.is(c.Walk(t.Context(), name, stores.WalkOptions{}, nil), stores.ErrReadOnly)
}
