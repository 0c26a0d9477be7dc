package netproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// bulk is the size of a read that shows a transfer under way. From then on the
// sender rests for rtt/ticksPerRTT between reads, so that it moves much at a time
// instead of being woken for every segment.
const (
	bulk        = 16 << 10
	ticksPerRTT = 12
)

// mark says that all bytes before end may move on at a time.
type mark struct {
	end int64
	at  time.Time
}

// A pipe is one direction of one connection. Its bytes lie in a ring as large as
// the window from the moment they were read until they are acknowledged, half a
// round trip after their delivery. Offsets count all bytes since the beginning.
type pipe struct {
	link     *Link
	src, dst net.Conn
	line     *pacer
	ring     []byte

	mu     sync.Mutex
	flying []mark // read from src, not yet written to dst
	acks   []mark // written to dst, not yet known to the sender
	ended  bool   // src will say no more
	broken bool

	sent  chan struct{} // wakes the receiver; holds one token
	acked chan struct{} // wakes the sender; holds one token
}

// run carries what src says to dst until src ends, which it passes on as a half
// close. An error cuts both connections, and so ends the other direction too.
func (p *pipe) run() {
	var receiver sync.WaitGroup
	receiver.Go(func() {
		if err := p.receive(); err != nil {
			p.cut()
		}
	})
	if err := p.send(); err != nil {
		p.cut()
	}
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	wake(p.sent)
	receiver.Wait()
}

func (p *pipe) cut() {
	p.mu.Lock()
	p.broken = true
	p.mu.Unlock()
	p.src.Close()
	p.dst.Close()
	wake(p.acked)
}

// send reads src into the ring, never more than a window beyond what is acked.
func (p *pipe) send() error {
	var read, acked int64
	window := int64(len(p.ring))
	for {
		acked = p.settle(acked)
		for read-acked == window {
			if err := p.awaitAck(); err != nil {
				return err
			}
			acked = p.settle(acked)
		}
		at := read % window
		n, err := p.src.Read(p.ring[at:min(at+window-(read-acked), window)])
		if n > 0 {
			read += int64(n)
			now := time.Now()
			p.mu.Lock()
			p.flying = append(p.flying, mark{read, p.line.sent(n, now).Add(p.link.cfg.RTT / 2)})
			p.mu.Unlock()
			wake(p.sent)
			if n >= bulk && err == nil && !p.link.sleepUntil(now.Add(p.link.cfg.RTT/ticksPerRTT)) {
				return net.ErrClosed
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// settle forgets the acks that have arrived and returns the offset they reach.
func (p *pipe) settle(acked int64) int64 {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.acks) > 0 && !p.acks[0].at.After(now) {
		acked = p.acks[0].end
		p.acks = p.acks[1:]
	}
	return acked
}

// awaitAck returns when there may be an ack to settle.
func (p *pipe) awaitAck() error {
	p.mu.Lock()
	broken := p.broken
	var next time.Time
	if len(p.acks) > 0 {
		next = p.acks[0].at
	}
	p.mu.Unlock()
	if broken {
		return net.ErrClosed
	}
	if !next.IsZero() {
		if !p.link.sleepUntil(next) {
			return net.ErrClosed
		}
		return nil
	}
	select {
	case <-p.acked:
		return nil
	case <-p.link.done:
		return net.ErrClosed
	}
}

// receive writes to dst what is due, all of it at once.
func (p *pipe) receive() error {
	var written int64
	for {
		p.mu.Lock()
		if len(p.flying) == 0 {
			ended := p.ended
			p.mu.Unlock()
			if ended {
				return closeWrite(p.dst)
			}
			select {
			case <-p.sent:
			case <-p.link.done:
				return net.ErrClosed
			}
			continue
		}
		due := p.flying[0].at
		p.mu.Unlock()
		if !p.link.sleepUntil(due) {
			return net.ErrClosed
		}
		end := p.arrived(written)
		if err := p.write(written, end); err != nil {
			return err
		}
		written = end
		p.mu.Lock()
		p.acks = append(p.acks, mark{end, time.Now().Add(p.link.cfg.RTT / 2)})
		p.mu.Unlock()
		wake(p.acked)
	}
}

// arrived takes every packet that is due off the line and returns where they end.
func (p *pipe) arrived(written int64) int64 {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.flying) > 0 && !p.flying[0].at.After(now) {
		written = p.flying[0].end
		p.flying = p.flying[1:]
	}
	return written
}

func (p *pipe) write(from, to int64) error {
	window := int64(len(p.ring))
	for from < to {
		at := from % window
		n, err := p.dst.Write(p.ring[at:min(at+to-from, window)])
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

func closeWrite(c net.Conn) error {
	if tcp, ok := c.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return c.Close()
}

// wake leaves a token in c unless there is one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
