//go:build linux

package actions

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/actions/steps"
	"sd/internal/testserver"
	"sd/jobs"
	"sd/library"
)

// running is a job that runs in this process.
type running struct {
	w    *world
	job  library.Job
	seen chan Progress
	end  chan error
	out  Outcome
}

func (w *world) begin(t *testing.T, job library.Job) *running {
	r := &running{w: w, job: job, seen: make(chan Progress, 1), end: make(chan error, 1)}
	go func() {
		var err error
		r.out, err = w.Run(t.Context(), job, func(p Progress) {
			select {
			case <-r.seen: // only the last counts
			default:
			}
			r.seen <- p
		})
		r.end <- err
	}()
	return r
}

// until waits for a progress that is as it should be.
func (r *running) until(t *testing.T, what string, ok func(Progress) bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case p := <-r.seen:
			if ok(p) {
				return
			}
		case err := <-r.end:
			t.Fatalf("the job has ended (%v), before %s", err, what)
		case <-late:
			t.Fatalf("there is no %s", what)
		}
	}
}

// slow commits a copy of a large file and a small one, at a rate at which the test can see it.
func (w *world) slow(t *testing.T, src, target string) library.Job {
	t.Helper()
	makeTree(t, src, map[string]string{"large": strings.Repeat("0123456789abcdef", 17<<16), "small": "x"})
	spec := steps.Spec{Action: steps.Copy, Options: steps.Options{BWLimit: 20 << 20}}
	d := w.planned(t, spec, src, target, func(p *writer) error { return p.tree(t.Context(), false) })
	job, err := d.Commit(t.Context(), false)
	must(t, err)
	return job
}

// A job that is canceled ends at once, keeps what is complete and leaves nothing else.
func TestCancel(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, "bucket")
	w := newWorld(t, t.TempDir(), server.URL, "bucket")
	job := w.slow(t, t.TempDir(), "s3://bucket/to")
	r := w.begin(t, job)
	r.until(t, "bytes of the large file", func(p Progress) bool { return p.Files == 1 && p.Bytes > 1 })
	must(t, w.Cancel(t.Context(), job.ID))
	if err := <-r.end; !errors.Is(err, jobs.ErrCanceled) {
		t.Errorf("got %v, want %v", err, jobs.ErrCanceled)
	}
	w.wantLittle(t, server, job)
	if _, err := w.Run(t.Context(), job, nil); err == nil {
		t.Error("a canceled job runs again")
	}
}

// wantLittle looks at what a canceled job has left.
func (w *world) wantLittle(t *testing.T, server *testserver.Server, job library.Job) {
	t.Helper()
	if got := bucketOf(t, server, "bucket", "to/"); len(got) != 1 || got["small"] != "x" {
		t.Errorf("the bucket has %d objects, want the small one", len(got))
	}
	wantNoUploads(t, server)
	a := w.audit(t, job.ID)
	if o, ok := Decode(a); !ok || a.State != library.Canceled || o.Copied.Files != 1 || o.Left != 1 {
		t.Errorf("the log has %+v, want one file copied and one left", a)
	}
}

// uploadsOf are the keys of the uploads in parts that are under way in the bucket.
func uploadsOf(t *testing.T, server *testserver.Server) []string {
	t.Helper()
	list, err := server.Uploads(t.Context(), "bucket")
	must(t, err)
	return slices.DeleteFunc(list, isProbe)
}

func wantNoUploads(t *testing.T, server *testserver.Server) {
	t.Helper()
	if left := uploadsOf(t, server); len(left) > 0 {
		t.Errorf("uploads of %q are left", left)
	}
}

// So does one whose process was killed before it was canceled.
func TestCancelKilled(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, "bucket")
	data := t.TempDir()
	w := newWorld(t, data, server.URL, "bucket")
	job := w.slow(t, t.TempDir(), "s3://bucket/to")
	p := start(t, data, server.URL, job.ID)
	waitFor(t, "an upload", func() bool {
		return len(uploadsOf(t, server)) > 0 && len(server.Keys(t, "bucket", "to/")) == 1 && w.states(t, job.ID)["begun"] == 1
	})
	if !p.kill(0) {
		t.Fatal("the job has ended too soon")
	}
	if a := w.audit(t, job.ID); a.State != "" {
		t.Errorf("the log has %+v of a job that may go on", a)
	}
	must(t, w.Cancel(t.Context(), job.ID))
	w.wantLittle(t, server, job)
}

// waitFor waits for a condition.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("there is no %s", what)
		}
	}
}

// A paused job stops in the middle of a file, and goes on there.
func TestPause(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, "bucket")
	w := newWorld(t, t.TempDir(), server.URL, "bucket")
	src := t.TempDir()
	job := w.slow(t, src, "s3://bucket/to")
	r := w.begin(t, job)
	r.until(t, "bytes of the large file", func(p Progress) bool { return p.Files == 1 && p.Bytes > 1 })
	must(t, jobs.Pause(t.Context(), w.lib, job.ID))
	r.until(t, "pause of the large file", func(p Progress) bool { return p.Files == 1 && p.Bytes == 1 })
	if told, err := jobs.Resume(t.Context(), w.lib, job.ID); !told || err != nil {
		t.Errorf("got %v, %v; want that it goes on", told, err)
	}
	must(t, <-r.end)
	equal(t, bucketOf(t, server, "bucket", "to/"), treeOf(t, src))
	wantNoUploads(t, server)
}

// After a loss of power local copies are believed only if they hold what they should.
func TestLossOfPower(t *testing.T) {
	w := newWorld(t, t.TempDir(), "")
	src, dst := t.TempDir(), t.TempDir()
	files := make(map[string]string)
	for i := range 10 {
		files[fmt.Sprintf("dir/f%d", i)] = fmt.Sprint("file ", i)
	}
	makeTree(t, src, files)
	job := w.committed(t, src, dst, false)
	_, err := w.Run(t.Context(), job, nil)
	must(t, err)

	// The same on another boot, without an end.
	path := w.journalPath(job.ID)
	var records []steps.Record
	must(t, steps.ReadJournal(path, func(r steps.Record) error { records = append(records, r); return nil }))
	must(t, os.Remove(path))
	j, err := steps.OpenJournal(path)
	must(t, err)
	for _, r := range records {
		if r.State == steps.Opened {
			r.Boot = "another"
		}
		must(t, j.Append(r))
	}
	must(t, j.Close())
	job.State = library.Running
	must(t, w.lib.UpdateJob(t.Context(), job))
	info, err := os.Stat(filepath.Join(src, "dir/f1"))
	must(t, err)
	must(t, os.Remove(filepath.Join(dst, "dir/f0")))                                  // its name was lost
	must(t, os.WriteFile(filepath.Join(dst, "dir/f1"), make([]byte, 6), 0o644))       // its bytes
	must(t, os.Chtimes(filepath.Join(dst, "dir/f1"), info.ModTime(), info.ModTime())) // and no more
	must(t, os.WriteFile(filepath.Join(dst, "dir/f2"), []byte("edited"), 0o644))      // by somebody, since

	out, err := w.Run(t.Context(), job, nil)
	if part := new(PartError); !errors.As(err, &part) || part.Failed != 1 || !strings.HasSuffix(out.Failures[0].To, "f2") {
		t.Errorf("got %v, want that the edited file alone is reported", err)
	}
	files["dir/f2"] = "edited"
	equal(t, treeOf(t, dst), files)
}
