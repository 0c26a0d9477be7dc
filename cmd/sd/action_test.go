package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/testserver"
	"sd/library"
)

// tree is the files below a folder, with what is in them; folders end in a slash.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(name string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(folder, name)
		if err != nil || rel == "." {
			return err
		}
		if d.IsDir() {
			all[rel+"/"] = ""
			return nil
		}
		text, err := os.ReadFile(name)
		all[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantTree(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	if got := tree(t, folder); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s holds %v, want %v", folder, got, want)
	}
}

// lastLog is the newest row of the log.
func (s *sandbox) lastLog() logRow {
	s.t.Helper()
	var rows []logRow
	s.decode(&rows, "log")
	if len(rows) == 0 {
		s.t.Fatal("the log is empty")
	}
	return rows[len(rows)-1]
}

// album makes a few files below a folder.
func album(t *testing.T, s *sandbox, name string) (folder string, files map[string]string) {
	t.Helper()
	folder = filepath.Join(s.home, name)
	for file, text := range map[string]string{"a.jpg": "alpha", "b c.jpg": "beta", "sub/deep.txt": "deep", "sub/x.tmp": "scrap"} {
		writeFile(t, filepath.Join(folder, file), text)
	}
	return folder, tree(t, folder)
}

// A copy does what it says, refuses what is in its way, and can be taken back.
func TestCopyHere(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	album, files := album(t, s, "album")
	copied := filepath.Join(s.home, "copy")

	s.run("cp", "album", "copy").want(t, 1, "", "-r")
	s.must("cp", "-r", "album", "copy", "--dry-run").want(t, 0, "copy local://laptop"+album, "")
	s.must("cp", "-r", "album", "copy", "--preview").want(t, 0, "4 files", "")
	if _, err := os.Stat(copied); err == nil {
		t.Fatal("a preview has copied")
	}
	s.must("log").want(t, 0, "", "nothing was changed")

	s.must("cp", "-r", "album", "copy").want(t, 0, "copied 4 files (18 B), made 2 folders", "")
	wantTree(t, copied, files)
	s.must("cp", "-r", "album/", "copy").want(t, 0, "nothing to do: 4 files (18 B) are there already", "")

	// What differs is refused, left, or replaced, as the user says.
	writeFile(t, filepath.Join(copied, "a.jpg"), "mine")
	r := s.run("cp", "-r", "album/", "copy")
	r.want(t, 1, "", "--overwrite")
	r.want(t, 1, "", "conflict  local://laptop"+copied+"/a.jpg")
	var acted actedRow
	r = s.run("--json", "cp", "-r", "album/", "copy")
	if err := json.Unmarshal([]byte(r.out), &acted); err != nil || r.code != 1 || acted.Acted || acted.Plan.Conflicts != 1 || len(acted.Plan.ConflictList) != 1 {
		t.Errorf("got %d, %v, %+v, want one conflict and nothing done", r.code, err, acted)
	}
	s.must("cp", "-r", "album/", "copy", "--overwrite", "never").want(t, 0, "nothing to do", "")
	s.run("cp", "-r", "album/", "copy", "--overwrite", "changed").want(t, 1, "", "1 file would be replaced, and nobody is there to agree: nothing was done; --yes")
	wantFile(t, filepath.Join(copied, "a.jpg"), "mine")
	s.must("cp", "-r", "album/", "copy", "--overwrite", "changed", "--yes").want(t, 0, "copied 1 file (5 B), 3 there already", "")
	wantTree(t, copied, files)

	// What is left out is told, also where nothing else is to be done.
	if err := unix.Mkfifo(filepath.Join(s.home, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must("cp", "pipe", "copy/").want(t, 0, "nothing to do", "warning: pipes, sockets and devices are left out: local://laptop"+s.home+"/pipe")

	// The filter, and a glob that no shell has seen.
	s.must("cp", "-r", "album", "some", "--exclude", "*.tmp").want(t, 0, "copied 3 files", "")
	s.must("cp", "album/*.jpg", "some/").want(t, 0, "nothing to do", "") // they are not there by that name
}

func wantFile(t *testing.T, name, want string) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
	}
}

