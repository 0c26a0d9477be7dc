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

// inMount waits until a job is run by the mount's process.
func (s *sandbox) inMount(pid int, b *background) (job int64) {
	s.t.Helper()
	eventually(s.t, "the mount runs the copy", func() bool {
		for _, j := range s.jobs() {
			if j.Kind == jobAction && j.State == library.Running && j.PID == pid {
				job = j.ID
			}
		}
		return job != 0
	})
	return job
}

// What a mount does for a command is seen through it at once, and nothing staged is passed over.
func TestMountSeesItsActions(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	s.addBucket(server, "box", "box")
	mountpoint, pid := s.mount("--write-back")
	here := mountpoint + "/local/laptop" + s.home
	seen := func(path, want string) {
		t.Helper()
		eventually(t, path+" holds "+want, func() bool {
			got, err := os.ReadFile(path)
			return err == nil && string(got) == want
		})
	}
	gone := func(path string) {
		t.Helper()
		eventually(t, path+" is gone", func() bool {
			_, err := os.Lstat(path)
			return os.IsNotExist(err)
		})
	}
	for _, dir := range []string{mountpoint + "/s3/box", here} { // what the kernel knows from here on
		if _, err := os.ReadDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(mountpoint + "/s3/box/new/a"); !os.IsNotExist(err) {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(s.home, "a"), "from the disk")
	s.must("cp", "a", "s3://box/new/a").want(t, 0, "copied", "")
	seen(mountpoint+"/s3/box/new/a", "from the disk")
	var rows []jobRow
	s.decode(&rows, "job", "list", "--all")
	if len(rows) != 1 || !rows[0].Detached {
		t.Errorf("the mount (%d) was left to do %+v", pid, rows)
	}

	// Bytes that only the mount has are sent before they are copied.
	writeFile(t, mountpoint+"/s3/box/staged", "staged")
	s.must("cp", "s3://box/staged", "here").want(t, 0, "copied", "")
	seen(filepath.Join(s.home, "here"), "staged")
	seen(here+"/here", "staged")

	s.must("rm", "--permanent", "--yes", "s3://box/new/a").want(t, 0, "", "")
	gone(mountpoint + "/s3/box/new/a")
	s.must("rm", "--permanent", "--yes", "here")
	gone(here + "/here")
}

// An action that a mount has begun goes on at the next one.
func TestActionsGoOnAtTheNextMount(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.addBucket(server, "box", "box")
	text := string(noise(24 << 20))
	writeFile(t, filepath.Join(s.home, "big"), text)
	mountpoint, pid := s.mount()
	b := s.start("cp", "big", "s3://box/big", "--bwlimit", "2M")
	job := s.inMount(pid, b)
	s.must("status").want(t, 0, fmt.Sprintf("job %d", job), "")
	eventually(t, "status tells how far it is", func() bool {
		return strings.Contains(s.must("status").out, "of 1 files")
	})
	// Another one does not wait for it.
	writeFile(t, filepath.Join(s.home, "small"), "small")
	s.must("cp", "small", "s3://box/small").want(t, 0, "copied", "")
	b.kill() // the mount goes on
	s.must("umount", mountpoint)
	s.waitUntilGone(pid)
	if row := s.job(job); row.State != library.Queued {
		t.Fatalf("after the mount has ended the job is %s, want %s", row.State, library.Queued)
	}
	s.mount()
	s.must("job", "wait", fmt.Sprint(job)).want(t, 0, "", "")
	got, err := server.ReadAll(t.Context(), "box", "big")
	if err != nil || string(got) != text {
		t.Errorf("the object has %d bytes, %v; want the file's %d", len(got), err, len(text))
	}
	if left, err := server.Uploads(t.Context(), "box"); err != nil || len(left) > 0 {
		t.Errorf("uploads %q are left behind (%v)", left, err)
	}
}

// A mount that changes nothing takes no actions.
func TestReadOnlyMountTakesNoActions(t *testing.T) {
	s := newSandbox(t)
	s.mount("--read-only")
	writeFile(t, filepath.Join(s.home, "a"), "a")
	s.must("cp", "a", "b").want(t, 0, "copied", "")
	var rows []jobRow
	s.decode(&rows, "job", "list", "--all")
	if len(rows) != 1 || rows[0].Detached {
		t.Errorf("got %+v, want a job that the command has run", rows)
	}
}
