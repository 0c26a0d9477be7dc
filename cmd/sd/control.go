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

// A request is one line of JSON over the mount's socket; its answer is another.
type request struct {
	Do   string `json:"do"` // "status", "reload" or "unmount"
	Lazy bool   `json:"lazy,omitempty"`
}

type answer struct {
	Error  string       `json:"error,omitempty"`
	Busy   bool         `json:"busy,omitempty"`
	Status *mountStatus `json:"status,omitempty"`
}

// serveControl answers requests until l closes; replies counts those that are being
// answered. After a successful "unmount" the connection stays open, so that its end
// tells the client that the process is gone.
func serveControl(l net.Listener, replies *sync.WaitGroup, handle func(request) answer) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		replies.Go(func() {
			_ = conn.SetReadDeadline(time.Now().Add(controlTimeout))
			var req request
			if json.NewDecoder(io.LimitReader(conn, 4096)).Decode(&req) != nil {
				conn.Close()
				return
			}
			reply := handle(req)
			_ = conn.SetWriteDeadline(time.Now().Add(controlTimeout))
			_ = json.NewEncoder(conn).Encode(reply)
			if req.Do != "unmount" || reply.Error != "" {
				conn.Close()
			}
		})
	}
}

// ask sends one request and waits for its answer, at most for the timeout. With
// untilGone it then waits for the process to end.
func (m *mountInfo) ask(ctx context.Context, req request, timeout time.Duration, untilGone bool) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", m.socket)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	var reply answer
	err = json.NewEncoder(conn).Encode(req)
	if err == nil {
		err = json.NewDecoder(conn).Decode(&reply)
	}
	if err == nil && untilGone && reply.Error == "" {
		_, err = io.Copy(io.Discard, conn)
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return reply, fmt.Errorf("the mount at %s (pid %d) did not answer within %v", m.Mountpoint, m.PID, timeout)
	case ctx.Err() != nil:
		return reply, ctx.Err()
	case err != nil:
		return reply, fmt.Errorf("the mount at %s (pid %d): %w", m.Mountpoint, m.PID, err)
	}
	return reply, nil
}
