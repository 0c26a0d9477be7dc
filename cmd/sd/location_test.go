package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"sd/internal/testserver"
	"sd/library"
	"sd/library/catalog"
)

// docsTree is a folder of mixed files, of which the default rules take five.
func docsTree(t *testing.T, s *sandbox) (folder string) {
	t.Helper()
	folder = filepath.Join(s.home, "My Docs")
	for name, content := range map[string]string{
		"report.pdf": "%PDF-1.4 report", "notes.txt": "notes", "trip/rome.jpg": "rome", "trip/copy of rome.jpg": "rome", "trip/empty": "",
		".hidden": "x", "code/node_modules/x.js": "x", "skip.iso": "x",
	} {
		writeFile(t, filepath.Join(folder, name), content)
	}
	return folder
}

func (s *sandbox) locations() map[string]locationRow {
	s.t.Helper()
	var list []locationRow
	s.decode(&list, "location", "list")
	rows := map[string]locationRow{}
	for _, row := range list {
		rows[row.Name] = row
	}
	return rows
}

// found is what sd search prints, as base names.
func (s *sandbox) found(args ...string) []string {
	s.t.Helper()
	var names []string
	for line := range strings.Lines(s.must(append([]string{"search"}, args...)...).out) {
		names = append(names, filepath.Base(strings.TrimSuffix(line, "\n")))
	}
	slices.Sort(names)
	return names
}

func TestLocation(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	folder := docsTree(t, s)
	s.must("location", "add", "My Docs", "--skip", "*.iso").want(t, 0, `"My Docs" (local://laptop`+folder+`): 5 files, 3 folders`, "")
	row := s.locations()["My Docs"]
	if row.URI != "local://laptop"+folder || row.Files != 5 || row.Proven != 4 || row.Mode != library.Content || row.Scanned == nil || row.Problems != 0 {
		t.Errorf("got %+v, want 5 files, 4 of them identified", row)
	}
	s.must("location", "list").want(t, 0, "local://laptop"+folder, "")

	// The same folder again, also by other names of it.
	s.run("location", "add", folder).want(t, 1, "", `is location "My Docs" already`)
	if err := os.Symlink(folder, filepath.Join(s.home, "link")); err != nil {
		t.Fatal(err)
	}
	s.run("location", "add", "link").want(t, 1, "", `is location "My Docs" already`)
	s.run("location", "add", "My Docs/trip", "--name", "My Docs").want(t, 1, "", "choose another name")

	// A second one with the same base name is told apart, and lies inside.
	writeFile(t, filepath.Join(folder, "code", "My Docs", "deep.txt"), "deep")
	s.must("location", "add", filepath.Join(folder, "code", "My Docs"), "--mode", "shallow").want(t, 0, `"My Docs-2"`, "")
	if got := s.locations()["My Docs-2"]; got.Files != 1 || got.Mode != library.Shallow || got.Proven != 0 {
		t.Errorf("got %+v, want one file, not identified", got)
	}

	// What changes is learned by a rescan, by name, path or URI.
	writeFile(t, filepath.Join(folder, "code", "main.go"), "package main")
	s.must("location", "rescan", "My Docs").want(t, 0, "1 new", "")
	s.must("location", "rescan", "My Docs").want(t, 0, "nothing changed", "")
	if err := os.Rename(filepath.Join(folder, "notes.txt"), filepath.Join(folder, "trip", "words.txt")); err != nil {
		t.Fatal(err)
	}
	s.must("location", "rescan", folder).want(t, 0, "1 moved", "")
	if err := os.Remove(filepath.Join(folder, "report.pdf")); err != nil {
		t.Fatal(err)
	}
	var again []indexedRow
	s.decode(&again, "location", "rescan", "local://laptop"+folder)
	if len(again) != 1 || again[0].Done.Scan.Removed != 1 || again[0].State != library.Done {
		t.Errorf("got %+v, want one file removed", again)
	}
	again = nil
	s.decode(&again, "location", "rescan", "My Docs-2", "--mode", "content")
	if again[0].Location.Mode != library.Content || again[0].Location.Proven != 1 {
		t.Errorf("got %+v, want mode content and one file identified", again[0].Location)
	}
	s.decode(&again, "location", "rescan")
	if len(again) != 2 {
		t.Errorf("got %+v, want both locations", again)
	}

	// To remove the outer one leaves what the inner one has.
	s.must("location", "remove", folder).want(t, 0, "stay where they are", "")
	if got := s.found("deep"); !slices.Equal(got, []string{"deep.txt"}) {
		t.Errorf("got %q, want the file of the inner location", got)
	}
	s.must("search", "rome").want(t, 0, "", "no match")
	if _, err := os.Stat(filepath.Join(folder, "trip", "rome.jpg")); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
	s.must("location", "remove", "My Docs-2")
	s.must("search", "deep").want(t, 0, "", "there is no location yet")
	s.run("location", "rescan").want(t, 1, "", "sd location add")
}

