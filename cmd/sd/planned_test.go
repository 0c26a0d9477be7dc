package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sd/actions"
	"sd/internal/testserver"
	"sd/library"
)

// acted is what --json tells of a plan that was done.
type acted struct {
	Acted   bool
	Groups  []planRow
	Copies  []stepRow
	Job     int64
	State   library.JobState
	Outcome *actions.Outcome
}

// lastAction is the number of the action that was last begun.
func (s *sandbox) lastAction() (id string) {
	s.t.Helper()
	for _, j := range s.jobs() {
		if j.Kind == jobAction {
			id = fmt.Sprint(j.ID)
		}
	}
	return id
}

// exist tells which of the names in dir are there.
func exist(dir string, names ...string) (there []string) {
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			there = append(there, name)
		}
	}
	return there
}

func TestResolveDuplicates(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := lasting(t)
	s.addBucket(server, "box", "box")
	docs := filepath.Join(s.home, "docs")
	for i, name := range []string{"a", "sub/b", "c"} {
		writeFile(t, filepath.Join(docs, name), "the same bytes\n")
		age(t, filepath.Join(docs, name), i)
	}
	if err := os.Link(filepath.Join(docs, "c"), filepath.Join(docs, "d")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(docs, "other"), "no duplicate\n")
	s.must("location", "add", "docs")
	all := []string{"a", "sub/b", "c", "d", "other"}
	want := func(what string, names ...string) {
		t.Helper()
		if got := strings.Join(exist(docs, all...), " "); got != strings.Join(names, " ") {
			t.Errorf("%s: %q are there, want %q", what, got, names)
		}
	}

	s.must("duplicates", "docs", "--resolve", "--dry-run").want(t, 0, "remove  ", "")
	s.must("duplicates", "docs", "--resolve", "--preview").want(t, 0, "2 copies of 1 content could go, which frees 30 B", "")
	want("after a preview", all...)
	s.must("duplicates", "docs", "--resolve", "--yes").want(t, 0, "moved to the trash: 3 files", "")
	want("after it was resolved", "a", "other")
	s.must("duplicates", "docs").want(t, 0, "no duplicates", "")
	s.must("job", "undo", s.lastAction(), "--yes")
	want("after it was undone", all...)
	wantFile(t, filepath.Join(docs, "d"), "the same bytes\n")

	// In a bucket, and with JSON.
	s.must("location", "rescan", "docs")
	server.MustPut(t, "box", "old/a", "the same bytes\n")
	server.MustPut(t, "box", "old/b", "the same bytes\n")
	s.must("location", "add", "s3://box")
	var got acted
	s.decode(&got, "duplicates", "s3://box", "--resolve", "--yes")
	if !got.Acted || got.State != library.Done || len(got.Groups) != 1 || got.Outcome == nil || got.Outcome.Trashed != 1 {
		t.Errorf("got %+v", got)
	}
	if keys := server.Keys(t, "box", "old/"); len(keys) != 1 {
		t.Errorf("the bucket has %q", keys)
	}
	s.must("duplicates", "docs", "--resolve", "--permanent", "--yes").want(t, 0, "removed", "")
	want("after it was resolved for good", "a", "other")
	s.run("job", "undo", s.lastAction(), "--yes").want(t, 1, "", "cannot be undone")
	for _, flag := range []string{"--yes", "--permanent", "--dry-run"} {
		s.run("duplicates", flag).want(t, 2, "", flag+" goes with --resolve")
	}
}

func TestProtectMakesCopies(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := lasting(t)
	s.addBucket(server, "box", "box")
	photos := filepath.Join(s.home, "photos")
	writeFile(t, filepath.Join(photos, "2024", "alone.jpg"), "one of a kind")
	writeFile(t, filepath.Join(photos, "other.jpg"), "another of a kind")
	s.must("location", "add", "photos")
	s.must("guardian", "protect", "photos", "--to", "s3://box/safe", "--dry-run").want(t, 0, "2 copies of 2 contents", "")
	if keys := server.Keys(t, "box", ""); len(keys) > 0 {
		t.Errorf("a dry run has made %q", keys)
	}
	s.must("guardian", "protect", "photos", "--to", "s3://box/safe", "--yes").want(t, 0, "copied 2 files", "")
	at := "safe/local/laptop" + photos
	got, err := server.ReadAll(t.Context(), "box", at+"/2024/alone.jpg")
	if err != nil || string(got) != "one of a kind" {
		t.Errorf("the copy holds %q, %v", got, err)
	}
	// Nothing has the copies in the index yet, and they are found all the same.
	s.must("guardian", "protect", "photos", "--to", "s3://box/safe", "--yes").want(t, 0, "2 copies are there already, and not indexed", "")
	s.must("location", "add", "s3://box")
	s.must("guardian", "protect", "photos").want(t, 0, "every file", "")
	s.must("log").want(t, 0, "protect", "")

	// To a folder of this device, with the folders that it takes.
	s.must("guardian", "policy", "set", "photos", "--copies", "3", "--on-different", "")
	target := filepath.Join(s.home, "spare")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	var done acted
	s.decode(&done, "guardian", "protect", "photos", "--to", target, "--yes")
	if !done.Acted || done.State != library.Done || len(done.Copies) != 2 || done.Outcome == nil || done.Outcome.Copied.Files != 2 {
		t.Errorf("got %+v", done)
	}
	wantFile(t, filepath.Join(target, "local", "laptop", photos, "2024", "alone.jpg"), "one of a kind")
}
