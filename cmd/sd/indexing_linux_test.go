package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/index/watch"
	"sd/internal/testserver"
	"sd/library"
)

// finds waits until a search for one file finds exactly that.
func (s *sandbox) finds(uri, name string) {
	s.t.Helper()
	eventually(s.t, "sd search finds "+uri, func() bool {
		return s.must("search", name).out == uri+"\n"
	})
}

// misses waits until a search finds nothing any more.
func (s *sandbox) misses(name string) {
	s.t.Helper()
	eventually(s.t, "sd search does not find "+name, func() bool { return s.must("search", name).out == "" })
}

// contentOf waits until what a file holds is proven, and gives its content id.
func (s *sandbox) contentOf(name string) (id string) {
	s.t.Helper()
	eventually(s.t, name+" is identified", func() bool {
		var hits []struct {
			ContentID string `json:"content_id"`
			Proven    bool
		}
		s.decode(&hits, "search", name)
		if len(hits) != 1 || !hits[0].Proven {
			return false
		}
		id = hits[0].ContentID
		return true
	})
	return id
}

// located waits until the one location of the one mount is in a state.
func (s *sandbox) located(want watch.State) locationStatus {
	s.t.Helper()
	var got locationStatus
	eventually(s.t, "the location is "+string(want), func() bool {
		if x := s.status().Index; x != nil && len(x.Locations) == 1 {
			got = x.Locations[0]
		}
		return got.State == want
	})
	return got
}

