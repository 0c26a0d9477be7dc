package s3

import (
	"encoding/json"
	"os"
	"path/filepath"
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

// remembered is the file that Config.Remember names.
type remembered struct {
	Endpoint, Bucket string
	Found            time.Time
	Capabilities     backends.Capabilities
}

// memory is where capabilities are remembered; the zero memory remembers nothing.
type memory struct {
	path             string
	endpoint, bucket string
}

// recall returns what is remembered of this bucket, nil if nothing is, and whether that
// is recent.
func (m *memory) recall(now time.Time) (known *backends.Capabilities, recent bool) {
	if m.path == "" {
		return nil, false
	}
	text, err := os.ReadFile(m.path)
	var r remembered
	if err != nil || json.Unmarshal(text, &r) != nil || r.Endpoint != m.endpoint || r.Bucket != m.bucket {
		return nil, false
	}
	age := now.Sub(r.Found)
	if age < 0 || age > believed {
		return nil, false
	}
	return &r.Capabilities, age <= recently
}

// keep replaces what is remembered. Where it cannot be written, the next process probes.
func (m *memory) keep(c backends.Capabilities, now time.Time) {
	if m.path == "" {
		return
	}
	text, err := json.Marshal(remembered{m.endpoint, m.bucket, now, c})
	if err != nil || os.MkdirAll(filepath.Dir(m.path), 0o700) != nil {
		return
	}
	file, err := os.CreateTemp(filepath.Dir(m.path), ".capabilities-")
	if err != nil {
		return
	}
	_, err = file.Write(text)
	if cerr := file.Close(); err == nil && cerr == nil && os.Rename(file.Name(), m.path) == nil {
		return
	}
	_ = os.Remove(file.Name())
}
