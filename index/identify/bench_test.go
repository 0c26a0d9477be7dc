//go:build unix

package identify

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		l := openLab(b, b.TempDir(), root, nil)
		l.scan()
		before := cpu(b)
		b.StartTimer()
		if rep := l.run(Options{}); rep.Proven != files {
			b.Fatalf("report is %+v, want %d proven", rep, files)
		}
		used += cpu(b) - before
	}
	b.ReportMetric(used.Seconds()*1e6/float64(b.N)/files, "cpu-µs/file")
	b.ReportMetric(float64(b.N)*files/b.Elapsed().Seconds(), "files/s")
}

// cpu is the processor time of this process so far: what counts on a busy machine.
func cpu(t testing.TB) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