// What was done is in the log, file by file, and can be taken back once.
func TestLogAndUndo(t *testing.T) {
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	folder, files := album(t, s, "album")
	s.must("cp", "-r", "album", "copy")
	row := s.lastLog()
	if row.Job == 0 || row.Action != "cp" || row.State != library.Done || row.Host != "laptop" || row.User == "" || row.Command != "sd --json log" && !strings.HasPrefix(row.Command, "sd cp -r album copy") {
		t.Errorf("got %+v, want who copied what, and how it ended", row)
	}
	job := fmt.Sprint(row.Job)
	s.must("log", job).want(t, 0, "sub/deep.txt", "")
	var detail struct {
		Files []fateRow
		Job   logRow
	}
	s.decode(&detail, "log", job)
	done := 0
	for _, f := range detail.Files {
		if f.Op == "copy" && f.State == "done" && strings.HasPrefix(f.To, "local://laptop"+s.home+"/copy/") {
			done++
		}
	}
	if done != len(files)-1 || detail.Job.ID != row.ID {
		t.Errorf("got %+v, want the four files", detail)
	}
	s.must("log", job, "--failed").want(t, 0, "outcome", "")
	s.run("job", "cancel", job).want(t, 1, "", "'sd job undo "+job+"' takes it back")
	s.must("job", "info", job).want(t, 0, "copied 4 files", "")
	s.must("job", "list").want(t, 0, "cp local://laptop"+folder, "")

	s.must("job", "undo", job, "--preview").want(t, 0, "undo job "+job, "")
	s.must("job", "undo", job)
	if _, err := os.Stat(filepath.Join(s.home, "copy")); err == nil {
		t.Error("the copy is still there")
	}
	wantTree(t, folder, files)
	s.run("job", "undo", job).want(t, 1, "", "undo")
	s.must("log").want(t, 0, "undone by job", "")

	s.must("mv", "album", "other", "--dry-run").want(t, 0, "  1 folder     renamed, with all in it", "")
	s.must("mv", "album", "other").want(t, 0, "moved 1 folder in", "")
	s.must("mv", "other", "album")
	s.must("rm", "-r", "album").want(t, 0, "moved to the trash: 1 folder in", "")
	s.must("job", "undo", fmt.Sprint(s.lastLog().Job)).want(t, 0, "brought back 1 folder in", "")
	s.must("rm", "-r", "album").want(t, 0, "'sd job undo ", "")
	if _, err := os.Stat(folder); err == nil {
		t.Error("the folder is still there")
	}
	s.must("job", "undo", fmt.Sprint(s.lastLog().Job))
	wantTree(t, folder, files)
	s.run("rm", "album/a.jpg", "--permanent").want(t, 1, "", "1 file would be removed for good")
	s.must("rm", "album/a.jpg", "--permanent", "--yes").want(t, 0, "removed 1 file", "")
	s.run("job", "undo", fmt.Sprint(s.lastLog().Job)).want(t, 1, "", "")
	s.must("mv", "album/b c.jpg", "album/sub/").want(t, 0, "moved 1 file", "")
	wantFile(t, filepath.Join(folder, "sub", "b c.jpg"), "beta")
	s.must("mkdir", "-p", "x/y/z").want(t, 0, "made 3 folders", "")
	s.run("mkdir", "x/y").want(t, 1, "", "x/y")
	s.must("mkdir", "-p", "x/y").want(t, 0, "nothing to do: 1 folder is there already", "")
	s.must("job", "undo", fmt.Sprint(s.lastLog().Job))
	if _, err := os.Stat(filepath.Join(s.home, "x")); err == nil {
		t.Error("the folders are still there")
	}
}

