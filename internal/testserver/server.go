package testserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// The credentials and region that every server here takes.
const (
	AccessKey = "test-access-key"
	SecretKey = "test-secret-key"
	Region    = "us-east-1"
)

// A Server is a running S3 server. Its methods are safe for concurrent use.
type Server struct {
	// URL is "http://127.0.0.1:port", to be used with path-style addressing.
	URL string
	// Dir holds the server's data ("" if that is memory): for versitygw, object k of
	// bucket b is the plain file Dir/b/k.
	Dir string

	process *process
	client  *http.Client
	temp    string // removed by Stop
}

// StartVersitygw starts versitygw over a new directory below temp ("" is the
// system's). It checks signatures, conditions and checksums as S3 does.
func StartVersitygw(ctx context.Context, temp string) (*Server, error) {
	return startVersitygw(ctx, temp, false)
}

// startVersitygw may have the server keep versions of the buckets that KeepVersions names.
func startVersitygw(ctx context.Context, temp string, versions bool) (*Server, error) {
	dir, err := os.MkdirTemp(temp, "versitygw-")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "buckets")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	kept := filepath.Join(dir, "versions")
	if err := os.Mkdir(kept, 0o700); err != nil {
		return nil, err
	}
	s, err := start(ctx, "versitygw", func(addr string) []string {
		args := []string{
			"--access", AccessKey, "--secret", SecretKey, "--region", Region,
			"--port", addr, "--keep-alive", "--quiet", "posix",
		}
		if versions {
			args = append(args, "--versioning-dir", kept)
		}
		return append(args, data)
	})
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	s.Dir, s.temp = data, dir
	return s, nil
}

// StartGofakes3 starts gofakes3, which keeps all in memory, lists fast, keeps odd
// keys (a//b, k beside k/x, d/) and checks no signature.
func StartGofakes3(ctx context.Context) (*Server, error) {
	return start(ctx, "gofakes3", func(addr string) []string {
		return []string{"-quiet", "-backend", "memory", "-host", addr}
	})
}

// Stop kills the server and removes its data. It may be called twice.
func (s *Server) Stop() error {
	s.client.CloseIdleConnections()
	s.process.kill()
	if s.temp == "" {
		return nil
	}
	return os.RemoveAll(s.temp)
}

// Pid is the process id of the server, for measurements and signals.
func (s *Server) Pid() int { return s.process.cmd.Process.Pid }

// start runs a tool on a free port until it answers HTTP. A port that something
// else took in between is tried again with another one.
func start(ctx context.Context, tool string, args func(addr string) []string) (*Server, error) {
	path, err := Tool(tool)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for range 5 {
		addr, freeErr := freeAddr()
		if freeErr != nil {
			return nil, freeErr
		}
		var p *process
		if p, err = spawn(path, args(addr)); err != nil {
			return nil, err
		}
		s := &Server{URL: "http://" + addr, process: p, client: newClient()}
		if err = s.await(ctx); err == nil {
			return s, nil
		}
		s.Stop()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("%s does not start: %w", tool, err)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
}

// await returns when the server answers a request, whatever it says.
func (s *Server) await(ctx context.Context) error {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		reply, err := s.do(ctx, http.MethodGet, "", "", nil, nil, 0)
		if err == nil {
			return reply.Body.Close()
		}
		select {
		case <-s.process.exited:
			return fmt.Errorf("it ended: %s", bytes.TrimSpace(s.process.output.Bytes()))
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-poll.C:
		}
	}
}

// A process is a child that dies with us.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer  // complete once exited is closed
	exited chan struct{} // closed when the child is gone and reaped
	once   sync.Once
}

func spawn(path string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	dieWithParent(p.cmd)
	started := make(chan error)
	go func() {
		// The kernel sends the parent-death signal when the thread that forked ends, so
		// that thread stays with this goroutine until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait()
			close(p.exited)
		}
	}()
	return p, <-started
}

// kill ends the child and returns when it is gone.
func (p *process) kill() {
	p.once.Do(func() { p.cmd.Process.Kill() })
	<-p.exited
}
