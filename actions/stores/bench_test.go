//go:build unix

package stores_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"sd/actions/stores"
	"sd/backends/mem"
	"sd/identity"
	"sd/library/catalog"
)

func BenchmarkLocalWalk(b *testing.B) {
	w := newWorld(b, nil, stores.Hooks{})
	local, dir := w.local(), b.TempDir()
	const folders, files = 2000, 50
	for i := range folders {
		sub := fmt.Sprintf("%s/%d/%d", dir, i%50, i)
		w.must(os.MkdirAll(sub, 0o755))
		for j := range files {
			w.must(os.WriteFile(fmt.Sprintf("%s/file number %d.txt", sub, j), nil, 0o644))
		}
	}
	n := 0
	for b.Loop() {
		w.must(local.Walk(b.Context(), dir, stores.WalkOptions{}, func(*stores.Entry) error { n++; return nil }))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkVolumeWalk(b *testing.B) {
	store := &keyList{}
	for i := range 200_000 {
		store.keys = append(store.keys, fmt.Sprintf("dir/%05d/file number %06d", i/50, i))
	}
	w := newWorld(b, store, stores.Hooks{})
	v, n := w.cloud(), 0
	for b.Loop() {
		w.must(v.Walk(b.Context(), "dir", stores.WalkOptions{}, func(*stores.Entry) error { n++; return nil }))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkKnow(b *testing.B) {
	w := newWorld(b, mem.New(mem.Config{}), stores.Hooks{})
	v := w.cloud()
	const folders, files = 2000, 50
	var list []stores.Entry
	w.must(w.lib.Catalog().Update(b.Context(), func(tx *catalog.Tx) error {
		for i := range folders {
			name := fmt.Sprintf("%d/%d", i%50, i)
			dir, err := tx.MakePath(catalog.VolumePlace(v.Key()), name)
			if err != nil {
				return err
			}
			for j := range files {
				f := catalog.File{Name: fmt.Sprintf("file number %02d", j), Size: 5, Version: "version"}
				list = append(list, stores.Entry{Name: name + "/" + f.Name, Size: 5, Version: f.Version})
				if err := tx.PutFile(dir, &f); err != nil {
					return err
				}
				var sum identity.Sum
				binary.BigEndian.PutUint64(sum[:], rand.Uint64())
				if _, err := tx.Identify(dir, f.Name, f.FileVersion(), sum, 0, catalog.Read); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	for _, e := range list {
		dir, base := v.Split(e.Name)
		w.lib.PutFact(v.Key(), dir, base, e.Version, []byte(`{"Meta":{"ModTime":"2020-01-02T03:04:05.000006Z","Mode":33188,"UID":1000,"GID":1000,"LinkTarget":"","BLAKE3":"","ContentType":"","Xattrs":null}}`))
	}
	w.must(w.lib.FlushFacts(b.Context()))
	for b.Loop() {
		fresh := slices.Clone(list)
		w.must(w.set.Know(b.Context(), v, fresh, false))
		if e := &fresh[len(fresh)-1]; !e.Proven || !e.TimeKnown {
			b.Fatalf("got %+v", e)
		}
	}
	b.ReportMetric(float64(b.N*len(list))/b.Elapsed().Seconds(), "entries/s")
}
