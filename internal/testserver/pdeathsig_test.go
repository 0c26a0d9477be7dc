//go:build linux || freebsd

package testserver_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/internal/testserver"
)

const killedChild = "SD_TEST_KILLED_CHILD"

// TestServerDiesWithItsParent runs itself in a child that starts a server, says
// where, and is killed.
func TestServerDiesWithItsParent(t *testing.T) {
	if os.Getenv(killedChild) != "" {
		s, err := testserver.StartGofakes3(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString(s.URL + "\n")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithItsParent$")
	child.Env = append(os.Environ(), killedChild+"=1")
	out, err := child.Output()
	url, _, _ := strings.Cut(string(out), "\n")
	if err == nil || !strings.HasPrefix(url, "http://") {
		t.Fatalf("the child said %q and ended with %v, want a URL and a kill", out, err)
	}
	for end := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(end) {
			t.Fatal("the server outlived its parent")
		}
	}
}
