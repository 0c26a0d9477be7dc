//go:build linux

package index_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/index"
	"sd/library"
)

// benchFiles is how many files the benchmark's tree has: $SD_BENCH_FILES, or 20,000.
func benchFiles() int {
	if n, err := strconv.Atoi(os.Getenv("SD_BENCH_FILES")); err == nil {
		return n
	}
	return 20_000
}

// grow makes a tree of n empty files, 20 a folder and 50 folders a folder.
func grow(b *testing.B, dir string, n int) {
	b.Helper()
	for i := 0; i < n; i += 20 {
		d := filepath.Join(dir, fmt.Sprintf("part %04d/album %02d", i/1000, i/20%50))
		if err := os.MkdirAll(d, 0o755); err != nil {
			b.Fatal(err)
		}
		fd, err := unix.Open(d, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			b.Fatal(err)
		}
		for j := range min(20, n-i) {
			name := fmt.Sprintf("IMG_%07d.jpg", i+j)
			if err := unix.Mknodat(fd, name, unix.S_IFREG|0o644, 0); err != nil {
				b.Fatal(err)
			}
		}
		unix.Close(fd)
	}
}

// BenchmarkScan measures the first scan of a tree and one that finds nothing new, database
// included. It reports files a second.
func BenchmarkScan(b *testing.B) {
	dir, n := b.TempDir(), benchFiles()
	grow(b, dir, n)
	for _, again := range []bool{false, true} {
		b.Run(map[bool]string{false: "first", true: "again"}[again], func(b *testing.B) {
			var files int64
			var cpu time.Duration
			for b.Loop() {
				b.StopTimer()
				w := openWorld(b, b.TempDir(), dir, nil)
				loc := w.add("", library.Rules{})
				if again {
					w.scan(loc)
				}
				before := cpuTime()
				b.StartTimer()
				r, err := w.x.Scan(b.Context(), loc, index.Control{})
				if err != nil || r.Files != int64(n) {
					b.Fatal(r, err)
				}
				files += r.Files
				cpu += cpuTime() - before
			}
			b.ReportMetric(float64(files)/b.Elapsed().Seconds(), "files/s")
			b.ReportMetric(float64(cpu.Microseconds())/float64(files), "cpu-us/file")
			b.ReportMetric(float64(usage().Maxrss)/1024, "MiB-peak")
		})
	}
}

func usage() (u unix.Rusage) {
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // which cannot fail
	return u
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScanFolder measures what a watcher waits for when one file has changed.
func BenchmarkScanFolder(b *testing.B) {
	w := openWorld(b, b.TempDir(), b.TempDir(), nil)
	grow(b, w.dir, 2000)
	loc := w.add("", library.Rules{})
	w.scan(loc)
	for i := 0; b.Loop(); i++ {
		w.write("part 0001/album 01/new", fmt.Sprint(i))
		if _, err := w.x.ScanFolder(b.Context(), loc, w.path("part 0001/album 01"), false); err != nil {
			b.Fatal(err)
		}
	}
}
