package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/library"
)

// jobs are those that sd job list tells of.
func (s *sandbox) jobs() []jobRow {
	s.t.Helper()
	var list []jobRow
	s.decode(&list, "job", "list")
	return list
}

func (s *sandbox) job(id int64) jobRow {
	s.t.Helper()
	var row jobRow
	s.decode(&row, "job", "info", fmt.Sprint(id))
	return row
}

// A background is a command that goes on while the test does other things.
type background struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err bytes.Buffer
	ended    chan struct{} // closed
}

func (s *sandbox) start(args ...string) *background {
	s.t.Helper()
	b := &background{t: s.t, cmd: s.command(args...), ended: make(chan struct{})}
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.err
	if err := b.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = b.cmd.Wait() // result tells
		close(b.ended)
	}()
	s.t.Cleanup(func() { _ = b.cmd.Process.Kill() })
	return b
}

// wait waits for the command to end.
func (b *background) wait() result {
	b.t.Helper()
	select {
	case <-b.ended:
	case <-time.After(time.Minute):
		b.t.Fatalf("sd %q does not end", b.cmd.Args[1:])
	}
	return result{args: b.cmd.Args[1:], out: b.out.String(), err: b.err.String(), code: b.cmd.ProcessState.ExitCode()}
}

func (b *background) kill() {
	b.t.Helper()
	if err := b.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		b.t.Fatal(err)
	}
	<-b.ended
}

// held starts to index a location that is locked by somebody else, so that the job runs and
// does not get on until unlock is called.
func (s *sandbox) held(args ...string) (b *background, job int64, unlock func()) {
	s.t.Helper()
	rows := s.locations()
	if len(rows) != 1 {
		s.t.Fatalf("got %d locations, want one", len(rows))
	}
	before := int64(0)
	for _, j := range s.jobs() {
		before = max(before, j.ID)
	}
	for _, row := range rows {
		unlock = s.lockLocation(row.ID)
	}
	if len(args) == 0 {
		args = []string{"location", "rescan"}
	}
	b = s.start(args...)
	eventually(s.t, "a job that runs", func() bool {
		for _, j := range s.jobs() {
			if j.State == library.Running {
				job = j.ID
			}
		}
		return job != 0
	})
	return b, job, unlock
}

// One terminal indexes and another one steers it.
func TestJobSteered(t *testing.T) {
	s := newSandbox(t)
	folder := docsTree(t, s)
	s.must("location", "add", folder)
	writeFile(t, filepath.Join(folder, "fresh.txt"), "fresh")

	b, job, unlock := s.held()
	id := fmt.Sprint(job)
	s.run("location", "rescan").want(t, 1, "", "sd job wait "+id)
	s.must("job", "pause", id).want(t, 0, "is paused", "")
	row := s.job(job)
	if row.State != library.Paused || row.PID != b.cmd.Process.Pid || row.Location != "My Docs" {
		t.Errorf("got %+v, want it paused in process %d", row, b.cmd.Process.Pid)
	}
	s.must("job", "list").want(t, 0, "paused", "")
	unlock()
	waiter := s.start("job", "wait", id)
	s.must("search", "fresh").want(t, 0, "", "no match")
	s.must("job", "resume", id).want(t, 0, "", "")
	b.wait().want(t, 0, "1 new", "")
	waiter.wait().want(t, 0, "is done", "")
	if got := s.found("fresh"); len(got) != 1 {
		t.Errorf("got %q, want the new file", got)
	}
	row = s.job(job)
	if row.State != library.Done || row.Ended == nil || row.PID != 0 {
		t.Errorf("got %+v, want that it is done", row)
	}
	s.must("job", "info", id).want(t, 0, "done", "")

	b, job, unlock = s.held()
	id = fmt.Sprint(job)
	waiter = s.start("job", "wait", id)
	s.must("job", "cancel", id).want(t, 0, "is canceled", "")
	b.wait().want(t, 1, "", "was canceled")
	waiter.wait().want(t, 1, "", "was canceled")
	unlock()
	s.run("job", "resume", id).want(t, 1, "", "canceled already")
}

