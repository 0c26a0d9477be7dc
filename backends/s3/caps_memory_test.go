package s3

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
	"sd/internal/testserver"
)

// note is a Memory for the length of a test.
type note struct {
	mu   sync.Mutex
	text []byte
}

func (n *note) Recall() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text
}

func (n *note) Keep(text []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = text
}

// TestRemembered finds out what a server heeds once for many processes, and anew when
// that was long ago, elsewhere or cannot be read.
func TestRemembered(t *testing.T) {
	t.Parallel()
	l := newLab(t, testserver.Versitygw, nil)
	kept, writes := &note{}, 0
	// write is the first write of a process: what it asks, and whether it probes.
	write := func(change func(*Config)) (heads int64, probes bool) {
		t.Helper()
		b := open(t, l.faults.URL(), func(c *Config) {
			c.Memory = kept
			if change != nil {
				change(c)
			}
		})
		writes++
		_, err := b.Put(t.Context(), strings.Repeat("n", writes), strings.NewReader("x"), 1, backends.Meta{}, backends.Cond{Absent: true})
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		asked := b.Stats().Requests
		return asked["HEAD"], asked["PROBE"] > 0
	}
	expect := func(when string, change func(*Config), heads int64, probes bool) {
		t.Helper()
		if h, p := write(change); h != heads || p != probes {
			t.Errorf("%s: %d HEAD, probes: %v; want %d, %v", when, h, p, heads, probes)
		}
	}
	edit := func(change func(*remembered)) {
		t.Helper()
		var r remembered
		if err := json.Unmarshal(kept.Recall(), &r); err != nil {
			t.Fatal(err)
		}
		change(&r)
		text, _ := json.Marshal(r)
		kept.Keep(text)
	}
	age := func(d time.Duration) { edit(func(r *remembered) { r.Found = time.Now().Add(-d) }) }

	expect("the first process", nil, 1, true)
	expect("the second", nil, 0, false)
	age(recently + time.Minute)
	expect("a day later", nil, 0, true)
	expect("after that", nil, 0, false)
	age(believed + time.Minute)
	expect("a month later", nil, 1, true)
	age(-time.Hour)
	expect("from the future", nil, 1, true)
	edit(func(r *remembered) { r.Endpoint = "http://elsewhere" })
	expect("of another server", nil, 1, true)
	kept.Keep([]byte("{"))
	expect("damaged", nil, 1, true)
	expect("without a memory", func(c *Config) { c.Memory = nil }, 1, true)
	expect("after the damage", nil, 0, false)
}