// TestMountIndexes follows changes made through the mount and behind it.
func TestMountIndexes(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	folder := filepath.Join(s.home, "docs")
	base := "local://laptop" + folder
	writeFile(t, filepath.Join(folder, "before.txt"), "before")
	mountpoint, _ := s.mount("--metrics", "0")
	s.must("status").want(t, 0, "no locations", "")
	s.must("location", "add", folder)
	s.located(watch.Fresh)

	writeFile(t, filepath.Join(folder, "sub", "behind.txt"), "behind")
	s.finds(base+"/sub/behind.txt", "behind.txt")
	through := mountpoint + "/local/laptop" + folder
	writeFile(t, through+"/new/through.txt", "through")
	s.finds(base+"/new/through.txt", "through.txt")
	id := s.contentOf("through.txt")
	for _, name := range []string{id, id + ".txt"} {
		if got, err := os.ReadFile(filepath.Join(mountpoint, "content", name)); err != nil || string(got) != "through" {
			t.Errorf("content/%s: got %q, %v", name, got, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(mountpoint, "search", "through.txt", "through.txt")); err != nil || string(got) != "through" {
		t.Errorf("through search/: got %q, %v", got, err)
	}
	if err := os.Rename(folder+"/new", folder+"/moved"); err != nil {
		t.Fatal(err)
	}
	s.finds(base+"/moved/through.txt", "through.txt")
	if err := os.RemoveAll(through + "/sub"); err != nil {
		t.Fatal(err)
	}
	s.misses("behind.txt")

	eventually(t, "the status counts", func() bool {
		x := s.status().Index.Locations[0]
		return x.Counted && x.Files == 2 && x.Identified == 2 && x.Unknown == 0 && x.Watched == 2 && x.Unwatched == 0 && x.Scanned != nil
	})
	s.must("status").want(t, 0, "1 location, 2 files", "")
	s.must("status").want(t, 0, "100 % identified, 2 folders watched", "")
	reply, err := http.Get(s.status().Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`sd_index_files{location="docs"} 2`, `sd_index_identified_files{location="docs"} 2`, `sd_index_healthy{location="docs"} 1`,
		`sd_index_problems{location="docs"} 0`, "sd_index_watched_folders 2", "sd_index_waiting_changes 0",
	} {
		if !strings.Contains("\n"+string(body), "\n"+want) {
			t.Errorf("no metric %s", want)
		}
	}
	s.must("location", "verify", "docs")
	s.must("umount")
}

// TestMountIndexesVolumes notes what is done in a volume through the mount at once.
func TestMountIndexesVolumes(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	server.MustPut(t, "box", "docs/old.txt", "old")
	server.MustPut(t, "box", "docs/same.txt", "through")
	s := newSandbox(t)
	s.addBucket(server, "box", "box")
	s.must("location", "add", "s3://box/docs").want(t, 0, "2 files", "")
	mountpoint, _ := s.mount()
	s.located(watch.Fresh)
	docs := filepath.Join(mountpoint, "s3", "box", "docs")

	writeFile(t, filepath.Join(docs, "sub", "through.txt"), "through")
	s.finds("s3://box/docs/sub/through.txt", "through.txt")
	id := s.contentOf("through.txt")
	if got, err := os.ReadFile(filepath.Join(mountpoint, "content", id)); err != nil || string(got) != "through" {
		t.Errorf("content/%s: got %q, %v", id, got, err)
	}
	if err := os.Rename(filepath.Join(docs, "sub"), filepath.Join(docs, "moved")); err != nil {
		t.Fatal(err)
	}
	s.finds("s3://box/docs/moved/through.txt", "through.txt")
	if got := s.contentOf("through.txt"); got != id {
		t.Errorf("after a rename the content is %s, want %s", got, id)
	}

	// What was read through the mount is known by that.
	if got, err := os.ReadFile(filepath.Join(docs, "old.txt")); err != nil || string(got) != "old" {
		t.Fatalf("got %q, %v", got, err)
	}
	s.contentOf("old.txt")

	// A scan of all keeps that.
	s.must("location", "rescan")
	if got := s.contentOf("through.txt"); got != id {
		t.Errorf("after a scan the content is %s, want %s", got, id)
	}
	if err := os.Remove(filepath.Join(docs, "moved", "through.txt")); err != nil {
		t.Fatal(err)
	}
	s.misses("through.txt")

	// What is written last is in the index when the mount has ended.
	writeFile(t, filepath.Join(docs, "last.txt"), "last")
	s.must("umount")
	s.must("search", "last.txt").want(t, 0, "s3://box/docs/last.txt\n", "")
}

// TestMountRunsJobs runs what was left to the mount, unless it is told to index nothing.
func TestMountRunsJobs(t *testing.T) {
	s := newSandbox(t)
	folder := filepath.Join(s.home, "docs")
	writeFile(t, filepath.Join(folder, "a.txt"), "a")
	mountpoint, _ := s.mount()
	s.must("location", "add", folder, "--detach")
	for _, j := range s.jobs() {
		s.must("job", "wait", fmt.Sprint(j.ID))
	}
	if jobs := s.jobs(); len(jobs) != 1 || jobs[0].State != library.Done {
		t.Errorf("got the jobs %+v, want one that is done", jobs)
	}
	s.contentOf("a.txt")
	s.must("umount")

	s.must("mount", mountpoint, "--no-index")
	s.must("status").want(t, 0, "--no-index", "")
	if x := s.status().Index; x != nil {
		t.Errorf("got %+v, want nothing of an index", x)
	}
	writeFile(t, filepath.Join(folder, "b.txt"), "b")
	if names, err := os.ReadDir(filepath.Join(mountpoint, "search", "a.txt")); err != nil || len(names) != 1 {
		t.Errorf("search/ has %v, %v", names, err)
	}
	s.must("umount")
	if got := s.found("b.txt"); len(got) > 0 {
		t.Errorf("a mount that indexes nothing has found %q", got)
	}

	// The next one catches up, read-only or not.
	s.must("mount", mountpoint, "--read-only")
	s.contentOf("b.txt")
	s.must("umount")
}

// TestKilledMountGoesOn kills mounts while they index, and compares in the end.
func TestKilledMountGoesOn(t *testing.T) {
	s := newSandbox(t)
	folder := filepath.Join(s.home, "docs")
	const folders, each = 40, 25
	for i := range folders * each {
		writeFile(t, filepath.Join(folder, fmt.Sprint(i/each), fmt.Sprintf("file-%d.txt", i)), fmt.Sprintf("content %d", i/2))
	}
	server := testserver.Gofakes3(t)
	if err := server.MakeBucket(t.Context(), "box"); err != nil {
		t.Fatal(err)
	}
	s.addBucket(server, "box", "box")
	mountpoint := filepath.Join(s.home, "mnt")
	s.cleanUp(mountpoint)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	s.must("location", "add", "s3://box", "--mode", "shallow")
	for i := range 4 {
		var m struct{ PID int }
		s.decode(&m, "mount", mountpoint)
		if i == 0 {
			s.must("location", "add", folder, "--detach")
		}
		time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond) // any moment will do
		writeFile(t, filepath.Join(mountpoint, "s3", "box", fmt.Sprintf("object-%d.txt", i)), "content 1")
		if err := syscall.Kill(m.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.waitUntilGone(m.PID)
		eventually(t, "its last thread ends", func() bool {
			threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", m.PID))
			return err != nil || len(threads) < 2
		})
		writeFile(t, filepath.Join(folder, "meanwhile", fmt.Sprint(i)), "written while nothing was mounted")
	}
	s.must("mount", mountpoint)
	var x *indexStatus
	defer func() {
		if t.Failed() {
			t.Logf("the index: %+v", x)
		}
	}()
	eventually(t, "all is known", func() bool {
		x = s.status().Index
		return len(x.Locations) == 2 && !slices.ContainsFunc(x.Locations, func(l locationStatus) bool {
			want := int64(4)
			if strings.HasPrefix(l.URI, "local://") {
				want = folders*each + 4
			}
			return l.State != watch.Fresh || l.Files != want || strings.HasPrefix(l.URI, "local://") && l.Identified != want
		})
	})
	s.must("location", "verify", "docs")
	s.must("location", "verify", "s3://box")
	for _, j := range s.jobs() {
		if !j.State.Ended() {
			s.must("job", "wait", fmt.Sprint(j.ID))
		}
	}
	s.must("library", "info")
	s.must("umount")
}
