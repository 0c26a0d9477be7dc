//go:build unix

package stores_test

import (
	"fmt"
	"os"
	"testing"

	"sd/actions/stores"
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

func BenchmarkFactLookup(b *testing.B) {
	w := newWorld(b, nil, stores.Hooks{})
	for i := range 10000 {
		w.lib.PutFact("v", "dir", fmt.Sprintf("file %d", i), "version", []byte(`{"Meta":{}}`))
	}
	w.must(w.lib.FlushFacts(b.Context()))
	i := 0
	for b.Loop() {
		name := fmt.Sprintf("file %d", i%10000)
		i++
		w.must(w.lib.EachFact(b.Context(), "v", "dir", name, name, func(string, string, []byte) {}))
	}
}
