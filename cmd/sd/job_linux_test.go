package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sd/internal/testserver"
	"sd/library"
)

// A mount does the work that is left to it, and can be steered from elsewhere.
func TestJobDetached(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	folder := docsTree(t, s)
	mountpoint, _ := s.mount()
	s.must("location", "add", folder, "--detach").want(t, 0, "is left to the mount: 'sd job wait 1'", "")
	s.must("job", "wait", "1").want(t, 0, "is done", "")
	if got := s.locations()["My Docs"]; got.Proven == 0 {
		t.Errorf("got %+v, want it identified", got)
	}
	r := s.must("search", "rome.jpg", "--limit", "1", "--paths")
	r.want(t, 0, mountpoint+"/local/laptop"+folder+"/trip/rome.jpg\n", "")
	if text, err := os.ReadFile(strings.TrimSuffix(r.out, "\n")); err != nil || string(text) != "rome" {
		t.Errorf("got %q, %v, want the file", text, err)
	}
	var hits []hit
	s.decode(&hits, "search", "notes.txt", "--paths")
	if len(hits) != 1 || hits[0].Path != mountpoint+"/local/laptop"+folder+"/notes.txt" {
		t.Errorf("got %+v, want the path in the mount", hits)
	}
	// What is below the mountpoint is found as what it is.
	s.run("location", "add", mountpoint+"/local/laptop"+folder).want(t, 1, "", "is location")

	b, job, unlock := s.held("location", "rescan", "--detach")
	b.wait().want(t, 0, "left to the mount", "")
	id := fmt.Sprint(job)
	s.must("job", "pause", id).want(t, 0, "is paused", "")
	eventually(t, "the mount lets go", func() bool { return s.job(job).PID == 0 })
	s.must("job", "resume", id)
	eventually(t, "the mount goes on", func() bool { return s.job(job).State == library.Running })

	server := testserver.Gofakes3(t, "box")
	server.MustPut(t, "box", "a.txt", "alpha")
	s.runWith("", []string{"AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=secret"}, "volume", "add-cloud", "box",
		"--service", "s3", "--bucket", "box", "--endpoint", server.URL).want(t, 0, "s3://box", "")
	s.run("location", "add", "s3://box", "--mode", "deep", "--detach").want(t, 2, "", "agree with --yes")
	if _, ok := s.locations()["box"]; ok {
		t.Error("it is added all the same")
	}

	// A mount that ends leaves its job to the next.
	s.must("umount", mountpoint)
	if got := s.job(job); got.State != library.Queued {
		t.Errorf("got %+v, want it queued", got)
	}
	waiter := s.start("job", "wait", id)
	s.must("mount", mountpoint)
	eventually(t, "the next mount goes on", func() bool { return s.job(job).State == library.Running })
	s.run("location", "rescan", "My Docs").want(t, 1, "", "sd job wait "+id)
	unlock()
	waiter.wait().want(t, 0, "is done", "")

	_, job, unlock = s.held("location", "rescan", "--detach")
	s.must("job", "cancel", fmt.Sprint(job)).want(t, 0, "is canceled", "")
	unlock()

	// A removed location takes its jobs along.
	_, job, unlock = s.held("location", "rescan", "--detach")
	remover := s.start("location", "remove", "My Docs")
	eventually(t, "the job is canceled", func() bool { return s.job(job).State == library.Canceled })
	unlock()
	remover.wait().want(t, 0, "removed", "")
	s.must("umount", mountpoint)

	// A mount that does no such work is not given any.
	s.must("mount", mountpoint, "--no-index")
	s.run("location", "add", filepath.Join(folder, "trip"), "--detach").want(t, 1, "", "sd mount")
}
