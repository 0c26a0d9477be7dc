//go:build unix

package stores_test

import (
	"context"
	"errors"
	"testing"

	"sd/actions/stores"
	"sd/backends"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// world is a library with one volume, and a Set over it.
type world struct {
	testing.TB
	lib      *library.Library
	resolver *resolver.Resolver
	set      *stores.Set
	volume   *resolver.Volume
}

// newWorld makes one whose volume is backend; nil: there is no volume.
func newWorld(t testing.TB, backend backends.Backend, hooks stores.Hooks) *world {
	t.Helper()
	w := &world{TB: t}
	var err error
	w.lib, err = library.Open(context.Background(), t.TempDir(), "")
	w.must(err)
	t.Cleanup(func() { w.must(w.lib.Close()) })
	w.resolver, err = resolver.New(w.lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(context.Context, library.Volume) (backends.Backend, error) { return backend, nil },
	})
	w.must(err)
	t.Cleanup(func() { w.must(w.resolver.Close()) })
	if backend != nil {
		w.volume, err = w.resolver.AddCloud(context.Background(), resolver.CloudVolume{Service: sdpath.S3, Identifier: "bucket"})
		w.must(err)
	}
	w.set = stores.New(w.lib, w.resolver, hooks)
	t.Cleanup(func() { w.must(w.set.Close()) })
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// local returns the store of this device.
func (w *world) local() *stores.Local {
	w.Helper()
	st, _, err := w.set.Of(context.Background(), sdpath.NewPhysical("local", "/"))
	w.must(err)
	return st.(*stores.Local)
}

// cloud returns the store of the volume.
func (w *world) cloud() *stores.Volume {
	w.Helper()
	st, _, err := w.set.Of(context.Background(), sdpath.Cloud{Service: sdpath.S3, Identifier: "bucket"})
	w.must(err)
	return st.(*stores.Volume)
}

// keys are the keys below dir in the order of a Walk.
func (w *world) keys(st stores.Store, dir string, o stores.WalkOptions) (list []string) {
	w.Helper()
	w.must(st.Walk(context.Background(), dir, o, func(e *stores.Entry) error {
		list = append(list, st.Rel(dir, e.Name)+e.Key()[len(e.Name):])
		return nil
	}))
	return list
}

// is checks that err wraps want.
func (w *world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("got error %v, want %v", err, want)
	}
}