func TestLocationVerify(t *testing.T) {
	s := newSandbox(t)
	folder := docsTree(t, s)
	s.must("location", "add", folder)
	s.must("location", "verify", "My Docs").want(t, 0, "no difference", "")
	writeFile(t, filepath.Join(folder, "new.txt"), "new")
	writeFile(t, filepath.Join(folder, "notes.txt"), "longer notes")
	if err := os.Remove(filepath.Join(folder, "report.pdf")); err != nil {
		t.Fatal(err)
	}
	r := s.run("location", "verify", "My Docs")
	r.want(t, 1, "missing", "3 differences: 'sd location verify 'My Docs' --mend'")
	for _, want := range []string{"new.txt", "notes.txt", "report.pdf", "stale", "size", "1 missing, 1 size, 1 stale"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("got\n%s\nwant it to tell %q", r.out, want)
		}
	}
	r = s.run("--json", "location", "verify", "My Docs")
	r.want(t, 1, `"what":"stale"`, "")
	s.must("location", "verify", "My Docs", "--mend").want(t, 0, "put right", "")
	s.must("location", "verify", "My Docs").want(t, 0, "no difference", "")
	if r := s.must("--json", "location", "verify", "My Docs"); r.out != "[]\n" {
		t.Errorf("got %q, want []", r.out)
	}
}

func TestLocationMistakes(t *testing.T) {
	s := newSandbox(t)
	folder := docsTree(t, s)
	s.run("location", "rescan", "docs").want(t, 1, "", "there is none yet")
	s.must("location", "add", folder, "--name", "docs")
	for _, tt := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"location"}, 2, "which command?"},
		{[]string{"location", "add"}, 2, "missing: PATH"},
		{[]string{"location", "add", "none"}, 1, "no such file or folder"},
		{[]string{"location", "add", "My Docs/skip.iso"}, 1, "is a file"},
		{[]string{"location", "add", "/proc"}, 1, "choose another folder"},
		{[]string{"location", "add", "s3://nope"}, 1, "sd volume add-cloud"},
		{[]string{"location", "add", "local://elsewhere/home"}, 1, "elsewhere"},
		{[]string{"location", "add", "content://550e8400-e29b-41d4-a716-446655440000"}, 1, "550e8400"},
		{[]string{"location", "add", ".", "--mode", "half"}, 2, "shallow, content or deep"},
		{[]string{"location", "add", ".", "--skip", "\xff"}, 1, "UTF-8"},
		{[]string{"location", "add", ".", "--detach"}, 1, "sd mount"},
		{[]string{"location", "rescan", "--detach"}, 1, "sd mount"},
		{[]string{"location", "rescan", "nope"}, 1, `no location "nope" (there are: docs)`},
		{[]string{"location", "rescan", "My Docs/trip"}, 1, `lies in location "docs"`},
		{[]string{"location", "rescan", "/etc"}, 1, "sd location add /etc"},
		{[]string{"location", "rescan", "--mode", "x"}, 2, "shallow, content or deep"},
		{[]string{"location", "remove"}, 2, "missing: NAME"},
		{[]string{"location", "remove", "77"}, 1, `no location "77"`},
		{[]string{"location", "verify", "nope"}, 1, `no location "nope"`},
		{[]string{"location", "problems", "nope"}, 1, `no location "nope"`},
		{[]string{"location", "problems", "--limit", "0"}, 2, "1 or more"},
		{[]string{"location", "list", "x"}, 2, `unexpected "x"`},
	} {
		r := s.run(tt.args...)
		r.want(t, tt.code, "", tt.err)
		if r.out != "" {
			t.Errorf("sd %q: an error went to stdout: %s", tt.args, r.out)
		}
	}
	if got := s.locations(); len(got) != 1 {
		t.Errorf("got %+v, want the one location", got)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	s.run("location", "rescan", "docs").want(t, 1, "", "docs")
	if got := s.locations()["docs"]; got.Files == 0 {
		t.Error("a folder that is not there has emptied its location")
	}
}

