package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestContents(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	s.run("cat", "content://550e8400-e29b-41d4-a716-446655440000").want(t, 1, "", "is not indexed")
	s.run("resolve", "content://550e8400-e29b-41d4-a716-446655440000").want(t, 1, "", "is not indexed")
	s.run("cat", "content://nothing").want(t, 2, "", "nothing")
	s.run("cat", "content://").want(t, 1, "", "is a folder")
	if r := s.must("ls", "content://"); r.out != "" {
		t.Errorf("nothing was identified, and content:// lists %q", r.out)
	}

	dir := filepath.Join(s.home, "docs")
	one, two := filepath.Join(dir, "a.txt"), filepath.Join(dir, "b.txt")
	large := strings.Repeat("a line of a large file\n", 100_000)
	writeFile(t, one, "some words\n")
	writeFile(t, two, "some words\n")
	writeFile(t, filepath.Join(dir, "large"), large)
	s.must("location", "add", dir)

	var described []description
	s.decode(&described, "stat", one)
	uri := "content://" + described[0].ContentID
	both := []string{"local://laptop" + one, "local://laptop" + two}
	if described[0].ContentID == "" || !slices.Equal(described[0].Locations, both) || len(described[0].Checksums["blake3"]) != 64 {
		t.Fatalf("an identified file is described as %+v", described[0])
	}
	s.must("stat", one).want(t, 0, "content   "+described[0].ContentID+"\ncopy      "+both[0]+"\ncopy      "+both[1]+"\n", "")
	sum := described[0].Checksums["blake3"]
	s.decode(&described, "stat", uri+".txt")
	if d := described[0]; d.URI != uri || d.Size != 11 || d.Modified == nil || d.Checksums["blake3"] != sum || !slices.Equal(d.Locations, both) {
		t.Errorf("a content is described as %+v", d)
	}
	var listed []listing
	s.decode(&listed, "ls", "content://")
	if len(listed) != 2 || !slices.ContainsFunc(listed, func(l listing) bool { return l.URI == uri && l.Size == 11 }) {
		t.Errorf("content:// lists %+v", listed)
	}
	s.must("ls", "-l", uri).want(t, 0, strings.TrimPrefix(uri, "content://")+"\n", "")
	if r := s.must("cat", uri, strings.ToUpper(uri)+".txt"); r.out != "some words\nsome words\n" {
		t.Errorf("the content reads %q", r.out)
	}
	s.decode(&described, "stat", filepath.Join(dir, "large"))
	if r := s.must("cat", "content://"+described[0].ContentID); r.out != large {
		t.Errorf("the large content reads %d bytes, want %d", len(r.out), len(large))
	}
	s.must("path", uri).want(t, 0, strings.Replace(uri, "://", "/", 1)+"\n", "")

	// A stale copy is passed over, and no copy is a failure.
	writeFile(t, one, "other words")
	var r resolution
	s.decode(&r, "resolve", uri)
	if len(r.Candidates) != 2 || r.Candidates[0].URI != both[1] || !r.Candidates[0].Usable ||
		r.Candidates[1].Usable || r.Candidates[1].Why != "skipped: changed since it was identified" || r.BLAKE3 != sum || r.Kind != "content" {
		t.Errorf("it resolves to %+v", r)
	}
	s.must("resolve", uri).want(t, 0, "copy 1        "+both[1]+"\n", "")
	s.must("cat", uri).want(t, 0, "some words\n", "")
	described = nil
	s.decode(&described, "stat", one)
	if d := described[0]; d.ContentID != "" || d.Checksums != nil {
		t.Errorf("a changed file is described as %+v", d)
	}
	if err := os.Remove(two); err != nil {
		t.Fatal(err)
	}
	s.run("cat", uri).want(t, 1, "", "'sd resolve' says why")
	s.must("resolve", uri).want(t, 0, "not usable", "")
}

func TestContentsInAMount(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	file := filepath.Join(s.home, "docs", "report.txt")
	writeFile(t, file, "some words\n")
	s.must("location", "add", filepath.Dir(file))
	mountpoint, _ := s.mount()
	at := func(elem ...string) string { return filepath.Join(append([]string{mountpoint}, elem...)...) }

	var described []description
	s.decode(&described, "stat", file)
	id, uri := described[0].ContentID, "local://laptop"+file
	s.must("ls", at("content")).want(t, 0, id+"\n", "")
	if r := s.must("cat", at("content", id+".txt"), "content://"+id, at("search", "report", "report.txt")); r.out != strings.Repeat("some words\n", 3) {
		t.Errorf("the content reads %q", r.out)
	}
	s.must("path", at("content", id+".txt")).want(t, 0, "content://"+id+"\n", "")
	s.must("path", "content://"+id).want(t, 0, at("content", id)+"\n", "")
	s.must("path", at("search", "report", "report.txt")).want(t, 0, uri+"\n", "")
	s.must("ls", at("search", "report")).want(t, 0, "report.txt\n", "")
	s.must("stat", at("search", "report", "report.txt")).want(t, 0, uri+"\n", "")
	s.must("resolve", at("content", id)).want(t, 0, "copy 1        "+uri+"\n", "")
	s.run("path", at("search")).want(t, 1, "", "above all files")
	s.run("path", at("content", "nothing")).want(t, 1, "", "nothing")
	s.must("umount", mountpoint)
}