// Ctrl-C pauses, and the job goes on in another process.
func TestJobInterrupted(t *testing.T) {
	s := newSandbox(t)
	folder := docsTree(t, s)
	s.must("location", "add", folder)
	writeFile(t, filepath.Join(folder, "fresh.txt"), "fresh")
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		b, job, unlock := s.held()
		if err := b.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		b.wait().want(t, 1, "", fmt.Sprintf("paused; go on with 'sd job resume %d'", job))
		unlock()
		id := fmt.Sprint(job)
		if row := s.job(job); row.State != library.Paused {
			t.Errorf("got %+v, want that it is paused", row)
		}
		s.run("job", "wait", id).want(t, 1, "", "sd job resume "+id)
		s.must("job", "resume", id).want(t, 0, "My Docs", "")
		s.run("job", "resume", id).want(t, 1, "", "done already")
		s.must("job", "wait", id).want(t, 0, "is done", "")
	}
	if got := s.found("fresh"); len(got) != 1 {
		t.Errorf("got %q, want the new file", got)
	}
}

// A process that is killed leaves an interrupted job, whose work a later one brings to the
// same end, whenever it was killed.
func TestJobKilled(t *testing.T) {
	s := newSandbox(t)
	folder := filepath.Join(s.home, "many")
	const files = 1500
	for i := range files {
		writeFile(t, filepath.Join(folder, fmt.Sprint("d", i%60), fmt.Sprint("f", i)), fmt.Sprint("content ", i/2))
	}
	b := s.start("location", "add", folder)
	for round := range 4 {
		eventually(t, "a job that runs", func() bool {
			list := s.jobs()
			return len(list) > 0 && (list[len(list)-1].State == library.Running || list[len(list)-1].State.Ended())
		})
		for range rand.IntN(4) { // something that takes a while
			s.must("version")
		}
		b.kill()
		list := s.jobs()
		if len(list) != 1 || list[0].State != library.Interrupted && !list[0].State.Ended() {
			t.Fatalf("round %d: got %+v, want one job, interrupted", round, list)
		}
		if list[0].State.Ended() {
			break
		}
		b = s.start("job", "resume", fmt.Sprint(list[0].ID))
	}
	b.wait()
	s.run("location", "rescan").want(t, 0, "", "")
	s.must("location", "verify", "many").want(t, 0, "no difference", "")
	if got := s.locations()["many"]; got.Files != files || got.Proven != files {
		t.Errorf("got %+v, want %d files, all identified", got, files)
	}
}

func TestJobMistakes(t *testing.T) {
	s := newSandbox(t)
	for _, tt := range []struct {
		args string
		code int
		err  string
	}{
		{"job", 2, "which command?"},
		{"job info", 2, "missing: JOB"},
		{"job info x", 2, "sd job list"},
		{"job info -- -3", 2, "no job's number"},
		{"job info 3", 1, "no job 3"},
		{"job wait 3", 1, "no job 3"},
		{"job pause 3", 1, "no job 3"},
		{"job resume 3", 1, "no job 3"},
		{"job cancel 3", 1, "no job 3"},
		{"job list x", 2, `unexpected "x"`},
	} {
		r := s.run(strings.Fields(tt.args)...)
		r.want(t, tt.code, "", tt.err)
		if r.out != "" {
			t.Errorf("sd %s: an error went to stdout: %s", tt.args, r.out)
		}
	}
	if r := s.must("--json", "job", "list"); r.out != "[]\n" {
		t.Errorf("got %q, want []", r.out)
	}
}

// Hits come as they are found, and end well where nobody reads on.
func TestSearchPipe(t *testing.T) {
	s := newSandbox(t)
	folder := filepath.Join(s.home, "many")
	for i := range 2000 {
		writeFile(t, filepath.Join(folder, fmt.Sprint("a rather long name of a file ", i)), "")
	}
	s.must("location", "add", folder, "--mode", "shallow")
	cmd := s.command("search", "name", "--limit", "0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReaderSize(out, 16).ReadString('\n')
	if err != nil || !strings.Contains(line, "rather") {
		t.Errorf("got %q, %v, want a hit", line, err)
	}
	_ = out.(io.Closer).Close()
	_ = cmd.Wait()
	if strings.Contains(errOut.String(), "panic") {
		t.Errorf("got %s", errOut.String())
	}
	if got := s.found("name", "--limit", "0"); len(got) != 2000 || !slices.IsSorted(got) {
		t.Errorf("got %d hits, want 2000", len(got))
	}
	s.must("search", "name", "--limit", "7").want(t, 0, "", "7 of 2,000 matches")
}
