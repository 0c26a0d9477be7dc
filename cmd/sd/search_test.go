package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSearch(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	folder := filepath.Join(s.home, "docs")
	for name, size := range map[string]int{
		"Report 2024.pdf": 3000, "report.txt": 10, "trips/Rome/forum.JPG": 2 << 20, "trips/Rome/notes.md": 0,
		"trips/paris.mp4": 5 << 20, "odd\nname.txt": 1, "archive.tar.gz": 100,
	} {
		writeFile(t, filepath.Join(folder, name), strings.Repeat("x", size))
	}
	old := time.Date(2019, 5, 5, 12, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(folder, "report.txt"), old, old); err != nil {
		t.Fatal(err)
	}
	s.must("location", "add", folder)
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"report"}, []string{"Report 2024.pdf", "report.txt"}},
		{[]string{"REPORT", "pdf"}, []string{"Report 2024.pdf"}},
		{[]string{`"report 2024"`}, []string{"Report 2024.pdf"}},
		{[]string{"*.jpg"}, []string{"forum.JPG"}},
		{[]string{"rome/*"}, []string{"forum.JPG", "notes.md"}},
		{[]string{"--kind", "image"}, []string{"forum.JPG"}},
		{[]string{"--kind", "videos,photos"}, []string{"forum.JPG", "paris.mp4"}},
		{[]string{"--kind", "video", "--kind", "folder", "trips"}, []string{"Rome", "paris.mp4", "trips"}},
		{[]string{"--ext", "pdf,.tar.gz"}, []string{"Report 2024.pdf", "archive.tar.gz"}},
		{[]string{"--size", ">1M"}, []string{"forum.JPG", "paris.mp4"}},
		{[]string{"--size", "1M..3M"}, []string{"forum.JPG"}},
		{[]string{"--size", "<=0"}, []string{"notes.md"}},
		{[]string{"--modified", "2019"}, []string{"report.txt"}},
		{[]string{"--modified", "..2020", "txt"}, []string{"report.txt"}},
		{[]string{"--modified", "1d", "report"}, []string{"Report 2024.pdf"}},
		{[]string{"--in", "docs/trips/Rome", "--size", ">=0"}, []string{"forum.JPG", "notes.md"}},
		{[]string{"--in", "local://laptop" + folder + "/trips/Rome", "--in", folder, "--ext", "md"}, []string{"notes.md"}},
		{[]string{"--in", ".", "paris"}, []string{"paris.mp4"}},
		{[]string{"--limit", "1", "report.txt"}, []string{"report.txt"}},
	} {
		if got := s.found(tt.args...); !slices.Equal(got, tt.want) {
			t.Errorf("sd search %q: got %q, want %q", tt.args, got, tt.want)
		}
	}
	s.must("search", "report", "--limit", "2").want(t, 0, "local://laptop"+folder+"/report.txt\n", "")
	s.must("search", "-l", "paris").want(t, 0, "5242880", "")
	s.must("search", "odd").want(t, 0, "/odd?name.txt\n", "")
	if r := s.must("search", "-0", "odd"); r.out != "local://laptop"+folder+"/odd\nname.txt\x00" {
		t.Errorf("got %q, want the name as it is", r.out)
	}
	r := s.must("search", "nothing like it")
	r.want(t, 0, "", "no match")
	if r.out != "" {
		t.Errorf("got %q, want nothing", r.out)
	}
	if r := s.must("--json", "search", "nothing like it"); r.out != "[]\n" {
		t.Errorf("got %q, want []", r.out)
	}

	var hits []hit
	s.decode(&hits, "search", "report.txt")
	if len(hits) != 1 {
		t.Fatalf("got %+v, want one", hits)
	}
	h := hits[0]
	if h.URI != "local://laptop"+folder+"/report.txt" || h.Name != "report.txt" || h.Size != 10 || h.Kind != "text" || !h.Proven || len(h.Content) != 36 || h.Modified == nil || !h.Modified.Equal(old) {
		t.Errorf("got %+v", h)
	}
	hits = nil
	s.decode(&hits, "search", "Rome", "--kind", "folder")
	if len(hits) != 1 || hits[0].Kind != "folder" || hits[0].Proven || hits[0].Content != "" {
		t.Errorf("got %+v, want the folder", hits)
	}
}

func TestSearchMistakes(t *testing.T) {
	s := newSandbox(t)
	s.must("search", "x").want(t, 0, "", "sd location add PATH")
	folder := docsTree(t, s)
	s.must("location", "add", folder, "--mode", "shallow")
	for _, tt := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"search"}, 2, "missing: QUERY"},
		{[]string{"search", " "}, 2, "missing: QUERY"},
		{[]string{"search", "x", "--size", "10M"}, 2, "1M..2G"},
		{[]string{"search", "x", "--size", "2M..1M"}, 2, "no size"},
		{[]string{"search", "x", "--modified", "soon"}, 2, "2024-01..2024-06"},
		{[]string{"search", "x", "--modified", ">7d"}, 2, "the last seven days"},
		{[]string{"search", "x", "--kind", "smell"}, 2, "image"},
		{[]string{"search", "x", "--ext", "a/b"}, 2, "no extension"},
		{[]string{"search", "x", "--ext", "."}, 2, "no extension"},
		{[]string{"search", "x", "--limit", "-1"}, 2, "--limit"},
		{[]string{"search", "x", "--in", "/etc"}, 1, "lies in no location (there are: My Docs)"},
		{[]string{"search", "x", "--in", "s3://nope"}, 1, "sd volume add-cloud"},
		{[]string{"search", "x", "--in", "local://nobody/x"}, 1, "nobody"},
		{[]string{"search", "x", "--paths"}, 1, "nothing is mounted"},
		{[]string{"search", `"x`}, 2, "quote"},
	} {
		r := s.run(tt.args...)
		r.want(t, tt.code, "", tt.err)
		if strings.TrimSpace(r.out) != "" {
			t.Errorf("sd %q: an error went to stdout: %s", tt.args, r.out)
		}
	}
}
