package netproxy

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// A Wire is a TCP proxy that can break, for protocols of which Faults understands nothing. It is
// safe for concurrent use.
type Wire struct {
	target, addr string
	running      sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while refusing
	conns    map[net.Conn]struct{}
	count    int
	closed   bool
	dead     chan struct{} // closed when dying ends; nil while alive
	cut      int64         // bytes that the server may still send; negative: all
}

// NewWire listens on a free loopback port and forwards to target ("host:port"). The caller
// closes it.
func NewWire(target string) (*Wire, error) {
	w := &Wire{target: target, conns: make(map[net.Conn]struct{}), cut: -1}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	w.addr = listener.Addr().String()
	w.serve(listener)
	return w, nil
}

// Addr is where it listens, as "127.0.0.1:port".
func (w *Wire) Addr() string { return w.addr }

// Count is how many connections came since the last Forget.
func (w *Wire) Count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Forget sets Count back to nothing.
func (w *Wire) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count = 0
}

// Close cuts every connection and returns when nothing of the Wire runs anymore.
func (w *Wire) Close() error {
	w.mu.Lock()
	w.closed = true
	w.alive()
	w.mu.Unlock()
	err := w.Refuse()
	w.running.Wait()
	return err
}

// Refuse cuts every connection and has new ones refused.
func (w *Wire) Refuse() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.Close()
	}
	if w.listener == nil {
		return nil
	}
	err := w.listener.Close()
	w.listener = nil
	return err
}

// Die has connections accepted and nothing carried, on those that are there as well.
func (w *Wire) Die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead == nil {
		w.dead = make(chan struct{})
	}
}

// Cut breaks all connections once the server has sent n bytes more on any of them, and each
// later one at its first byte.
func (w *Wire) Cut(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = n
}

// Pass ends Refuse, Die and Cut.
func (w *Wire) Pass() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = -1
	w.alive()
	if w.closed {
		return net.ErrClosed
	}
	if w.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", w.addr)
	if err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	w.serve(listener)
	return nil
}

// alive needs w.mu.
func (w *Wire) alive() {
	if w.dead != nil {
		close(w.dead)
		w.dead = nil
	}
}

// serve needs w.mu or a w that nobody knows yet.
func (w *Wire) serve(listener net.Listener) {
	w.listener = listener
	w.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if w.adopt(conn, true) {
				w.running.Go(func() { w.carry(conn) })
			}
		}
	})
}

// adopt has Refuse cut conn too; false, with conn closed, while refusing.
func (w *Wire) adopt(conn net.Conn, came bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if came {
		w.count++
	}
	if w.listener == nil {
		conn.Close()
		return false
	}
	w.conns[conn] = struct{}{}
	return true
}

func (w *Wire) drop(conn net.Conn) {
	conn.Close()
	w.mu.Lock()
	delete(w.conns, conn)
	w.mu.Unlock()
}

func (w *Wire) carry(client net.Conn) {
	defer w.drop(client)
	w.await()
	server, err := net.Dial("tcp", w.target)
	if err != nil || !w.adopt(server, false) {
		return
	}
	defer w.drop(server)
	var both sync.WaitGroup
	both.Go(func() { w.copy(server, client, false) })
	both.Go(func() { w.copy(client, server, true) })
	both.Wait()
}

// await returns when the wire is not dead.
func (w *Wire) await() {
	w.mu.Lock()
	dead := w.dead
	w.mu.Unlock()
	if dead != nil {
		<-dead
	}
}

// copy carries one direction until an end closes; both ends are closed then.
func (w *Wire) copy(dst, src net.Conn, down bool) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		w.await()
		if down {
			var broken bool
			if n, broken = w.allowed(n); broken {
				err = io.EOF
			}
		}
		if _, failed := dst.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

// allowed is how many of n bytes of the server may pass, and whether the connection breaks then.
func (w *Wire) allowed(n int) (int, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut < 0 || n == 0 {
		return n, false
	}
	if int64(n) <= w.cut {
		w.cut -= int64(n)
		return n, false
	}
	n = int(w.cut)
	w.cut = 0
	return n, true
}
