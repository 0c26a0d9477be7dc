package netproxy_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/internal/netproxy"
)

func startLink(t testing.TB, target string, cfg netproxy.Config) *netproxy.Link {
	t.Helper()
	l, err := netproxy.NewLink(strings.TrimPrefix(target, "http://"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// echoServer says everything back and half-closes when the client did.
func echoServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestLinkCarriesBytes(t *testing.T) {
	for _, cfg := range []netproxy.Config{
		{},
		{RTT: 2 * time.Millisecond},
		{RTT: 2 * time.Millisecond, Window: 1000},
		{Window: 1},
		{RTT: time.Millisecond, Mbit: 2000},
	} {
		link := startLink(t, echoServer(t), cfg)
		size := 5<<20 + 17
		if cfg.Window > 0 {
			size = 20 * cfg.Window
		}
		want := make([]byte, size)
		rand.Read(want)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				got, err := echo(link.Addr(), want)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%+v: got %d bytes, %v; want the %d that were sent", cfg, len(got), err, len(want))
				}
			})
		}
		all.Wait()
	}
}

func echo(addr string, data []byte) ([]byte, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	go func() {
		conn.Write(data)
		conn.(*net.TCPConn).CloseWrite()
	}()
	return io.ReadAll(conn)
}

func TestLinkDelaysAtLeastTheRoundTrips(t *testing.T) {
	const rtt = 20 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	link := startLink(t, server.URL, netproxy.Config{RTT: rtt})
	for i, want := range []time.Duration{2 * rtt, rtt, rtt} {
		start := time.Now()
		reply, err := http.Get(link.URL())
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if took := time.Since(start); took < want {
			t.Errorf("request %d took %v, want at least %v", i, took, want)
		}
	}
}

func TestLinkKeepsToItsBandwidth(t *testing.T) {
	link := startLink(t, echoServer(t), netproxy.Config{Mbit: 80}) // 10 MB a second
	data := make([]byte, 500_000)
	start := time.Now()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if got, err := echo(link.Addr(), data); err != nil || len(got) != len(data) {
				t.Errorf("got %d bytes, %v; want %d", len(got), err, len(data))
			}
		})
	}
	all.Wait()
	if took, least := time.Since(start), 100*time.Millisecond; took < least {
		t.Errorf("1 MB passed in %v, want at least %v", took, least)
	}
}

func TestLinkCloseCutsConnections(t *testing.T) {
	link := startLink(t, echoServer(t), netproxy.Config{RTT: time.Hour})
	conn, err := net.Dial("tcp", link.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := link.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("reading after Close: %v, want the end of the connection", err)
	}
	if _, err := net.Dial("tcp", link.Addr()); err == nil {
		t.Error("a closed link still listens")
	}
	if err := link.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestLinkEndsWhenTheServerIsGone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	link := startLink(t, listener.Addr().String(), netproxy.Config{})
	if got, err := echo(link.Addr(), nil); err == nil && len(got) > 0 {
		t.Errorf("got %d bytes from nowhere", len(got))
	}
}

func BenchmarkLink16Streams(b *testing.B) { benchmarkLink(b, 16) }
func BenchmarkLink1Stream(b *testing.B)   { benchmarkLink(b, 1) }

// benchmarkLink reads bodies of 8 MiB over n connections at 30 ms.
func benchmarkLink(b *testing.B, n int) {
	body := make([]byte, 8<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
	defer server.Close()
	link := startLink(b, server.URL, netproxy.Config{RTT: 30 * time.Millisecond})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n, DisableCompression: true, ReadBufferSize: 256 << 10}}
	b.SetBytes(int64(len(body)))
	jobs := make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for range jobs {
				reply, err := client.Get(link.URL())
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, reply.Body)
				reply.Body.Close()
			}
		})
	}
	for b.Loop() {
		jobs <- struct{}{}
	}
	close(jobs)
	all.Wait()
}
