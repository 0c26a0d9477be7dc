//go:build linux

package actions

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
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

// BenchmarkSteps is what the engine itself costs: a plan of steps that find nothing to do.
func BenchmarkSteps(b *testing.B) {
	w := newWorld(b, b.TempDir(), "")
	dir := b.TempDir()
	local, _ := w.at(b, dir)
	b.ReportAllocs()
	b.ResetTimer()
	d, err := w.PlanFrom(b.Context(), steps.Spec{Action: steps.Remove}, func(_ context.Context, sw *steps.Writer, _ *stores.Set) (steps.Summary, []steps.StoreRef, error) {
		for i := range b.N {
			s := steps.Step{Op: steps.OpRemove, From: steps.Ref{Name: fmt.Sprintf("%s/folder %05d/a file of the user %09d.jpg", dir, i/1000, i)}, Size: 16384}
			if _, err := sw.Add(s); err != nil {
				return steps.Summary{}, nil, err
			}
		}
		return steps.Summary{}, []steps.StoreRef{local.Ref()}, nil
	})
	must(b, err)
	job, err := d.Commit(b.Context(), false)
	must(b, err)
	var peak uint64
	out, err := w.Run(b.Context(), job, func(Progress) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
	})
	must(b, err)
	if out.Skipped != int64(b.N) {
		b.Fatalf("got %+v", out)
	}
	b.ReportMetric(float64(peak)/(1<<20), "MiB")
}

// BenchmarkJob is what a job costs besides its steps: the plan, the library, the journal.
func BenchmarkJob(b *testing.B) {
	w := newWorld(b, b.TempDir(), "")
	local, _ := w.at(b, "/")
	for b.Loop() {
		d, err := w.PlanFrom(b.Context(), steps.Spec{Action: steps.Remove}, func(context.Context, *steps.Writer, *stores.Set) (steps.Summary, []steps.StoreRef, error) {
			return steps.Summary{}, []steps.StoreRef{local.Ref()}, nil
		})
		must(b, err)
		job, err := d.Commit(b.Context(), false)
		must(b, err)
		_, err = w.Run(b.Context(), job, nil)
		must(b, err)
	}
}
