package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/guardian"
	"sd/internal/testserver"
)

// lasting is a sandbox whose files do not lie in memory, where copies do not count.
func lasting(t *testing.T) *sandbox {
	t.Helper()
	s := newSandbox(t)
	var st unix.Statfs_t
	if unix.Statfs(s.home, &st) == nil && st.Type == 0x01021994 {
		home, err := os.MkdirTemp("/var/tmp", "sd-cmd")
		if err != nil {
			t.Skip("all temporary folders lie in memory")
		}
		t.Cleanup(func() { os.RemoveAll(home) })
		s.home = home
		s.env = append(s.env, "HOME="+home)
	}
	s.must("device", "rename", "laptop")
	return s
}

// age sets a file's time of change, in seconds after the year 2000.
func age(t *testing.T, name string, seconds int) {
	t.Helper()
	when := time.Date(2000, 1, 1, 0, 0, seconds, 0, time.UTC)
	if err := os.Chtimes(name, when, when); err != nil {
		t.Fatal(err)
	}
}

// twinFiles are two files of 1 MiB with one fingerprint: they differ in a byte that it
// does not read.
func twinFiles(t *testing.T, dir string) {
	t.Helper()
	bytes := []byte(strings.Repeat("sampled ", 1<<17))
	writeFile(t, filepath.Join(dir, "twin1"), string(bytes))
	bytes[300_000] ^= 1
	writeFile(t, filepath.Join(dir, "twin2"), string(bytes))
}

type plannedDuplicates struct {
	Acted  bool
	Groups []planRow
	Totals map[string]int64
}

func TestDuplicatesCommand(t *testing.T) {
	s := lasting(t)
	docs := filepath.Join(s.home, "docs")
	for i, name := range []string{"a", "sub/b", "c"} {
		writeFile(t, filepath.Join(docs, name), "the same bytes\n")
		age(t, filepath.Join(docs, name), i)
	}
	if err := os.Link(filepath.Join(docs, "c"), filepath.Join(docs, "d")); err != nil {
		t.Fatal(err)
	}
	twinFiles(t, docs)
	writeFile(t, filepath.Join(docs, "odd\nname"), "odd")
	writeFile(t, filepath.Join(docs, "odder\xff"), "odd")

	s.must("duplicates").want(t, 0, "no duplicates", "")
	if r := s.must("--json", "duplicates"); !strings.Contains(r.out, `"groups": []`) {
		t.Errorf("got %s, want an empty list", r.out)
	}
	s.must("location", "add", "docs", "--mode", "shallow")
	s.must("duplicates").want(t, 0, "whose content is not known yet", "")
	s.must("location", "remove", "docs")
	s.must("location", "add", "docs")

	base := "local://laptop" + docs
	r := s.must("duplicates", "docs")
	r.want(t, 0, "3 copies of 15 B, 30 B reclaimable: content://", "")
	r.want(t, 0, "  "+base+"/c\n    = "+base+"/d\n", "")
	r.want(t, 0, "odd?name\n", "")
	r.want(t, 0, "2 groups with 5 copies: 33 B reclaimable", "")
	if strings.Contains(r.out, "twin") || strings.Contains(r.out, "may be equal") {
		t.Errorf("twins that were read count as duplicates: %s", r.out)
	}
	s.must("duplicates", "--min-size", "10", "--limit", "1").want(t, 0, "1 group with 3 copies", "")
	s.must("duplicates", "--limit", "1").want(t, 0, "--limit 0 shows all", "")
	s.must("duplicates", "docs/sub").want(t, 0, "no duplicates", "")
	s.must("duplicates", "--probable").want(t, 0, "no probable duplicates", "")
	var listed struct {
		Groups []groupRow
		Totals map[string]int64
	}
	s.decode(&listed, "duplicates", "docs")
	if len(listed.Groups) != 2 || len(listed.Groups[0].Copies) != 3 || listed.Totals["reclaimable"] != 33 || listed.Groups[0].Copies[0].Device != "laptop" {
		t.Errorf("got %+v", listed)
	}

	// The plan changes nothing.
	r = s.must("duplicates", "docs", "--resolve")
	r.want(t, 0, "keep    "+base+"/a  (the oldest)", "")
	r.want(t, 0, "remove  "+base+"/c\n", "")
	r.want(t, 0, "3 copies of 2 contents could go, which frees 33 B", "")
	if !strings.Contains(r.err, "nothing was done: --yes does it") {
		t.Errorf("got %q, want how to have it done", r.err)
	}
	s.must("duplicates", "docs", "--resolve", "--keep", "in:docs/sub").want(t, 0, "keep    "+base+"/sub/b", "")
	writeFile(t, filepath.Join(docs, "a"), "other bytes\n")
	var plan plannedDuplicates
	s.decode(&plan, "duplicates", "docs", "--resolve", "--keep", "newest", "--min-size", "10")
	if plan.Acted || len(plan.Groups) != 1 || len(plan.Groups[0].LeftOut) != 1 || plan.Groups[0].LeftOut[0].URI != base+"/a" ||
		plan.Groups[0].Keep[0].URI != base+"/c" || plan.Groups[0].Remove[0].URI != base+"/sub/b" {
		t.Errorf("got %+v", plan)
	}
	for _, name := range []string{"a", "sub/b", "c", "d"} {
		if _, err := os.Stat(filepath.Join(docs, name)); err != nil {
			t.Errorf("the plan acted: %v", err)
		}
	}
}

