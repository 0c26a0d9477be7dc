package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the real program, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sd-cmd")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "sd")
	arguments := []string{"build", "-buildvcs=false", "-ldflags", "-X main.version=v0.0.0-test", "-o", binary}
	if raceEnabled {
		arguments = append(arguments, "-race")
	}
	if out, err := exec.Command("go", append(arguments, ".")...).CombinedOutput(); err != nil {
		panic(fmt.Sprintf("go build: %v\n%s", err, out))
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// sandbox is a user of his own: home, data directory and runtime directory.
type sandbox struct {
	t    *testing.T
	home string
	env  []string

	credential *syscall.Credential // nil: as we are
}

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	home := t.TempDir()
	run, err := os.MkdirTemp("", "sdr") // sockets need a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	return &sandbox{t: t, home: home, env: []string{
		"PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH"), "HOME=" + home, "SD_RUNTIME_DIR=" + run,
		"TMPDIR=" + os.TempDir(), "AWS_EC2_METADATA_DISABLED=true", "TZ=UTC",
		"GORACE=" + os.Getenv("GORACE") + " atexit_sleep_ms=0",
	}}
}

// in is the same user in a subtest.
func (s *sandbox) in(t *testing.T) *sandbox {
	return &sandbox{t: t, home: s.home, env: s.env, credential: s.credential}
}

// result is how one command line came out.
type result struct {
	args     []string
	out, err string
	code     int
}

// command is a command line that is not started yet.
func (s *sandbox) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = s.env
	cmd.Dir = s.home
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	return cmd
}

// run runs a command line to its end.
func (s *sandbox) run(args ...string) result {
	s.t.Helper()
	return s.runWith("", nil, args...)
}

// runWith runs it with this input and more environment.
func (s *sandbox) runWith(input string, env []string, args ...string) result {
	s.t.Helper()
	return finish(s.t, s.command(args...), input, env)
}

func finish(t *testing.T, cmd *exec.Cmd, input string, env []string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errOut
	cmd.Env = append(cmd.Env, env...)
	cmd.WaitDelay = 5 * time.Second
	timer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	return result{args: cmd.Args[1:], out: out.String(), err: errOut.String(), code: cmd.ProcessState.ExitCode()}
}

// must runs a command line that has to succeed.
func (s *sandbox) must(args ...string) result {
	s.t.Helper()
	r := s.run(args...)
	r.want(s.t, 0, "", "")
	return r
}

// healthy runs sd doctor, which may find nothing wrong but mounts that other tests, of
// packages that run at the same time, have just killed.
func (s *sandbox) healthy() result {
	s.t.Helper()
	r := s.run("doctor")
	r.code = 0
	for line := range strings.Lines(r.out) {
		if strings.HasPrefix(line, "fail") && (!strings.Contains(line, " is a dead mount") || strings.Contains(line, s.home)) {
			r.code = 1
		}
	}
	r.want(s.t, 0, "", "")
	return r
}

// decode runs a command line with --json and decodes what it prints.
func (s *sandbox) decode(into any, args ...string) {
	s.t.Helper()
	r := s.must(append([]string{"--json"}, args...)...)
	if err := json.Unmarshal([]byte(r.out), into); err != nil {
		s.t.Fatalf("sd --json %q printed no JSON: %v\n%s", args, err, r.out)
	}
}

// want checks the exit status, and that each stream holds a text.
func (r result) want(t *testing.T, code int, out, errOut string) {
	t.Helper()
	if r.code != code || !strings.Contains(r.out, out) || !strings.Contains(r.err, errOut) {
		t.Errorf("sd %q: got status %d, want %d; want stdout with %q, stderr with %q; got stdout:\n%s\nstderr:\n%s",
			r.args, r.code, code, out, errOut, r.out, r.err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pause waits a moment, or until ctx ends.
func pause(ctx context.Context) {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
	}
}
