//go:build linux

package index_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sd/index"
	"sd/library"
)

func TestVerify(t *testing.T) {
	w := newWorld(t, nil)
	w.write("same", "1", "size", "1", "time", "1", "inode", "1", "status", "1", "type", "1", "gone", "1")
	loc := w.add("", library.Rules{})
	never := w.differences(loc)
	if len(never) != 7 || never[w.path("size")] != index.Missing {
		t.Errorf("before the first scan the catalog differs in %v", never)
	}
	w.scan(loc)
	at := func(name string) string { return filepath.Join(w.dir, name) }
	when := time.Unix(1e9, 0)
	for _, name := range []string{"inode", "time"} {
		w.must(os.Chtimes(at(name), when, when))
	}
	w.scan(loc)
	w.must(os.WriteFile(at("size"), []byte("22"), 0o644))
	w.must(os.Chtimes(at("time"), when, when.Add(1)))
	w.must(os.WriteFile(at("other"), []byte("2"), 0o644))
	w.must(os.Chtimes(at("other"), when, when))
	w.must(os.Rename(at("other"), at("inode")))
	w.must(os.Chmod(at("status"), 0o600))
	w.must(os.Remove(at("type")))
	w.must(os.Symlink("1", at("type")))
	w.must(os.Remove(at("gone")))
	want := map[string]index.What{
		w.path("size"): index.SizeDiffers, w.path("time"): index.TimeDiffers, w.path("inode"): index.InodeDiffers,
		w.path("status"): index.StatusDiffers, w.path("type"): index.TypeDiffers, w.path("gone"): index.Stale,
	}
	for range 2 { // it changes nothing
		if got := w.differences(loc); !maps.Equal(got, want) {
			t.Errorf("the catalog differs in %v, want %v", got, want)
		}
	}
	v, err := w.x.Verify(t.Context(), w.again(loc), true, index.Control{}, nil)
	w.must(err)
	if v.Differences != 6 || v.By[index.SizeDiffers] != 1 || v.Changed != 5 || v.Removed != 1 {
		t.Errorf("mending reports %+v", v)
	}
	if got := w.differences(loc); len(got) != 0 {
		t.Errorf("after mending the catalog differs in %v", got)
	}
}
