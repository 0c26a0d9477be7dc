package mounttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Usage is what the mount process holds.
type Usage struct {
	Goroutines  int
	Descriptors int
	RSS         int64 // bytes in memory, after a collection
}

// Usage asks the mount process what it holds. It collects garbage first.
func (m *Mount) Usage() Usage {
	m.t.Helper()
	var u Usage
	m.ask("usage", &u)
	return u
}

// Goroutines gives the stacks of the mount process.
func (m *Mount) Goroutines() string {
	m.t.Helper()
	var text string
	m.ask("goroutines", &text)
	return text
}

// Drain waits up to limit for all uploads of acknowledged writes, and retries at once
// what has failed. An error names what is left.
func (m *Mount) Drain(limit time.Duration) error {
	m.t.Helper()
	var text string
	m.ask("drain "+limit.String(), &text)
	if text != "" {
		return fmt.Errorf("drain: %s", text)
	}
	return nil
}

// A Pending is a file whose upload is still to come, as package staging tells it.
type Pending struct {
	Volume, Name string
	Size         int64
	State        string // "waiting", "uploading" or "failed"
	Attempts     int
	Reason       string
}

// Pending lists what waits for its upload, oldest first.
func (m *Mount) Pending() []Pending {
	m.t.Helper()
	var list []Pending
	m.ask("pending", &list)
	return list
}

// Refresh makes remote changes below a path of the mount seen at once.
func (m *Mount) Refresh(rel string) error {
	m.t.Helper()
	var text string
	m.ask("refresh "+rel, &text)
	if text != "" {
		return fmt.Errorf("refresh %s: %s", rel, text)
	}
	return nil
}

// usage is the child's half of Mount.Usage.
func usage() Usage {
	runtime.GC()
	u := Usage{Goroutines: runtime.NumGoroutine()}
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		u.Descriptors = len(list) - 1 // that of the folder itself
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64); err == nil {
			u.RSS = pages * int64(os.Getpagesize())
		}
	}
	return u
}

func stacks() string {
	buf := make([]byte, 1<<19)
	return string(buf[:runtime.Stack(buf, true)])
}

// answer writes one line of JSON.
func answer(what any) error {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(what); err != nil {
		return err
	}
	_, err := os.Stdout.Write(line.Bytes())
	return err
}

// text is an error as an answer: "" is none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
