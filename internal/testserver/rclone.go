package testserver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// RcloneServe is a running "rclone serve". Its methods are safe for concurrent use.
type RcloneServe struct {
	Kind string // "webdav", "sftp" or "ftp"
	// Addr is "127.0.0.1:port".
	Addr string
	// Dir is the folder that it serves. Changes made there are seen at once.
	Dir string

	process *process
	temp    string
}

// The login that RcloneServe takes. The password is also given as rclone keeps it.
const (
	RcloneUser = "user"
	RclonePass = "pass-of-user"
)

// StartRcloneServe serves dir over "webdav", "sftp" or "ftp" on a free port.
func StartRcloneServe(ctx context.Context, kind, dir string) (*RcloneServe, error) {
	path, err := Tool("rclone")
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "rclone-serve-")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for range 5 {
		addr, freeErr := freeAddr()
		if freeErr != nil {
			return nil, freeErr
		}
		args := []string{
			"serve", kind, dir, "--addr", addr, "--user", RcloneUser, "--pass", RclonePass,
			"--config", filepath.Join(temp, "none.conf"), "--cache-dir", temp,
			"--vfs-cache-mode", "off", "--dir-cache-time", "1ms", "--poll-interval", "0",
			"--no-unicode-normalization",
		}
		if kind == "webdav" {
			args = append(args, "--etag-hash", "MD5")
		}
		var p *process
		if p, err = spawn(path, args); err != nil {
			break
		}
		s := &RcloneServe{Kind: kind, Addr: addr, Dir: dir, process: p, temp: temp}
		if err = s.await(ctx); err == nil {
			return s, nil
		}
		p.kill()
		if ctx.Err() != nil {
			break
		}
	}
	os.RemoveAll(temp)
	return nil, fmt.Errorf("rclone serve %s does not start: %w", kind, err)
}

// await returns when the server takes connections.
func (s *RcloneServe) await(ctx context.Context) error {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := net.Dial("tcp", s.Addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.process.exited:
			return fmt.Errorf("it ended: %s", bytes.TrimSpace(s.process.output.Bytes()))
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
	}
}

// Stop kills the server. What it served stays. It may be called twice.
func (s *RcloneServe) Stop() error {
	s.process.kill()
	return os.RemoveAll(s.temp)
}

// Pid is the process id of the server, for measurements and signals.
func (s *RcloneServe) Pid() int { return s.process.cmd.Process.Pid }

// Rclone serves an empty folder for the length of a test.
func Rclone(t testing.TB, kind string) *RcloneServe {
	t.Helper()
	s, err := StartRcloneServe(context.Background(), kind, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop rclone serve: %v", err)
		}
	})
	return s
}
