// Package clouds pretends to be Google Drive, OneDrive and Dropbox inside the calling
// process: a proxy on loopback ends the TLS of their host names with a certificate
// authority of its own and hands the requests to fakes with true state and the
// services' own strictness. Clients, also whole child processes, need only the proxy's
// address and the authority; no host but those of the fakes is ever reached.
//
// Only tests, benchmarks and the demonstration import it.
package clouds

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/internal/clouds/drive"
	"sd/internal/clouds/dropbox"
	"sd/internal/clouds/onedrive"
)

// A Clouds is the proxy and what is behind it. It is safe for concurrent use.
type Clouds struct {
	// ProxyURL is "http://127.0.0.1:port", for HTTPS_PROXY.
	ProxyURL string
	// CAFile holds the certificate of the authority as PEM.
	CAFile string

	Drive    *drive.Service
	OneDrive *onedrive.Service
	Dropbox  *dropbox.Service

	dir      string
	handlers map[string]http.Handler // by host name
	tls      *tls.Config
	outer    *http.Server // takes CONNECT
	inner    *http.Server // speaks to the clients within it
	conns    *handover
	running  sync.WaitGroup

	mu      sync.Mutex
	refused []string
}

// Start runs the clouds for the length of a test, which fails if a client wants to
// reach any other host through the proxy.
func Start(t testing.TB) *Clouds {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("stop the clouds: %v", err)
		}
		if hosts := c.Refused(); len(hosts) > 0 {
			t.Errorf("the proxy was asked for %v, want none but the clouds", hosts)
		}
	})
	return c
}

// New starts the clouds, empty. The caller closes them.
func New() (*Clouds, error) {
	c := &Clouds{
		Drive: drive.New(), OneDrive: onedrive.New(), Dropbox: dropbox.New(),
		handlers: make(map[string]http.Handler), conns: newHandover(),
	}
	for _, host := range drive.Hosts {
		c.handlers[host] = c.Drive
	}
	for _, host := range onedrive.Hosts {
		c.handlers[host] = c.OneDrive
	}
	for _, host := range dropbox.Hosts {
		c.handlers[host] = c.Dropbox
	}
	var hosts []string
	for host := range c.handlers {
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	cert, authority, err := certify(hosts)
	if err != nil {
		return nil, fmt.Errorf("clouds: %w", err)
	}
	c.tls = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	if c.dir, err = os.MkdirTemp("", "clouds-"); err != nil {
		return nil, err
	}
	c.CAFile = filepath.Join(c.dir, "ca.pem")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = os.WriteFile(c.CAFile, authority, 0o600)
	}
	if err != nil {
		os.RemoveAll(c.dir)
		return nil, fmt.Errorf("clouds: %w", err)
	}
	c.ProxyURL = "http://" + listener.Addr().String()
	quiet := log.New(io.Discard, "", 0)
	c.outer = &http.Server{Handler: http.HandlerFunc(c.connect), ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	c.inner = &http.Server{Handler: http.HandlerFunc(c.serve), ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	c.running.Go(func() { _ = c.outer.Serve(listener) })
	c.running.Go(func() { _ = c.inner.Serve(c.conns) })
	return c, nil
}

// Close cuts every connection and returns when nothing of the clouds runs anymore. It
// may be called twice.
func (c *Clouds) Close() error {
	c.Drive.Close()
	c.OneDrive.Close()
	c.Dropbox.Close()
	err := errors.Join(c.outer.Close(), c.inner.Close(), c.conns.Close(), os.RemoveAll(c.dir))
	c.running.Wait()
	return err
}

// Env is what a child process must have in its environment to reach the clouds and
// nothing else, with Go's and Node's names for it.
func (c *Clouds) Env() []string {
	return []string{
		"HTTPS_PROXY=" + c.ProxyURL, "https_proxy=" + c.ProxyURL, "HTTP_PROXY=" + c.ProxyURL, "http_proxy=" + c.ProxyURL,
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"SSL_CERT_FILE=" + c.CAFile, "NODE_EXTRA_CA_CERTS=" + c.CAFile,
	}
}

// Refused are the hosts that somebody wanted to reach and that are not ours.
func (c *Clouds) Refused() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.refused)
}

// connect begins a tunnel and hands its inside to the inner server.
func (c *Clouds) connect(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || err != nil || port != "443" || c.handlers[strings.ToLower(host)] == nil {
		c.mu.Lock()
		c.refused = append(c.refused, r.Host)
		c.mu.Unlock()
		http.Error(w, "no such cloud: "+r.Host, http.StatusForbidden)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		conn.Close()
		return
	}
	c.conns.give(tls.Server(conn, c.tls))
}

func (c *Clouds) serve(w http.ResponseWriter, r *http.Request) {
	host := strings.ToLower(strings.TrimSuffix(r.Host, ":443"))
	h := c.handlers[host]
	if h == nil {
		http.Error(w, "no such cloud: "+r.Host, http.StatusMisdirectedRequest)
		return
	}
	r.Host, r.URL.Host = host, host
	h.ServeHTTP(w, r)
}
