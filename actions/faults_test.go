//go:build linux

package actions

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sd/actions/steps"
	"sd/internal/netproxy"
	"sd/internal/testserver"
)

// behind puts a proxy that fails on demand before a server.
func behind(t *testing.T, server *testserver.Server) *netproxy.Faults {
	t.Helper()
	proxy, err := netproxy.NewFaults(server.URL)
	must(t, err)
	t.Cleanup(func() { must(t, proxy.Close()) })
	return proxy
}

// small are so many small files.
func small(n int) map[string]string {
	files := make(map[string]string)
	for i := range n {
		files[fmt.Sprintf("dir %d/file %03d", i%3, i)] = fmt.Sprint("file ", i)
	}
	return files
}

// A job waits for a server that is out of reach, does the rest meanwhile, and goes on by itself.
func TestOffline(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, "bucket")
	proxy := behind(t, server)
	w := newWorld(t, t.TempDir(), proxy.URL(), "bucket")
	src, dst := t.TempDir(), t.TempDir()
	files := small(60)
	makeTree(t, src, files)
	local, _ := w.at(t, dst)
	d := w.planned(t, steps.Spec{Action: steps.Copy}, src, "s3://bucket/to", func(p *writer) error {
		if err := p.tree(t.Context(), false); err != nil {
			return err
		}
		for name, text := range files { // and to a folder
			s := steps.Step{Op: steps.OpCopy, From: p.here(name), To: steps.Ref{Name: local.Join(dst, filepath.Base(name))}, Size: int64(len(text)), Absent: true}
			if _, err := p.Add(s); err != nil {
				return err
			}
		}
		return nil
	})
	job, err := d.Commit(t.Context(), false)
	must(t, err)
	must(t, proxy.Refuse())
	r := w.begin(t, job)
	r.until(t, "wait, with the rest done", func(p Progress) bool {
		return p.Phase == "waiting" && strings.Contains(p.Waiting, "s3://bucket") && p.Done == 60
	})
	must(t, proxy.Serve())
	if err := <-r.end; err != nil {
		t.Fatal(err)
	}
	equal(t, bucketOf(t, server, "bucket", "to/"), files)
	if r.out.Copied.Files != 120 || r.out.Failed != 0 {
		t.Errorf("got %+v", r.out)
	}
}

// A server that refuses some objects, or is full for them, does not keep the others.
func TestRefused(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, "bucket")
	proxy := behind(t, server)
	w := newWorld(t, t.TempDir(), proxy.URL(), "bucket")
	src := t.TempDir()
	files := small(30)
	files["large"] = strings.Repeat("x", 20<<20)
	makeTree(t, src, files)
	job := w.committed(t, src, "s3://bucket/to", false)
	proxy.Script(
		netproxy.Rule{Method: "PUT", KeySuffix: "file 007", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403}},
		netproxy.Rule{Method: "PUT", KeySuffix: "file 011", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403, Code: "QuotaExceeded"}},
		netproxy.Rule{Method: "PUT", KeySuffix: "large", Query: "partNumber=2", Fault: netproxy.Fault{Kind: netproxy.Status, Status: 403}},
		netproxy.Rule{Method: "PUT", KeySuffix: "file 013", Times: 2, Fault: netproxy.Fault{Kind: netproxy.Status, Status: 500}},
	)
	out, err := w.Run(t.Context(), job, nil)
	part := new(PartError)
	if !errors.As(err, &part) || part.Failed != 3 || out.Copied.Files != 28 {
		t.Fatalf("got %+v, %v; want that 3 files fail", out, err)
	}
	reasons := make(map[string]string)
	for _, f := range out.Failures {
		reasons[filepath.Base(f.To)] = f.Err
	}
	if !strings.Contains(reasons["file%20007"]+reasons["file 007"], "permission denied") || !strings.Contains(reasons["file%20011"]+reasons["file 011"], "quota") || reasons["large"] == "" {
		t.Errorf("the reasons are %q", reasons)
	}
	delete(files, "large")
	delete(files, "dir 1/file 007")
	delete(files, "dir 2/file 011")
	equal(t, bucketOf(t, server, "bucket", "to/"), files)
	wantNoUploads(t, server)
}

// A disk that gets full takes what there is room for, and no part of anything.
func TestDiskFull(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	if err := syscall.Mount("none", dst, "tmpfs", 0, "size=1m"); err != nil {
		if os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skipf("only root can mount a small file system: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dst, syscall.MNT_DETACH)) })
	w := newWorld(t, t.TempDir(), "")
	files := small(20)
	files["large"], files["larger"] = strings.Repeat("x", 2<<20), strings.Repeat("y", 20<<20)
	makeTree(t, src, files)
	job := w.committed(t, src, dst, false)
	out, err := w.Run(t.Context(), job, nil)
	if part := new(PartError); !errors.As(err, &part) || part.Failed < 2 || out.Copied.Files+part.Failed != 22 {
		t.Errorf("got %+v, %v; want that the large ones fail", out, err)
	}
	for _, f := range out.Failures { // also small ones, while a large one has the room
		if !strings.Contains(f.Err, "no space left") {
			t.Errorf("the reason is %q", f.Err)
		}
		for name := range files {
			if strings.HasSuffix(strings.ReplaceAll(f.To, "%20", " "), "/"+name) {
				delete(files, name)
			}
		}
	}
	equal(t, treeOf(t, dst), files)
}

// A source that is written while it is copied is not copied, nor anything half of it.
func TestSourceChanges(t *testing.T) {
	t.Parallel()
	server := testserver.Versitygw(t, "bucket")
	w := newWorld(t, t.TempDir(), server.URL, "bucket")
	src := t.TempDir()
	job := w.slow(t, src, "s3://bucket/to")
	r := w.begin(t, job)
	r.until(t, "bytes of the large file", func(p Progress) bool { return p.Files == 1 && p.Bytes > 1 })
	f, err := os.OpenFile(filepath.Join(src, "large"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString("more")
	must(t, errors.Join(err, f.Close()))
	if part := new(PartError); !errors.As(<-r.end, &part) || part.Failed != 1 || !strings.Contains(part.Error(), "changed") {
		t.Errorf("got %v, want that the source has changed", part)
	}
	if got := bucketOf(t, server, "bucket", "to/"); len(got) != 1 {
		t.Errorf("the bucket has %d objects, want one", len(got))
	}
	wantNoUploads(t, server)
}

// Nobody's object is replaced that was put there after the plan was made.
func TestTargetAppears(t *testing.T) {
	server := testserver.Versitygw(t, "bucket")
	w := newWorld(t, t.TempDir(), server.URL, "bucket")
	src := t.TempDir()
	files := small(20)
	makeTree(t, src, files)
	job := w.committed(t, src, "s3://bucket/to", false)
	server.MustPut(t, "bucket", "to/dir 0/file 003", "somebody's")
	_, err := w.Run(t.Context(), job, nil)
	if part := new(PartError); !errors.As(err, &part) || part.Failed != 1 {
		t.Errorf("got %v, want that one file fails", err)
	}
	files["dir 0/file 003"] = "somebody's"
	equal(t, bucketOf(t, server, "bucket", "to/"), files)
}
