package netproxy

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// DefaultWindow is how many bytes one direction of a connection may have under
// way when Config.Window is 0: at 30 ms one stream carries about 85 MiB/s, close
// to what a single connection to S3 gives in practice.
const DefaultWindow = 3 << 20

// Config describes the network that a Link stands for.
type Config struct {
	// RTT is the round trip: half of it delays each direction, and every new
	// connection costs one whole.
	RTT time.Duration
	// Window bounds the unacknowledged bytes of one connection and direction;
	// 0 is DefaultWindow.
	Window int
	// Mbit caps all connections together, in 10^6 bits a second and direction;
	// 0 is no cap.
	Mbit float64
}

// A Link is a TCP proxy to one address. It is safe for concurrent use.
type Link struct {
	cfg      Config
	target   string
	listener net.Listener
	up, down pacer
	done     chan struct{}
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

// NewLink listens on a free loopback port and forwards to target ("host:port").
// The caller closes the Link.
func NewLink(target string, cfg Config) (*Link, error) {
	if cfg.Window <= 0 {
		cfg.Window = DefaultWindow
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("delay proxy: %w", err)
	}
	l := &Link{
		cfg:      cfg,
		target:   target,
		listener: listener,
		up:       pacer{bytesPerSecond: cfg.Mbit * 1e6 / 8},
		down:     pacer{bytesPerSecond: cfg.Mbit * 1e6 / 8},
		done:     make(chan struct{}),
		conns:    make(map[net.Conn]struct{}),
	}
	l.running.Go(l.accept)
	return l, nil
}

// Addr is where the Link listens, as "127.0.0.1:port".
func (l *Link) Addr() string { return l.listener.Addr().String() }

// URL is "http://" and Addr.
func (l *Link) URL() string { return "http://" + l.Addr() }

// Close cuts every connection and returns when nothing of the Link runs anymore.
func (l *Link) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.done)
	err := l.listener.Close()
	for c := range l.conns {
		c.Close()
	}
	l.mu.Unlock()
	l.running.Wait()
	return err
}

func (l *Link) accept() {
	for {
		conn, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if !l.adopt(conn) {
			return
		}
		l.running.Go(func() { l.serve(conn) })
	}
}

// adopt has Close cut conn too; it reports false, with conn closed, after Close.
func (l *Link) adopt(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		return false
	}
	l.conns[conn] = struct{}{}
	return true
}

func (l *Link) drop(conn net.Conn) {
	conn.Close()
	l.mu.Lock()
	delete(l.conns, conn)
	l.mu.Unlock()
}

func (l *Link) serve(client net.Conn) {
	defer l.drop(client)
	if !l.sleepUntil(time.Now().Add(l.cfg.RTT)) {
		return
	}
	server, err := net.Dial("tcp", l.target)
	if err != nil || !l.adopt(server) {
		return
	}
	defer l.drop(server)

	var both sync.WaitGroup
	both.Go(l.pipe(server, client, &l.up).run)
	both.Go(l.pipe(client, server, &l.down).run)
	both.Wait()
}

func (l *Link) pipe(dst, src net.Conn, line *pacer) *pipe {
	return &pipe{
		link:  l,
		src:   src,
		dst:   dst,
		line:  line,
		ring:  make([]byte, l.cfg.Window),
		sent:  make(chan struct{}, 1),
		acked: make(chan struct{}, 1),
	}
}

// sleepUntil reports false as soon as the Link is closed.
func (l *Link) sleepUntil(t time.Time) bool {
	wait := time.Until(t)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.done:
		return false
	}
}

// A pacer hands out the time at which bytes have left a line of limited speed.
type pacer struct {
	bytesPerSecond float64

	mu   sync.Mutex
	free time.Time // when the line has sent all it was given
}

func (p *pacer) sent(n int, now time.Time) time.Time {
	if p.bytesPerSecond <= 0 {
		return now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(float64(n) / p.bytesPerSecond * float64(time.Second)))
	return p.free
}
