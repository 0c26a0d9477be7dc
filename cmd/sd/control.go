package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// controlTimeout bounds how long a mount may take to answer a question.
const controlTimeout = 2 * time.Second

// A request is one line of JSON over the mount's socket; its answers are others. All
// but the last say what is being waited for.
type request struct {
	// Do is "status", "reload", "renewed", "refresh", "settle", "jobs", "drain", "yield"
	// or "unmount".
	Do    string `json:"do"`
	Limit int    `json:"limit,omitempty"` // status: list at most so many uploads; 0: all
	Path  string `json:"path,omitempty"`  // refresh: below the mountpoint; "" is all
	Lazy  bool   `json:"lazy,omitempty"`  // unmount: even if in use
	// Volume, for settle and renewed, is a fingerprint, and Name a file in it or a folder.
	Volume string `json:"volume,omitempty"`
	Name   []byte `json:"name,omitempty"`
	// Wait, for unmount, is how long the end may wait for uploads; negative: for ever.
	Wait time.Duration `json:"wait,omitempty"`
}

type answer struct {
	Error   string         `json:"error,omitempty"`
	Busy    bool           `json:"busy,omitempty"`
	Status  *mountStatus   `json:"status,omitempty"`
	Waiting *uploadsStatus `json:"waiting,omitempty"` // this is not the last answer
	Left    *uploadsStatus `json:"left,omitempty"`    // unmount: what the next mount will upload
}

// handler answers a request. It may tell what it waits for; ctx ends when nobody
// listens any more.
type handler func(ctx context.Context, req request, tell func(answer)) answer

// serveControl answers requests until l closes; replies counts those that are being
// answered. After a successful "unmount" the connection stays open, so that its end
// tells the client that the process is gone.
func serveControl(l net.Listener, replies *sync.WaitGroup, handle handler) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		replies.Go(func() { serveRequest(conn, handle) })
	}
}

func serveRequest(conn net.Conn, handle handler) {
	_ = conn.SetReadDeadline(time.Now().Add(controlTimeout))
	var req request
	if json.NewDecoder(io.LimitReader(conn, 64<<10)).Decode(&req) != nil {
		conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, conn) // until the client hangs up
		cancel()
	}()
	tell := func(a answer) {
		_ = conn.SetWriteDeadline(time.Now().Add(controlTimeout))
		_ = json.NewEncoder(conn).Encode(a)
	}
	reply := handle(ctx, req, tell)
	tell(reply)
	if req.Do != "unmount" || reply.Error != "" {
		conn.Close()
	}
}

// ask sends one request and waits for its last answer; each one may take as long as the
// timeout, and those before the last go to tell, which may be nil. With untilGone it
// then waits as long again for the process to end.
func (m *mountInfo) ask(ctx context.Context, req request, timeout time.Duration, untilGone bool, tell func(answer)) (answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(timeout, func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", m.socket)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	var reply answer
	err = json.NewEncoder(conn).Encode(req)
	answers := json.NewDecoder(conn)
	for err == nil {
		reply = answer{}
		err = answers.Decode(&reply)
		timer.Reset(timeout)
		if err != nil || reply.Waiting == nil {
			break
		}
		if tell != nil {
			tell(reply)
		}
	}
	if err == nil && untilGone && reply.Error == "" {
		_, err = io.Copy(io.Discard, conn)
	}
	switch cause := context.Cause(ctx); {
	case err == nil:
		return reply, nil
	case errors.Is(cause, context.DeadlineExceeded):
		return reply, fmt.Errorf("the mount at %s (pid %d) did not answer within %v", m.Mountpoint, m.PID, timeout)
	case cause != nil:
		return reply, cause
	}
	return reply, fmt.Errorf("the mount at %s (pid %d): %w", m.Mountpoint, m.PID, err)
}
