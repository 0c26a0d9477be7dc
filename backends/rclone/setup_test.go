package rclone

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sd/internal/testserver"

	"github.com/rclone/rclone/fs/config/obscure"
)

// optionsOf are the options of a remote on a server.
func optionsOf(kind, addr string) map[string]string {
	if kind == "webdav" {
		return map[string]string{"url": "http://" + addr, "vendor": "rclone", "user": testserver.RcloneUser}
	}
	host, port, _ := net.SplitHostPort(addr)
	return map[string]string{"host": host, "port": port, "user": testserver.RcloneUser}
}

func password() (map[string]string, error) {
	return map[string]string{"pass": obscure.MustObscure(testserver.RclonePass)}, nil
}

// open opens a remote and closes it with the test.
func open(t testing.TB, cfg Config) Store {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	storeOf(s).page = 5
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// served opens an empty folder of a server.
func served(t testing.TB, srv *testserver.RcloneServe, change func(*Config)) Store {
	t.Helper()
	dir, err := os.MkdirTemp(srv.Dir, "root-")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Type: srv.Kind, Name: "test", Root: filepath.Base(dir), Options: optionsOf(srv.Kind, srv.Addr), Secrets: password,
		ProbeEvery: 20 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	return open(t, cfg)
}
