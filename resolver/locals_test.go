package resolver

import (
	"slices"
	"testing"

	"sd/library"
	"sd/sdpath"
)

// Locals tells of every path what Resolve tells.
func TestLocals(t *testing.T) {
	lib, err := library.Open(t.Context(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer lib.Close()
	r, _ := newResolver(t, lib)
	locals, err := r.Locals()
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.detector.table()
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/", "/nowhere", "/home/ann", t.TempDir()}
	for _, m := range table {
		paths = append(paths, m.point, m.point+"/below", m.point+"beside")
	}
	for _, path := range paths {
		want, _, err := r.Resolve(t.Context(), sdpath.Physical{DeviceSlug: "local", Path: path})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := locals.At(path)
		switch {
		case got == nil || want == nil:
			if got != want {
				t.Errorf("%s: got %v, want %v", path, got, want)
			}
		case got.Fingerprint != want.Fingerprint || got.Identifier != want.Identifier:
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
		if again, _ := locals.At(path); again != got {
			t.Errorf("%s: two volumes for one file system", path)
		}
	}
	points := locals.Pseudo()
	if !slices.Contains(points, "/proc") || slices.Contains(points, "/") {
		t.Errorf("pseudo file systems are at %q", points)
	}
	if _, pseudo := locals.At("/proc/self"); !pseudo {
		t.Error("/proc is taken for a place of files")
	}
}
