package services

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rclone/rclone/fs/config/obscure"

	"sd/internal/testserver"
	"sd/sdpath"
)

// remoteCannot: rclone would list such names under others.
var remoteCannot = map[string]syscall.Errno{
	"name: control character": syscall.EINVAL,
	"name: newline":           syscall.EINVAL,
}

// startRemote gives a folder that rclone serves over some protocol, as a remote of a configuration
// file.
func startRemote(kind string) func(testing.TB) *Running {
	return func(t testing.TB) *Running {
		t.Helper()
		server := testserver.Rclone(t, kind)
		conf := t.TempDir()
		at := func(file, addr string) Volume {
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				t.Fatal(err)
			}
			where := fmt.Sprintf("host = %s\nport = %s", host, port)
			switch kind {
			case "webdav":
				where = fmt.Sprintf("url = http://%s\nvendor = rclone", addr)
			case "sftp":
				where += "\nshell_type = none"
			}
			file = filepath.Join(conf, file)
			text := fmt.Sprintf("[%s]\ntype = %s\n%s\nuser = %s\npass = %s\n", kind, kind, where,
				testserver.RcloneUser, obscure.MustObscure(testserver.RclonePass))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return Volume{Service: sdpath.Rclone, Identifier: kind, Config: map[string]string{"config_file": file}}
		}
		r := &Running{Direct: at("direct.conf", server.Addr)}
		r.Seed = func(name string, content []byte) error {
			path := filepath.Join(server.Dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			return os.WriteFile(path, content, 0o644)
		}
		if kind == "webdav" {
			faults := newProxied(t, "http://"+server.Addr)
			r.Faults, r.Volume = faults, at("rclone.conf", faults.Addr())
			return r
		}
		faults := newWire(t, server.Addr)
		r.Faults, r.Volume = faults, at("rclone.conf", faults.Addr())
		return r
	}
}