// To and from a bucket, inside it, and away again.
func TestCopyToABucket(t *testing.T) {
	server := testserver.Versitygw(t, "box")
	s := newSandbox(t)
	s.must("device", "rename", "laptop")
	s.addBucket(server, "box", "box")
	folder, files := album(t, s, "album")

	r := s.must("cp", "-r", "album", "s3://box/", "--preview", "--yes")
	r.want(t, 0, "4 files    18 B  uploaded", "")
	r.want(t, 0, "4 PUT", "")
	if got := server.Keys(t, "box", ""); !slices.Equal(got, []string{"album/a.jpg", "album/b c.jpg", "album/sub/deep.txt", "album/sub/x.tmp"}) {
		t.Errorf("got %q", got)
	}
	s.must("du", "-s", "s3://box").want(t, 0, "18  ", "")
	var rows []duRow
	s.decode(&rows, "du", "s3://box/album", folder)
	if len(rows) != 4 || rows[1].Bytes != 18 || rows[1].Files != 4 || rows[1].Folders != 1 || rows[0].Bytes != rows[2].Bytes || rows[3].Bytes != 18 {
		t.Errorf("got %+v, want the same for both", rows)
	}
	s.must("cp", "-r", "album", "s3://box/").want(t, 0, "nothing to do: 4 files (18 B) are", "")
	s.must("cp", "-r", "s3://box/album/", "s3://box/second", "-n").want(t, 0, "copied inside the store", "")
	s.must("cp", "-r", "s3://box/album/", "s3://box/second").want(t, 0, "copied 4 files", "")
	if row := s.lastLog(); !strings.Contains(string(row.Outcome), `"through": 0`) {
		t.Errorf("got %s, want that no byte came through here", row.Outcome)
	}
	s.must("cp", "-r", "s3://box/second", "back").want(t, 0, "copied 4 files", "")
	wantTree(t, filepath.Join(s.home, "back"), files)
	info, err := os.Stat(filepath.Join(folder, "a.jpg"))
	back, err2 := os.Stat(filepath.Join(s.home, "back", "a.jpg"))
	if err != nil || err2 != nil || !back.ModTime().Equal(info.ModTime().Truncate(time.Microsecond)) && !back.ModTime().Equal(info.ModTime()) {
		t.Errorf("got %v, want the time %v", back.ModTime(), info.ModTime())
	}

	s.must("rm", "s3://box/second/*.jpg").want(t, 0, "trash", "")
	job := fmt.Sprint(s.lastLog().Job)
	s.must("ls", "s3://box/second").want(t, 0, "sub/\n", "")
	s.must("job", "undo", job).want(t, 0, "brought back 2 files", "")
	s.must("cat", "s3://box/second/b c.jpg").want(t, 0, "beta", "")
	s.must("mv", "s3://box/second/sub", "moved").want(t, 0, "moved 2 files", "")
	wantTree(t, filepath.Join(s.home, "moved"), map[string]string{"deep.txt": "deep", "x.tmp": "scrap"})
	s.must("mkdir", "s3://box/empty").want(t, 0, "made 1 folder", "")
	s.run("rm", "-r", "s3://box").want(t, 1, "", "s3://box/*")
	s.must("rm", "-r", "s3://box/*", "--permanent", "-y")
	s.run("rm", "s3://box/none").want(t, 1, "", "none")
}

func TestActionMistakes(t *testing.T) {
	s := newSandbox(t)
	writeFile(t, filepath.Join(s.home, "f"), "f")
	for _, tt := range []struct {
		args string
		code int
		err  string
	}{
		{"cp f", 2, "missing: SRC... DST"},
		{"cp f s3://nowhere/f", 1, "sd volume add-cloud"},
		{"cp f ftp://x/y", 2, "ftp"},
		{"cp f f", 1, "same"},
		{"cp f g --overwrite maybe", 2, "never, newer, changed or always"},
		{"cp f g --bwlimit fast", 2, "500k or 10M"},
		{"cp f g --transfers -1", 2, "--transfers is negative"},
		{"cp f g --include [", 2, "not a pattern"},
		{"cp none g", 1, "/none: file does not exist"},
		{"pin a[", 2, `"a[" is no pattern`},
		{"cp - -", 2, "one SRC and one DST"},
		{"cp - f g", 2, "one SRC and one DST"},
		{"cp - g --preview", 2, "no preview"},
		{"cp - " + s.home, 1, "is a folder"},
		{"cp none -", 1, "no such file"},
		{"mv - g", 2, "sd cp"},
		{"mv f", 2, "missing: SRC... DST"},
		{"rm", 2, "missing: PATH"},
		{"rm none", 1, "none"},
		{"rm -r /", 1, "root"},
		{"mkdir", 2, "missing: PATH"},
		{"mkdir content://550e8400-e29b-41d4-a716-446655440000", 1, "content"},
		{"log x", 2, "no job's number"},
		{"log 9", 1, "no job 9"},
		{"log --failed", 2, "number of a job"},
		{"log 9 --since 7d", 2, "--since"},
		{"log --limit -1", 2, "negative"},
		{"log --since whenever", 2, `"7d"`},
		{"job undo", 2, "missing: JOB"},
		{"job undo 9", 1, "no job 9"},
		{"du none", 1, "no such file"},
		{"du -s -d 2", 2, "only one"},
		{"du -s -a", 2, "only one"},
	} {
		r := s.run(strings.Fields(tt.args)...)
		r.want(t, tt.code, "", tt.err)
		if r.out != "" {
			t.Errorf("sd %s: an error went to stdout: %s", tt.args, r.out)
		}
	}
	for _, command := range []string{"cp", "mv", "rm", "mkdir", "sync", "pin", "unpin", "trash list", "trash empty", "log", "du", "job undo"} {
		r := s.must(append(strings.Fields(command), "--help")...)
		if !strings.Contains(r.out, "Usage:") || !strings.Contains(r.out, "Examples:") {
			t.Errorf("sd %s --help: no usage or no examples in\n%s", command, r.out)
		}
	}
}
