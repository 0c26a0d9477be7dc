package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sd/internal/testserver"
	"sd/library"
)

// slow begins a copy of a large file into the bucket that takes much longer than any test, and
// returns when its job runs.
func (s *sandbox) slow(text string) (b *background, job int64) {
	s.t.Helper()
	writeFile(s.t, filepath.Join(s.home, "big"), text)
	b = s.start("cp", "big", "s3://box/big", "--bwlimit", "300k")
	eventually(s.t, "the copy runs", func() bool {
		for _, j := range s.jobs() {
			if j.Kind == jobAction && j.State == library.Running && j.PID != 0 {
				job = j.ID
			}
		}
		return job != 0
	})
	return b, job
}

// wantNothing fails if anything of a copy is left anywhere.
func (s *sandbox) wantNothing(server *testserver.Server) {
	s.t.Helper()
	if keys := server.Keys(s.t, "box", ""); len(keys) > 0 {
		s.t.Errorf("the bucket holds %q, want nothing", keys)
	}
	if left, err := server.Uploads(s.t.Context(), "box"); err != nil || len(left) > 0 {
		s.t.Errorf("uploads %q are left behind (%v)", left, err)
	}
}

// A copy is a job: Ctrl-C pauses it, others steer it, and a killed one goes on.
func TestCopyIsAJob(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.addBucket(server, "box", "box")
	text := string(noise(24 << 20))

	b, job := s.slow(text)
	id := fmt.Sprint(job)
	s.must("job", "list").want(t, 0, "running", "")
	eventually(t, "it tells how far it is", func() bool { return strings.Contains(s.must("job", "info", id).out, "of 24 MiB") })
	s.must("log").want(t, 0, "running", "")
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	b.wait().want(t, 1, "", "go on with 'sd job resume "+id+"', or give it up with 'sd job cancel "+id+"'")
	if row := s.job(job); row.State != library.Paused || row.Action == nil {
		t.Errorf("got %+v, want that it is paused", row)
	}
	b = s.start("job", "resume", id)
	eventually(t, "it runs again", func() bool { return s.job(job).State == library.Running })
	s.must("job", "pause", id).want(t, 0, "is paused", "")
	waiter := s.start("job", "wait", id)
	b.kill()
	if row := s.job(job); row.State != library.Paused {
		t.Errorf("got %+v, want that it is paused still", row)
	}
	waiter.wait().want(t, 1, "", "sd job resume "+id)
	b = s.start("job", "resume", id)
	eventually(t, "it runs again", func() bool { return s.job(job).State == library.Running })
	b.kill()
	if row := s.job(job); row.State != library.Interrupted {
		t.Errorf("got %+v, want that it was interrupted", row)
	}
	s.must("job", "cancel", id).want(t, 0, "is canceled", "")
	s.wantNothing(server)
	s.must("log").want(t, 0, "canceled", "")

	b, job = s.slow(text)
	s.must("job", "cancel", fmt.Sprint(job)).want(t, 0, "is canceled", "")
	b.wait().want(t, 1, "", "canceled; what was done before stays")
	s.wantNothing(server)
	if left, _ := filepath.Glob(filepath.Join(s.home, ".sd-*")); len(left) > 0 {
		t.Errorf("%q is left behind", left)
	}
}