func TestGuardianCommands(t *testing.T) {
	server := testserver.Gofakes3(t, "box")
	s := lasting(t)
	s.runWith("", []string{"AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=secret"}, "volume", "add-cloud", "box",
		"--service", "s3", "--bucket", "box", "--endpoint", server.URL).want(t, 0, "s3://box", "")
	s.env = append(s.env, "AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=secret")
	photos := filepath.Join(s.home, "photos")
	writeFile(t, filepath.Join(photos, "2024", "alone.jpg"), "one of a kind")
	writeFile(t, filepath.Join(photos, "2024", "safe.jpg"), "kept twice")
	writeFile(t, filepath.Join(photos, "tmp", "x"), "worth nothing")
	server.MustPut(t, "box", "old/safe.jpg", "kept twice")
	s.must("guardian", "policy", "set", "photos").want(t, 0, "2 copies on different devices", "sd location add")
	s.must("location", "add", "photos")
	s.must("location", "add", "s3://box")

	r := s.must("guardian", "policy", "set", "photos", "--copies", "2", "--on-different", "device,medium")
	r.want(t, 0, "local://laptop"+photos+": 2 copies on different devices and media", "")
	if r.err != "" {
		t.Errorf("a warning: %s", r.err)
	}
	s.must("guardian", "policy", "set", "photos/tmp", "--copies", "1")
	s.must("guardian", "policy", "set", "s3://box/not/there", "--copies", "3", "--on-different", "")
	s.must("guardian", "policy", "list").want(t, 0, "2 copies on different devices and media", "")
	var policies []policyRow
	s.decode(&policies, "guardian", "policy", "list")
	if len(policies) != 3 || policies[0].Copies != 2 || len(policies[0].Different) != 2 {
		t.Errorf("got %+v", policies)
	}
	s.must("guardian", "policy", "remove", "s3://box/not/there")
	s.run("guardian", "policy", "remove", "s3://box/not/there").want(t, 1, "", "has no policy of its own")

	var report reportRow
	s.decode(&report, "guardian", "report", "photos", "--by-folder")
	// Nothing but the name says that the object holds the same: it may not be read for that, and
	// its checksum has to prove it.
	if report.Total.Files != 3 || report.OneCopy.Files != 2 || report.Unmet != (guardian.Tally{Files: 1, Bytes: 13}) || len(report.Folders) != 2 ||
		!strings.HasSuffix(report.Folders[0].URI, "/2024") {
		t.Errorf("got %+v", report)
	}
	s.must("guardian", "report").want(t, 0, "with one copy only", "")
	s.must("guardian", "report", "--by-folder", "--limit", "1").want(t, 0, "more folder", "")

	uri := "local://laptop" + photos + "/2024/alone.jpg"
	r = s.must("guardian", "protect", "photos")
	r.want(t, 0, "sd cp "+uri+" s3://box/sd-copies/local/laptop"+photos+"/2024/alone.jpg\n", "")
	r.want(t, 0, "1 copy of 1 content, 13 B in all\n", "")
	var plan struct {
		Acted  bool
		Copies []stepRow
		Short  []shortRow
		Totals map[string]any
	}
	s.decode(&plan, "guardian", "protect", "photos", "--to", "s3://box/backup")
	if plan.Acted || len(plan.Copies) != 1 || plan.Copies[0].To != "s3://box/backup/local/laptop"+photos+"/2024/alone.jpg" || len(plan.Short) != 0 {
		t.Errorf("got %+v", plan)
	}
	if r := s.must("ls", "-R", "s3://box"); r.out != "old/\nold/safe.jpg\n" {
		t.Errorf("the plan acted: the bucket has %s", r.out)
	}
	s.run("guardian", "protect", "--to", "/proc").want(t, 1, "", "can take no copies")
	s.must("guardian", "protect", "photos/tmp").want(t, 0, "every file", "")
}

