package netproxy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/internal/netproxy"
)

func TestWire(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	w, err := netproxy.NewWire(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	echo := func(c net.Conn, text string, within time.Duration) (string, error) {
		c.SetDeadline(time.Now().Add(within))
		if _, err := io.WriteString(c, text); err != nil {
			return "", err
		}
		b := make([]byte, len(text))
		n, err := io.ReadFull(c, b)
		return string(b[:n]), err
	}
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", w.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	c := dial()
	if got, err := echo(c, "hello", time.Minute); got != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	w.Die()
	if got, err := echo(c, "later", 50*time.Millisecond); got != "" || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a dead wire answers %q, %v", got, err)
	}
	if err := w.Pass(); err != nil {
		t.Error(err)
	}
	c.SetDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); string(b) != "later" || err != nil {
		t.Errorf("after it lives again: %q, %v", b, err)
	}
	w.Cut(7)
	if got, err := echo(c, strings.Repeat("x", 10), time.Minute); len(got) != 7 || err == nil {
		t.Errorf("a cut wire lets %q pass, %v", got, err)
	}
	if got, err := echo(dial(), "y", time.Minute); got != "" || err == nil {
		t.Errorf("the next connection lets %q pass, %v", got, err)
	}
	if err := w.Refuse(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", w.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialing a wire that refuses: %v", err)
	}
	if err := w.Pass(); err != nil {
		t.Error(err)
	}
	if got, err := echo(dial(), "again", time.Minute); got != "again" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got := w.Count(); got != 3 {
		t.Errorf("%d connections, want 3", got)
	}
	w.Forget()
	if got := w.Count(); got != 0 {
		t.Errorf("%d connections after Forget", got)
	}
}
