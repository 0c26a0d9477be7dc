package resolver

import (
	"sync"
	"time"
)

// latencies are how long volumes took to their first byte. Safe for concurrent use.
type latencies struct {
	mu sync.Mutex
	m  map[string]time.Duration // by fingerprint
}

// Measured notes how long a volume took to give the first byte of something that was not
// cached. It goes into the rank of its copies, for as long as r lives.
func (r *Resolver) Measured(fingerprint string, took time.Duration) {
	l := &r.latencies
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[string]time.Duration)
	}
	if old := l.m[fingerprint]; old > 0 {
		took = old + (took-old)/4 // one slow answer does not make a slow volume
	}
	l.m[fingerprint] = took
}

func (l *latencies) of(fingerprint string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.m[fingerprint]
}
