package jobs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"sd/library"
)

// TestMain makes the test binary play a second process: child DATADIR JOB.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "child" {
		if err := play(os.Args[2], os.Args[3]); err != nil {
			fmt.Println("end", err)
			os.Exit(1)
		}
		fmt.Println("end nil")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// count is the work of the tests: it counts from where it was, and ends at a file's wish.
type count struct {
	N int `json:"n"`
}

func play(dataDir, id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it
		cancel()
	}()
	lib, err := library.Open(ctx, dataDir, "")
	if err != nil {
		return err
	}
	defer lib.Close()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return err
	}
	return Run(ctx, lib, library.Job{ID: n}, func(ctx context.Context, c *Control) error {
		var done count
		(Job{Job: c.Job()}).Decode(&done)
		fmt.Println("from", done.N)
		for {
			if err := c.Check(ctx); err != nil {
				return err
			}
			done.N++
			c.Report(done)
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
		}
	})
}

// process is a child that runs a job.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

// start runs the job in another process and returns when it is at work.
func start(t *testing.T, dataDir string, id int64) (p *process, from int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "child", dataDir, strconv.FormatInt(id, 10))
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p = &process{t: t, cmd: cmd, stdin: in, lines: bufio.NewScanner(out)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line := p.line()
	if _, err := fmt.Sscanf(line, "from %d", &from); err != nil {
		t.Fatalf("the child says %q, want from N", line)
	}
	return p, from
}

func (p *process) line() string {
	p.t.Helper()
	if !p.lines.Scan() {
		p.t.Fatalf("the child ended: %v", p.lines.Err())
	}
	return p.lines.Text()
}

// kill kills the child without a chance to say a word.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
}

// end waits until the child has ended by itself and returns what Run returned there.
func (p *process) end() string {
	p.t.Helper()
	line := p.line()
	_ = p.cmd.Wait()
	return line
}

func open(t *testing.T) (*library.Library, string) {
	t.Helper()
	dataDir := t.TempDir()
	lib, err := library.Open(t.Context(), dataDir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lib.Close(); err != nil {
			t.Error(err)
		}
	})
	return lib, dataDir
}

func add(t *testing.T, lib *library.Library, j library.Job) library.Job {
	t.Helper()
	j.Kind = "test"
	j, err := lib.AddJob(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// until waits until the job satisfies a condition.
func until(t *testing.T, lib *library.Library, id int64, what string, condition func(Job) bool) Job {
	t.Helper()
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, enough)
	defer cancel()
	for {
		j, err := Get(ctx, lib, id)
		if err != nil {
			t.Fatal(err)
		}
		if condition(j) {
			return j
		}
		if err := pause(ctx); err != nil {
			t.Fatalf("waited in vain: %s; the job is %+v", what, j)
		}
	}
}

func wantState(t *testing.T, lib *library.Library, id int64, want library.JobState) Job {
	t.Helper()
	j, err := Get(t.Context(), lib, id)
	if err != nil {
		t.Fatal(err)
	}
	if j.State != want {
		t.Errorf("the job is %s, want %s", j.State, want)
	}
	return j
}
