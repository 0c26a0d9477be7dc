package plan_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sd/actions/plan"
	"sd/actions/steps"
	"sd/backends"
	"sd/backends/mem"
)

// asked is what planning asks a bucket for.
func (w *world) asked(bucket string, fn func()) map[string]int64 {
	before := w.buckets[bucket].(backends.Counter).Stats().Requests
	old := map[string]int64{}
	for op, n := range before {
		old[op] = n
	}
	fn()
	found := map[string]int64{}
	for op, n := range w.buckets[bucket].(backends.Counter).Stats().Requests {
		if n -= old[op]; n > 0 {
			found[op] = n
		}
	}
	return found
}

// TestRequests counts what planning costs.
func TestRequests(t *testing.T) {
	w := newWorldOf(t, map[string]backends.Backend{"one": mem.New(mem.Config{PageSize: 10}), "two": mem.New(mem.Config{PageSize: 10})})
	for i := range 40 {
		name := fmt.Sprintf("%d/%02d", i%4, i)
		w.write("d/"+name, name, "s3://one/k/"+name, name, "s3://one/other/"+name, name, "s3://one/z/"+name, name)
	}
	for _, c := range []struct {
		name   string
		action steps.Action
		args   string
		most   map[string]int64
	}{
		{"a file to a bucket", steps.Copy, "d/0/00 s3://one/new", map[string]int64{"HEAD": 1}},
		{"a tree to a folder that is missing", steps.Copy, "d/ s3://one/new/", map[string]int64{"LIST": 1}},
		{"a tree to a bucket that has other folders", steps.Copy, "d s3://one/", map[string]int64{"LIST": 1}},
		{"a tree to where it is already, of unknown times", steps.Copy, "d/ s3://one/k/", map[string]int64{"LIST": 5, "HEAD": 40}},
		{"a tree to where it is already", steps.Copy, "d/ s3://one/k/", map[string]int64{"LIST": 5}},
		{"a tree from a bucket", steps.Copy, "s3://one/k new/", map[string]int64{"HEAD": 1, "LIST": 5}},
		{"a tree from a bucket to where it is already", steps.Copy, "s3://one/k/ d", map[string]int64{"HEAD": 1, "LIST": 5}},
		{"many files to a bucket", steps.Copy, "d/*/* s3://one/k/0/", map[string]int64{"HEAD": 4, "LIST": 1}},
		{"a tree that goes", steps.Remove, "s3://one/k", map[string]int64{"HEAD": 1, "LIST": 5}},
	} {
		spec := w.spec(c.action, strings.Fields(c.args)...)
		spec.Options.Recursive = true
		var p planned
		got := w.asked("one", func() {
			var err error
			if p, err = w.plan(spec); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		})
		for op, n := range got {
			if n > c.most[op] && op != "USAGE" && op != "VERSIONING" {
				t.Errorf("%s: asked %v, want at most %v", c.name, got, c.most)
			}
		}
		if n := p.sum.Total.Files + p.sum.Same.Files + p.sum.Deletes.Files; n == 0 || p.sum.Conflicts > 0 {
			t.Errorf("%s: planned %d files, with conflicts %v", c.name, n, p.sum.ConflictList)
		}
	}
}

// TestManyFilesTakeLittleMemory plans a large bucket.
func TestManyFilesTakeLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a large bucket")
	}
	const files = 30_000
	w := newWorld(t)
	for i := range files {
		w.put("one", fmt.Sprintf("photos/%04d/holiday-%06d.jpg", i/100, i), "x", someTime)
	}
	spec := w.spec(steps.Copy, "s3://one/photos", "down/")
	spec.Options.Recursive = true
	out, err := steps.Create(t.TempDir())
	w.must(err)
	defer out.Discard()
	var most, before uint64
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before = heap()
	n := 0
	sum, _, err := plan.Make(context.Background(), plan.Env{Set: w.set, Library: w.lib, Progress: func(plan.Progress) {
		if n++; n%2 == 0 {
			most = max(most, heap())
		}
	}}, spec, out)
	w.must(err)
	if sum.Total.Files != files || out.Len() < files {
		t.Errorf("planned %d files in %d steps, want %d", sum.Total.Files, out.Len(), files)
	}
	if most > before+12<<20 {
		t.Errorf("planning took %d MiB, want at most 12", (most-before)>>20)
	}
}

// BenchmarkLocalTree plans the copy of 10,000 local files to where nothing is.
func BenchmarkLocalTree(b *testing.B) {
	w := newWorld(b)
	for i := range 10_000 {
		dir := filepath.Join(w.dir, "d", fmt.Sprint(i/100))
		if i%100 == 0 {
			w.must(os.MkdirAll(dir, 0o755))
		}
		w.must(os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o644))
	}
	for _, to := range []string{"e", "s3://one/e/"} {
		b.Run(strings.Trim(to, ":/"), func(b *testing.B) {
			for b.Loop() {
				spec := w.spec(steps.Copy, "d", to)
				spec.Options.Recursive = true
				out, err := steps.Create(b.TempDir())
				w.must(err)
				_, _, err = plan.Make(context.Background(), plan.Env{Set: w.set, Library: w.lib}, spec, out)
				w.must(err)
				w.must(out.Discard())
			}
		})
	}
}
