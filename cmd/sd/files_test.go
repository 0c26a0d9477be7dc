package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sd/internal/testserver"
)

func TestLocalFiles(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	folder := filepath.Join(s.home, "docs")
	writeFile(t, filepath.Join(folder, "a b.txt"), "one\n")
	writeFile(t, filepath.Join(folder, "sub", "deep.txt"), "two\n")
	writeFile(t, filepath.Join(folder, "evil\x1b[31m.txt"), "")
	if err := os.Symlink("nowhere", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}

	s.must("ls", "docs").want(t, 0, "a b.txt\nevil?[31m.txt\nlink\nsub/\n", "")
	s.must("ls", "-R", "local://laptop"+folder).want(t, 0, "sub/\nsub/deep.txt\n", "")
	s.must("ls", "-l", "docs/a b.txt").want(t, 0, "  a b.txt\n", "")
	s.must("ls", "~/docs/sub").want(t, 0, "deep.txt\n", "")
	s.run("ls", "docs", "none").want(t, 1, "a b.txt", "none: no such file")

	var listed []listing
	s.decode(&listed, "ls", folder)
	want := listing{Name: "a b.txt", URI: "local://laptop" + folder + "/a b.txt", Kind: "file", Size: 4}
	got := listed[0]
	got.Modified = nil
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.decode(&listed, "ls", filepath.Join(folder, "sub", "deep.txt"))
	if len(listed) != 1 || listed[0].Name != "deep.txt" {
		t.Errorf("a file lists as %+v, want itself", listed)
	}
	if err := os.Mkdir(filepath.Join(s.home, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if r := s.must("--json", "ls", "empty"); r.out != "[]\n" {
		t.Errorf("an empty folder gives %q, want []", r.out)
	}

	if r := s.must("cat", "docs/a b.txt", "local://local"+folder+"/sub/deep.txt"); r.out != "one\ntwo\n" {
		t.Errorf("got %q, want both files", r.out)
	}
	s.run("cat", "docs").want(t, 1, "", "is a folder")
	var described []description
	s.decode(&described, "stat", "docs/a b.txt", "docs/link")
	if described[0].Size != 4 || described[1].Kind != "link" || described[0].Path != filepath.Join(folder, "a b.txt") {
		t.Errorf("got %+v", described)
	}
	s.must("resolve", "docs").want(t, 0, "local://laptop"+folder, "")
}

func TestPath(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	for _, tt := range []struct{ in, want string }{
		{"s3://photos/2024/a b.jpg", "s3/photos/2024/a b.jpg"},
		{"S3://photos/a//b", "s3/photos/a/%%/b"},
		{"s3://photos/a/", "s3/photos/a"},
		{"s3://photos/a//", "s3/photos/a/%%"},
		{"s3://photos//lead/../%%x", "s3/photos/%%%2Flead/%%%2E%2E/%%%25%25x"},
		{"gs://bucket/k", "gcs/bucket/k"},
		{"gdrive://My Drive/x", "gdrive/My Drive/x"},
		{"local://laptop/etc/hosts", "local/laptop/etc/hosts"},
		{"local://local/etc/hosts", "local/laptop/etc/hosts"},
		{"local://other-one/etc/hosts", "local/other-one/etc/hosts"},
		{"local://work-desktop/C:/Projects/README.md", "local/work-desktop/C:/Projects/README.md"},
		{"content://550e8400-e29b-41d4-a716-446655440000", "content/550e8400-e29b-41d4-a716-446655440000"},
		{"/a/../b", "local://laptop/b"},
		{"x", "local://laptop" + s.home + "/x"},
		{"./s3://b", "local://laptop" + s.home + "/s3:/b"},
		{"~/x", "local://laptop" + s.home + "/x"},
	} {
		if got := strings.TrimSuffix(s.must("path", tt.in).out, "\n"); got != tt.want {
			t.Errorf("sd path %q: got %q, want %q", tt.in, got, tt.want)
		}
	}
	var got struct {
		URI, Path string
		MountPath string `json:"mount_path"`
	}
	s.decode(&got, "path", "s3://b/k")
	if got.URI != "s3://b/k" || got.MountPath != "s3/b/k" {
		t.Errorf("got %+v", got)
	}
}

func TestCloudFiles(t *testing.T) {
	server := testserver.Gofakes3(t, "box")
	server.MustPut(t, "box",
		"a.txt", "alpha", "photos/1.jpg", "one", "photos/2024/2.jpg", "two", "both", "file", "both/below", "x", "odd//double", "d", "z.txt", "omega")
	s := newSandbox(t)
	s.runWith("", []string{"AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=secret"}, "volume", "add-cloud", "box",
		"--service", "s3", "--bucket", "box", "--endpoint", server.URL).want(t, 0, "s3://box", "")

	lines := func(args ...string) []string {
		t.Helper()
		list := strings.Split(strings.TrimSuffix(s.must(args...).out, "\n"), "\n")
		slices.Sort(list)
		return list
	}
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"ls s3://box", []string{"%%both%file", "a.txt", "both/", "odd/", "photos/", "z.txt"}},
		{"ls s3://box/", []string{"%%both%file", "a.txt", "both/", "odd/", "photos/", "z.txt"}},
		{"ls s3://box/photos", []string{"1.jpg", "2024/"}},
		{"ls s3://box/photos/", []string{"1.jpg", "2024/"}},
		{"ls s3://box/a.txt", []string{"a.txt"}},
		{"ls s3://box/both/", []string{"below"}},
		{"ls s3://box/odd//", []string{"double"}},
		{"ls -R s3://box/photos", []string{"1.jpg", "2024/", "2024/2.jpg"}},
		{"ls s3://box/odd", []string{"%%/"}},
		{"ls -R s3://box/odd", []string{"%%/", "%%/double"}},
		{"ls -R s3://box", []string{"%%both%file", "a.txt", "both/", "both/below", "odd/", "odd/%%/", "odd/%%/double",
			"photos/", "photos/1.jpg", "photos/2024/", "photos/2024/2.jpg", "z.txt"}},
	} {
		if got := lines(strings.Fields(tt.args)...); !slices.Equal(got, tt.want) {
			t.Errorf("sd %s: got %q, want %q", tt.args, got, tt.want)
		}
	}

	// Every URI of a listing names what it lists.
	var all []listing
	s.decode(&all, "ls", "-R", "s3://box")
	for _, l := range all {
		var again []description
		s.decode(&again, "stat", l.URI)
		if again[0].Kind != l.Kind || again[0].Size != l.Size {
			t.Errorf("stat %s: got %+v, want %+v", l.URI, again[0].listing, l)
		}
	}

	if r := s.must("cat", "s3://box/a.txt", "s3://box/odd//double", "s3://box/z.txt"); r.out != "alphadomega" {
		t.Errorf("got %q, want the three files", r.out)
	}
	s.run("cat", "s3://box/photos").want(t, 1, "", "is a folder")
	s.run("cat", "s3://box/none").want(t, 1, "", "no such file or folder")
	s.run("ls", "s3://box/none").want(t, 1, "", "no such file or folder")
	s.run("stat", "s3://box/a.txt/").want(t, 1, "", "no such file or folder")
	s.must("stat", "s3://box/a.txt").want(t, 0, "md5", "")
	s.must("resolve", "s3://box/a.txt").want(t, 0, server.URL, "")
	var r resolution
	s.decode(&r, "resolve", "s3://box/photos/1.jpg")
	if r.Kind != "cloud" || r.Volume != "box" || r.Name != "photos/1.jpg" {
		t.Errorf("got %+v", r)
	}
}
