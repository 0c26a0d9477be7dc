package main

import (
	"strings"
	"testing"
	"time"

	"sd/actions"
	"sd/actions/steps"
)

// A preview says all that a plan comes to, with the numbers under each other.
func TestPreview(t *testing.T) {
	spec := &steps.Spec{Action: steps.Copy, Sources: []steps.Source{{URI: "local://laptop/a", Slash: true}}, Target: steps.Source{URI: "s3://box/b"},
		Options: steps.Options{Overwrite: steps.Newer}}
	s := &steps.Summary{Steps: 9, Folders: 1, Same: steps.Count{Files: 1200, Bytes: 5 << 20}, Proven: steps.Count{Files: 1000, Bytes: 4 << 20},
		Replaces: steps.Count{Files: 2, Bytes: 10}, Through: 3 << 20, Saved: 1 << 20, Seconds: 75,
		Space: []steps.Space{{URI: "s3://box", Need: 3 << 20, Free: -1}, {URI: "local://laptop/", Need: 3 << 20, Free: 1 << 20}}}
	s.Method(steps.Upload, 3<<20)
	s.Method(steps.ServerCopy, 1<<20)
	s.Request("PUT", 1)
	s.Request("COPY", 1)
	s.Warn("cold-storage", "it takes hours to be read", "s3://box/old\x1b[31m")
	s.Warn("cold-storage", "it takes hours to be read", "")
	s.Deny(steps.Conflict{From: "local://laptop/a/secret", Why: "permission denied"})
	for range manyConflicts + 3 {
		s.Conflict(steps.Conflict{To: "s3://box/b/x", Why: "it differs"})
	}
	var out strings.Builder
	printPreview(&out, spec, s)
	want := `copy local://laptop/a/ to s3://box/b
      1 file     1.0 MiB  copied inside the store
      1 file     3.0 MiB  uploaded
      1 folder            made
  1,000 files    4.0 MiB  there already, proven to hold the same bytes
    200 files    1.0 MiB  there already, of the same size and time
      2 files       10 B  of them replace a file (newer ones)
traffic   3.0 MiB pass through this machine, 1.0 MiB need not
cost      1 COPY, 1 PUT
space     3.0 MiB needed in s3://box, which does not tell what is free
space     3.0 MiB needed in local://laptop/, but only 1.0 MiB are free
time      about 1m15s
warning   it takes hours to be read (2 files): s3://box/old?[31m
`
	want += strings.Repeat("conflict  s3://box/b/x  (it differs)\n", manyConflicts) +
		"          … and 3 more; --json lists more of them\nrefused   local://laptop/a/secret  (permission denied)\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

// Nobody comes unasked upon what cannot be taken back.
func TestQuestions(t *testing.T) {
	three := steps.Count{Files: 3}
	for _, tt := range []struct {
		action steps.Action
		sum    steps.Summary
		want   string
	}{
		{steps.Copy, steps.Summary{Total: three}, ""},
		{steps.Copy, steps.Summary{Total: three, Replaces: three}, "3 files would be replaced"},
		{steps.Remove, steps.Summary{Deletes: three, Trash: three}, ""},
		{steps.Remove, steps.Summary{Deletes: three, Trash: steps.Count{Files: 1}}, "2 files would be removed for good"},
		{steps.Move, steps.Summary{Total: three, Deletes: three}, ""},
		{steps.Sync, steps.Summary{Deletes: three, Trash: three}, "3 files would be removed"},
		{steps.Undo, steps.Summary{Deletes: three, Trash: three}, ""},
	} {
		got := strings.Join(questions(&steps.Spec{Action: tt.action}, &tt.sum), ", ")
		if got != tt.want {
			t.Errorf("%s %+v: got %q, want %q", tt.action, tt.sum, got, tt.want)
		}
	}
}

// The line of progress tells what was done lately, not what an earlier run did.
func TestActionProgress(t *testing.T) {
	var out strings.Builder
	b := (&app{errOut: &out}).newActionProgress(steps.Copy)
	began := time.Now()
	p := actions.Progress{Phase: "running", Files: 10, TotalFiles: 110, Bytes: 10 << 20, TotalBytes: 110 << 20, Began: began, Now: began}
	b.show(p)
	p.Now, p.Files, p.Bytes = began.Add(2*time.Second), 30, 30<<20
	b.show(p)
	if got, want := b.text(&p, false), "copying 27 %, 10 MiB/s, 8s left, 30 of 110 files, 30 MiB of 110 MiB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := b.text(&p, true), "paused 27 %, 30 of 110 files, 30 MiB of 110 MiB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.Waiting, p.Failed = "s3://box is unreachable", 2
	b.show(p)
	b.show(p)
	if got, want := b.text(&p, false), "waiting: s3://box is unreachable 27 %, 30 of 110 files, 30 MiB of 110 MiB, 2 failed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := "waiting: s3://box is unreachable\n"; out.String() != want {
		t.Errorf("got %q, want the outage told once", out.String())
	}
}

// A command in the log can be typed again.
func TestCommandLine(t *testing.T) {
	got := commandLine([]string{"/usr/bin/sd", "cp", "it's a b.txt", "s3://box/x", ""})
	if want := `sd cp 'it'\''s a b.txt' s3://box/x ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
