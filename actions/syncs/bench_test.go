//go:build linux

package syncs_test

import (
	"fmt"
	"testing"

	"sd/actions/steps"
)

// BenchmarkUnchanged plans a mirror of a tree into a volume that has it already.
func BenchmarkUnchanged(b *testing.B) {
	w := newWorld(b)
	from, to := folder(w.dir+"/a"), prefix("to")
	const files = 20_000
	for i := range files {
		from.write(w, fmt.Sprintf("folder-%04d/file-%06d", i/100, i), fmt.Sprint("text ", i))
	}
	s := spec(steps.Mirror, from, to)
	w.mustSync(s)
	w.mustSync(s)
	b.ReportAllocs()
	for b.Loop() {
		if sum, _, err := w.plan(s); err != nil || sum.Steps != 0 || sum.Same.Files != files {
			b.Fatalf("got %+v, %v, want that all is there", sum, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/files, "ns/file")
}