// A mount does the work where there is one, and it goes on when the command is gone.
func TestCopyByTheMount(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	s.addBucket(server, "box", "box")
	folder, files := album(t, s, "album")
	mountpoint, pid := s.mount()

	s.must("cp", "-r", "album", "s3://box/").want(t, 0, "copied 4 files", "")
	wantTree(t, filepath.Join(mountpoint, "s3", "box", "album"), files)
	s.must("mv", "s3://box/album/a.jpg", "s3://box/album/c.jpg").want(t, 0, "moved 1 file", "")
	wantFile(t, filepath.Join(mountpoint, "s3", "box", "album", "c.jpg"), "alpha")
	if _, err := os.Stat(filepath.Join(mountpoint, "s3", "box", "album", "a.jpg")); err == nil {
		t.Error("the mount still shows what was moved away")
	}
	// Paths of the mount are the names of what they show.
	s.must("cp", filepath.Join(mountpoint, "local", "laptop", folder[1:], "a.jpg"), filepath.Join(mountpoint, "s3", "box", "again.jpg"))
	wantObject(t, server, "again.jpg", "alpha")
	s.must("rm", "-r", "s3://box/*")

	b, job := s.slow(string(noise(8 << 20)))
	if row := s.job(job); row.PID != pid || !row.Detached {
		t.Errorf("got %+v, want that the mount (%d) does it", row, pid)
	}
	id := fmt.Sprint(job)
	if err := b.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	b.wait().want(t, 1, "", "the mount goes on with it: 'sd job wait "+id+"'")
	if row := s.job(job); row.State != library.Running {
		t.Errorf("got %+v, want that it goes on", row)
	}
	waiter := s.start("job", "wait", id)
	s.must("job", "cancel", id).want(t, 0, "is canceled", "")
	waiter.wait().want(t, 1, "", "canceled")

	// Where the mount ends before its job does, the command that follows goes on with it.
	b, job = s.slow(string(noise(8 << 20)))
	id = fmt.Sprint(job)
	s.must("umount", mountpoint)
	eventually(t, "the command does it", func() bool { row := s.job(job); return row.State == library.Running && row.PID == b.cmd.Process.Pid })
	s.must("job", "cancel", id).want(t, 0, "is canceled", "")
	b.wait().want(t, 1, "", "canceled")
	for _, key := range server.Keys(t, "box", "") {
		if !strings.HasPrefix(key, ".sd-trash/") {
			t.Errorf("%s is left", key)
		}
	}
}

// Without a mount a copy tells the index itself, also of objects, with their contents.
func TestCopyIsIndexed(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	s.addBucket(server, "box", "box")
	album(t, s, "album")
	place := filepath.Join(s.home, "place")
	if err := os.Mkdir(place, 0o755); err != nil {
		t.Fatal(err)
	}
	s.must("location", "add", place)
	s.must("location", "add", "s3://box")
	s.must("cp", "-r", "album", "place/")
	s.must("cp", "-r", "album", "s3://box/")
	s.runWith("piped", nil, "cp", "-", "place/pipe").want(t, 0, "", "")
	s.runWith("piped", nil, "cp", "-", "s3://box/pipe").want(t, 0, "", "")
	base := "local://laptop" + place
	for name, want := range map[string][]string{
		"deep.txt": {base + "/album/sub/deep.txt", "s3://box/album/sub/deep.txt"},
		"pipe":     {base + "/pipe", "s3://box/pipe"},
	} {
		got := strings.Fields(s.must("search", name).out)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("search %s: got %q, want %q", name, got, want)
		}
	}
	var d []description
	s.decode(&d, "stat", base+"/pipe", base+"/album/a.jpg")
	for _, one := range d {
		if one.ContentID == "" || len(one.Locations) != 2 {
			t.Errorf("got %+v, want that both copies are proven", one)
		}
	}
	s.must("cp", "content://"+d[1].ContentID, "from-content.jpg")
	wantFile(t, filepath.Join(s.home, "from-content.jpg"), "alpha")
	s.must("mv", "place/album/a.jpg", "place/z.jpg")
	s.must("rm", "s3://box/album/a.jpg")
	if got := s.must("search", "a.jpg", "--limit", "0").out; strings.Contains(got, "/a.jpg\n") {
		t.Errorf("got %q, want nothing of what is gone", got)
	}
	s.finds(base+"/z.jpg", "z.jpg")
	for _, place := range []string{"place", "s3://box"} {
		s.must("location", "verify", place).want(t, 0, "no difference", "")
	}
}