func TestVerifyCommand(t *testing.T) {
	s := lasting(t)
	docs := filepath.Join(s.home, "docs")
	large := strings.Repeat("precious ", 30_000)
	writeFile(t, filepath.Join(docs, "it's precious"), large)
	writeFile(t, filepath.Join(docs, "copy"), large)
	writeFile(t, filepath.Join(docs, ".hidden"), "x")
	writeFile(t, filepath.Join(docs, "note"), "note")
	s.run("verify", "docs").want(t, 1, "not indexed", "")
	s.must("location", "add", "docs")
	s.must("verify", "docs").want(t, 0, "ok           3 files", "")
	s.must("-v", "verify", "docs").want(t, 0, "not indexed  local://laptop"+docs+"/.hidden", "")

	// One bit, behind everybody's back.
	name := filepath.Join(docs, "it's precious")
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	bytes := []byte(large)
	bytes[123_456] ^= 1
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes[123_456:123_457], 123_456); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(docs, "note"), "another note")

	r := s.run("verify", "docs")
	r.want(t, 1, "bit rot      local://laptop"+name, "")
	r.want(t, 1, "good copy (read just now): local://laptop"+docs+"/copy", "")
	r.want(t, 1, "changed      local://laptop"+docs+"/note", "")
	var found struct {
		Findings    []findingRow
		Totals      map[string]guardian.Tally
		Interrupted bool
	}
	r = s.run("--json", "verify", "docs")
	if err := json.Unmarshal([]byte(r.out), &found); err != nil {
		t.Fatal(err, r.out)
	}
	if r.code != 1 || len(found.Findings) != 2 || found.Totals["bit rot"].Files != 1 || found.Interrupted {
		t.Fatalf("got status %d and %+v", r.code, found)
	}
	s.must("guardian", "report").want(t, 0, "bit rot in 1 file", "")

	// The command that it offers mends the file.
	i := 0
	if found.Findings[i].Verdict != guardian.Rotten {
		i = 1
	}
	sh := exec.Command("sh", "-c", found.Findings[i].Restore)
	sh.Env, sh.Dir = s.env, s.home
	finish(t, sh, "", nil).want(t, 0, "", "")
	if got, err := os.ReadFile(name); err != nil || string(got) != large {
		t.Errorf("the file was not restored by %q: %v", found.Findings[i].Restore, err)
	}
	s.must("verify", "docs").want(t, 0, "ok  ", "")
}

