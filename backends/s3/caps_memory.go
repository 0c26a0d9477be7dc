package s3

import (
	"encoding/json"
	"time"

	"sd/backends"
)

// What a server heeds is remembered between processes, so that the first writes of each
// need not look. It is believed for a month; from a day on, the first write that relies on
// it has the server probed again, for it may have become another.
const (
	believed = 30 * 24 * time.Hour
	recently = 24 * time.Hour
)

// A Memory keeps some hundred bytes about one bucket's server for later processes. It is
// asked at the first write and told after a probe, from any goroutine.
type Memory interface {
	// Recall returns what was kept last, nil if that is nothing or cannot be read now.
	Recall() []byte
	// Keep replaces it. Where it cannot, the next process probes.
	Keep([]byte)
}

// remembered is what a Memory keeps, as JSON.
type remembered struct {
	Endpoint, Bucket string
	Found            time.Time
	Capabilities     backends.Capabilities
}

// memory is where capabilities are remembered; the zero memory remembers nothing.
type memory struct {
	Memory
	endpoint, bucket string
}

// recall returns what is remembered of this bucket, nil if nothing is, and whether that
// is recent.
func (m *memory) recall(now time.Time) (known *backends.Capabilities, recent bool) {
	if m.Memory == nil {
		return nil, false
	}
	var r remembered
	if json.Unmarshal(m.Recall(), &r) != nil || r.Endpoint != m.endpoint || r.Bucket != m.bucket {
		return nil, false
	}
	age := now.Sub(r.Found)
	if age < 0 || age > believed {
		return nil, false
	}
	return &r.Capabilities, age <= recently
}

// keep replaces what is remembered.
func (m *memory) keep(c backends.Capabilities, now time.Time) {
	if m.Memory == nil {
		return
	}
	if text, err := json.Marshal(remembered{m.endpoint, m.bucket, now, c}); err == nil {
		m.Keep(text)
	}
}
