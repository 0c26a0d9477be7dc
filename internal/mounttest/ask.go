package mounttest

import (
	"fmt"
	"time"

	"sd/staging"
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

// Drain waits up to limit until nothing is left to do at the providers: uploads of
// acknowledged writes, changed times and modes, renames of a former mount. What has
// failed is retried at once. An error names what is left.
func (m *Mount) Drain(limit time.Duration) error {
	m.t.Helper()
	var text string
	m.ask("drain "+limit.String(), &text)
	if text != "" {
		return fmt.Errorf("drain: %s", text)
	}
	return nil
}

// Pending lists what waits for its upload, oldest first.
func (m *Mount) Pending() []staging.Pending {
	m.t.Helper()
	var list []staging.Pending
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

// Settle has the mount process send what is staged at and below a name, "BUCKET/NAME", as who
// goes round the mount asks for it.
func (m *Mount) Settle(path string) error {
	m.t.Helper()
	var text string
	m.ask("settle "+path, &text)
	if text != "" {
		return fmt.Errorf("settle %s: %s", path, text)
	}
	return nil
}

// Changed has the mount process look at a name, "BUCKET/NAME", round the mount, and tell the
// mount what it finds there, as who has changed it would.
func (m *Mount) Changed(path string) {
	m.t.Helper()
	var text string
	m.ask("changed "+path, &text)
	if text != "" {
		m.t.Fatalf("changed %s: %s", path, text)
	}
}

// Remove has the mount process remove a volume, given by its URI, from the library, and heed that.
func (m *Mount) Remove(volume string) {
	m.t.Helper()
	var text string
	m.ask("remove "+volume, &text)
	if text != "" {
		m.t.Fatalf("remove %s: %s", volume, text)
	}
}

// Replace has the mount process rename the local file PATH.new to PATH, round the mount, as who
// heeds what it does there.
func (m *Mount) Replace(path string) {
	m.t.Helper()
	var text string
	m.ask("replace "+path, &text)
	if text != "" {
		m.t.Fatalf("replace %s: %s", path, text)
	}
}
