package rclone

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// unanswered counts the requests of an operation whose answers were lost. rclone sends a request
// again by itself then, and what comes back is about the second one: "there is one already".
type unanswered struct{ sent, answered atomic.Int64 }

// watch returns ctx, whose requests are counted.
func (u *unanswered) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { u.sent.Add(1) },
		GotFirstResponseByte: func() { u.answered.Add(1) },
	})
}

// any tells whether an answer was lost.
func (u *unanswered) any() bool { return u.sent.Load() > u.answered.Load() }
