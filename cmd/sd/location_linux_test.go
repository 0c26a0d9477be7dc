package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What cannot be read is told, and the rest is indexed.
func TestLocationProblems(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can lock files away from another user")
	}
	s := unprivileged(t)
	folder := docsTree(t, s)
	s.must("location", "problems").want(t, 0, "", "no problems")
	private := filepath.Join(folder, "private")
	writeFile(t, filepath.Join(private, "secret"), "x")
	writeFile(t, filepath.Join(folder, "locked.txt"), "locked")
	for _, name := range []string{private, filepath.Join(folder, "locked.txt")} {
		if err := os.Chmod(name, 0); err != nil {
			t.Fatal(err)
		}
	}
	s.must("location", "add", folder).want(t, 0, "files", "2 problems: 'sd location problems 'My Docs'")
	r := s.must("location", "problems", "My Docs")
	for _, want := range []string{"private", "locked.txt", "permission denied"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("got\n%s\nwant it to tell %q", r.out, want)
		}
	}
	s.must("location", "problems", "--limit", "1").want(t, 0, "", "and 1 more")
	var list []struct{ Location, URI, Op, Text string }
	s.decode(&list, "location", "problems")
	if len(list) != 2 || list[0].Location != "My Docs" || list[0].Op == "" {
		t.Errorf("got %+v, want both problems", list)
	}
	if err := os.Chmod(filepath.Join(folder, "locked.txt"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.must("location", "rescan").want(t, 0, "", "1 problem:")
}
