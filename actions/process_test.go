//go:build linux

package actions

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"sd/library"
)

// TestMain makes the test binary play a second process: child DATADIR ENDPOINT JOB.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "child" {
		if err := play(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Println("end", strings.ReplaceAll(err.Error(), "\n", "; "))
			os.Exit(1)
		}
		fmt.Println("end")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play runs a job, until that has ended or the test closes the standard input.
func play(data, endpoint, id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	w, err := openWorld(ctx, data, endpoint)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return err
	}
	fmt.Println("began")
	_, err = w.Run(ctx, library.Job{ID: n}, nil)
	return errors.Join(err, w.Close())
}

// process is a child that runs a job.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

// start runs the job in another process and returns when it begins.
func start(t testing.TB, data, endpoint string, job int64) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "child", data, endpoint, strconv.FormatInt(job, 10))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &process{cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
	if !p.lines.Scan() || p.lines.Text() != "began" {
		t.Fatalf("the child says %q", p.lines.Text())
	}
	return p
}

// kill ends the process by SIGKILL after so long, unless it ends before.
func (p *process) kill(after time.Duration) (killed bool) {
	timer := time.AfterFunc(after, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_, err := p.end()
	exit := new(exec.ExitError)
	return errors.As(err, &exit) && !exit.Exited()
}

// end waits for the process, and returns what it said last.
func (p *process) end() (string, error) {
	said := ""
	for p.lines.Scan() {
		said = p.lines.Text()
	}
	return said, p.cmd.Wait()
}
