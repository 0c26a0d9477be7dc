//go:build linux

package actions

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkSmallFiles copies 10,000 files of 16 KiB: all that Commit and Run do, beside what
// cp -a does in the same place.
func BenchmarkSmallFiles(b *testing.B) {
	dir := b.TempDir()
	src := filepath.Join(dir, "src")
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	const files = 10_000
	for i := range files {
		if i%100 == 0 {
			must(b, os.MkdirAll(filepath.Join(src, fmt.Sprint(i/100)), 0o755))
		}
		must(b, os.WriteFile(filepath.Join(src, fmt.Sprint(i/100), fmt.Sprint(i)), text, 0o644))
	}
	w := newWorld(b, filepath.Join(dir, "data"), "")
	var ours, theirs time.Duration
	for b.Loop() {
		target := filepath.Join(dir, "cp")
		began := time.Now()
		must(b, exec.Command("cp", "-a", src, target).Run())
		theirs += time.Since(began)
		must(b, os.RemoveAll(target))

		target = filepath.Join(dir, "sd")
		must(b, os.Mkdir(target, 0o755))
		began = time.Now()
		job := w.committed(b, src, target, false)
		out, err := w.Run(b.Context(), job, nil)
		must(b, err)
		ours += time.Since(began)
		if out.Copied.Files != files {
			b.Fatalf("got %+v", out)
		}
		must(b, os.RemoveAll(target))
	}
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "x_cp")
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/files, "us/file")
}