// Locations of other devices are listed, and left to these.
func TestForeignLocation(t *testing.T) {
	s := newSandbox(t)
	folder := docsTree(t, s)
	var added indexedRow
	s.decode(&added, "location", "add", folder)
	if added.State != library.Done || added.Done == nil || added.Done.Scan.Added != 6 || added.Location.Name != "My Docs" {
		t.Errorf("got %+v, want 6 files added", added)
	}
	lib, err := library.Open(t.Context(), filepath.Join(s.home, ".local/share/sd"), "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = lib.AddLocation(t.Context(), library.Location{Name: "far", Place: catalog.DevicePlace(uuid.New()), Path: "home/ann"})
	if err := errors.Join(err, lib.Close()); err != nil {
		t.Fatal(err)
	}
	s.must("location", "list").want(t, 0, "home/ann", "")
	if r := s.must("location", "rescan"); strings.Contains(r.out, "far") {
		t.Errorf("got %s, want only what is here", r.out)
	}
	s.run("location", "rescan", "far").want(t, 1, "", "another device")
	s.must("location", "remove", "far")
}

// A bucket is indexed by listing it; deep asks before it downloads.
func TestCloudLocation(t *testing.T) {
	server := testserver.Gofakes3(t, "box")
	server.MustPut(t, "box", "photos/a.jpg", "alpha", "photos/2024/b.jpg", "beta", "note.txt", "alpha")
	s := newSandbox(t)
	s.runWith("", []string{"AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=secret"}, "volume", "add-cloud", "box",
		"--service", "s3", "--bucket", "box", "--endpoint", server.URL).want(t, 0, "s3://box", "")
	s.run("location", "add", "s3://box/none").want(t, 1, "", "no such file or folder")
	s.run("location", "add", "s3://box/note.txt").want(t, 1, "", "is a file")
	s.must("location", "add", "s3://box/photos").want(t, 0, `"photos" (s3://box/photos): 2 files, 2 folders`, "")
	s.must("location", "add", "s3://box", "--mode", "deep").want(t, 0, `"box"`, "3 objects, 14 B have to be downloaded: 'sd location rescan box --yes'")
	if got := s.locations()["box"]; got.Files != 3 || got.Proven != 0 {
		t.Errorf("got %+v, want 3 files, none identified", got)
	}
	s.must("location", "rescan", "box", "--yes").want(t, 0, "3 files identified", "")
	if got := s.locations()["box"]; got.Proven != 3 {
		t.Errorf("got %+v, want 3 files identified", got)
	}
	var hits []hit
	s.decode(&hits, "search", "note.txt")
	if len(hits) != 1 || hits[0].URI != "s3://box/note.txt" || !hits[0].Proven || hits[0].Content == "" || hits[0].Size != 5 {
		t.Errorf("got %+v, want the object with its content id", hits)
	}
	if got := s.found("jpg", "--in", "s3://box/photos/2024"); !slices.Equal(got, []string{"b.jpg"}) {
		t.Errorf("got %q, want b.jpg", got)
	}
	s.must("location", "remove", "s3://box/photos")
	if got := s.found("a.jpg"); !slices.Equal(got, []string{"a.jpg"}) {
		t.Errorf("got %q, want what the outer location has", got)
	}

	// The volume goes and the location stays, until it is removed as well.
	s.must("volume", "remove-cloud", "box")
	s.must("location", "list").want(t, 0, "(its volume was removed)", "")
	s.run("location", "rescan", "box").want(t, 1, "", "box: the location is not there: no volume any more: it was removed from the library")
	s.must("location", "remove", "box")
	if got := s.locations(); len(got) != 0 {
		t.Errorf("got %+v, want no location", got)
	}
}

// lockLocation keeps scans of a location waiting, as another scan would.
func (s *sandbox) lockLocation(id int64) (unlock func()) {
	s.t.Helper()
	dir := filepath.Join(s.home, ".local/share/sd/libraries/default.sdlibrary/locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint("location-", id)), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { f.Close() })
	return func() { f.Close() }
}
