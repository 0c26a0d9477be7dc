//go:build linux

package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// meter is a TCP proxy that counts the bytes which reach either side.
type meter struct {
	listener net.Listener
	target   string
	up, down atomic.Int64 // to the target, and from it
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool
}

func newMeter(target string) (*meter, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meter{listener: listener, target: target, conns: map[net.Conn]bool{}}
	m.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			m.running.Go(func() { m.serve(client) })
		}
	})
	return m, nil
}

func (m *meter) url() string { return "http://" + m.listener.Addr().String() }

// forget sets the counts back to nothing.
func (m *meter) forget() {
	m.up.Store(0)
	m.down.Store(0)
}

func (m *meter) close() {
	m.mu.Lock()
	m.closed = true
	_ = m.listener.Close()
	for c := range m.conns {
		_ = c.Close()
	}
	m.mu.Unlock()
	m.running.Wait()
}

// adopt has close cut the connection too; it reports false after that.
func (m *meter) adopt(c net.Conn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		_ = c.Close()
		return false
	}
	m.conns[c] = true
	return true
}

func (m *meter) drop(c net.Conn) {
	_ = c.Close()
	m.mu.Lock()
	delete(m.conns, c)
	m.mu.Unlock()
}

func (m *meter) serve(client net.Conn) {
	if !m.adopt(client) {
		return
	}
	defer m.drop(client)
	server, err := net.Dial("tcp", m.target)
	if err != nil || !m.adopt(server) {
		return
	}
	defer m.drop(server)
	var both sync.WaitGroup
	both.Go(func() { carry(server, client, &m.up) })
	both.Go(func() { carry(client, server, &m.down) })
	both.Wait()
}

// carry copies until either side ends, which it passes on.
func carry(dst, src net.Conn, n *atomic.Int64) {
	_, err := io.Copy(counted{dst, n}, src)
	if tcp, ok := dst.(*net.TCPConn); ok && err == nil {
		_ = tcp.CloseWrite()
		return
	}
	_ = dst.Close()
	_ = src.Close()
}

// counted counts what is written.
type counted struct {
	io.Writer
	n *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	return n, err
}