func TestVerifyVolumeCommand(t *testing.T) {
	server := testserver.Gofakes3(t, "box")
	s := lasting(t)
	s.env = append(s.env, "AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=secret")
	s.must("volume", "add-cloud", "box", "--service", "s3", "--bucket", "box", "--endpoint", server.URL)
	server.MustPut(t, "box", "a", "some bytes", "b/c", "more bytes")
	s.must("location", "add", "s3://box")
	s.must("verify", "s3://box").want(t, 0, "skipped", "2 files, 20 B lie in volumes and are not read: --download does that")
	s.must("verify", "s3://box", "--download").want(t, 0, "identified   2 files", "downloading 2 files, 20 B")
	s.must("verify", "s3://box/b", "--download").want(t, 0, "ok           1 file", "downloading 1 file, 10 B")
}

func TestGuardianMisuse(t *testing.T) {
	s := newSandbox(t)
	for _, tt := range []struct {
		args string
		code int
		err  string
	}{
		{"duplicates --keep oldest", 2, "--resolve"},
		{"duplicates --resolve --keep biggest", 2, "shortest-path"},
		{"duplicates --resolve --probable", 2, "only one of"},
		{"duplicates --limit -1", 2, "negative"},
		{"duplicates --min-size some", 2, "256M"},
		{"duplicates --limit many", 2, `invalid argument "many" for "--limit" flag: want a whole number`},
		{"duplicates nope", 1, "is not indexed: 'sd location add'"},
		{"guardian report nope", 1, "is not indexed: 'sd location add'"},
		{"guardian protect nope", 1, "is not indexed: 'sd location add'"},
		{"duplicates s3://nope", 1, "sd volume add-cloud"},
		{"duplicates content://550e8400-e29b-41d4-a716-446655440000", 1, "content"},
		{"guardian", 2, "which command?"},
		{"guardian policy", 2, "which command?"},
		{"guardian policy set", 2, "missing: PATH"},
		{"guardian policy set . --copies 0", 2, "from 1 to"},
		{"guardian policy set . --on-different planet", 2, "device, medium and volume"},
		{"guardian policy remove .", 1, "policy list"},
		{"guardian report --limit -1", 2, "negative"},
		{"guardian protect --limit -1", 2, "negative"},
		{"guardian protect --to s3://nope", 1, "sd volume add-cloud"},
		{"verify", 2, "missing: PATH"},
		{"verify s3://nope", 1, "sd volume add-cloud"},
		{"verify nope", 1, "nope: no such file or folder"},
	} {
		r := s.run(strings.Fields(tt.args)...)
		r.want(t, tt.code, "", tt.err)
		if r.out != "" {
			t.Errorf("sd %s: an error went to stdout: %s", tt.args, r.out)
		}
	}
	for _, command := range []string{"duplicates", "guardian", "guardian policy", "guardian policy set", "guardian policy list",
		"guardian policy remove", "guardian report", "guardian protect", "verify"} {
		s.must(append(strings.Fields(command), "--help")...).want(t, 0, "Usage:", "")
	}
}

// A PATH of which nothing is indexed fails, so that nobody takes it for one that is well.
func TestPathsThatAreNotIndexed(t *testing.T) {
	s := newSandbox(t)
	writeFile(t, filepath.Join(s.home, "docs", "a"), "a")
	writeFile(t, filepath.Join(s.home, "docs", ".hidden"), "a")
	writeFile(t, filepath.Join(s.home, "other"), "a")
	for _, args := range []string{"duplicates", "duplicates --resolve", "guardian report", "guardian protect"} {
		s.must(strings.Fields(args)...).want(t, 0, "", "there is no location yet")
	}
	var added indexedRow
	s.decode(&added, "location", "add", "docs")
	if added.Location.Scanned == nil || added.Location.Files != 1 {
		t.Errorf("got %+v, want the location as it is after the scan", added.Location)
	}
	s.run("verify", "docs", "docs/.hidden").want(t, 1, "docs/.hidden  (no location has it", "")
	s.run("verify", "other").want(t, 1, "not indexed", "")
	s.run("duplicates", "docs/.hidden").want(t, 1, "", `location "docs" leaves it out`)
	s.must("duplicates", "docs/a")
	s.must("guardian", "report", ".") // has a location below it
}
