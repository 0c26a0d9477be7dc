//go:build unix

package identify

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// BenchmarkSmallFiles identifies files of 16 KiB, no two of them equal, from the page cache.
func BenchmarkSmallFiles(b *testing.B) {
	const files = 20_000
	data := random(1, 16<<10)
	root := b.TempDir()
	maker := &lab{t: b, root: root}
	for i := range files {
		binary.LittleEndian.PutUint64(data, uint64(i))
		maker.write(fmt.Sprintf("%03d/%05d.bin", i/20, i), data)
	}
	for b.Loop() {
		b.StopTimer()
		l := openLab(b, b.TempDir(), root, nil)
		l.scan()
		b.StartTimer()
		if rep := l.run(Options{}); rep.Proven != files {
			b.Fatalf("report is %+v, want %d proven", rep, files)
		}
	}
	b.ReportMetric(float64(b.N)*files/b.Elapsed().Seconds(), "files/s")
}
