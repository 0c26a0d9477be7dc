package mounttest

import (
	"context"
	"fmt"
	iofs "io/fs"
	"path"
	"strings"
	"sync"

	"sd/backends"
	"sd/sdpath"
)

// hooks stands in for those whom a mount asks for hits and tells of changes.
type hooks struct {
	hits map[string][]string // URIs, by query

	mu       sync.Mutex
	searches int
	changes  []string
}

// search is fs.Config.Search. The query "?" makes no sense.
func (h *hooks) search(ctx context.Context, query string, limit int, yield func(string, sdpath.Path) error) error {
	h.mu.Lock()
	h.searches++
	h.mu.Unlock()
	if query == "?" {
		return fmt.Errorf("what is %q: %w", query, iofs.ErrInvalid)
	}
	for i, uri := range h.hits[query] {
		if i == limit {
			break
		}
		p, err := sdpath.Parse(uri)
		if err != nil {
			return err
		}
		if err := yield(path.Base(uri), p); err != nil {
			return err
		}
	}
	return nil
}

func (h *hooks) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes = append(h.changes, fmt.Sprintf(format, args...))
}

// Put, Removed, Moved, Wants and Passed make fs.Changes.
func (h *hooks) Put(volume, name string, e backends.Entry) {
	sum := ""
	if e.Meta != nil {
		sum = e.Meta.BLAKE3
	}
	h.note("put %s kind=%d size=%d version=%t blake3=%s", name, e.Kind, e.Size, e.Version != "", sum)
}

func (h *hooks) Removed(volume, name string) { h.note("removed %s", name) }

func (h *hooks) Moved(volume, old, new string, dir bool) { h.note("moved %s %s dir=%t", old, new, dir) }

func (h *hooks) Wants(volume, name, version string, size int64) bool {
	return !strings.HasPrefix(name, "unwanted")
}

func (h *hooks) Passed(volume, name, version string, size int64, sum string) {
	h.note("passed %s size=%d blake3=%s", name, size, sum)
}

// take gives what was noted since the last time.
func (h *hooks) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.changes
	h.changes = nil
	return list
}

// Changes gives what the mount has told of changes since the last call; Options.Record
// makes it note them. A line is "put NAME kind=K size=N version=BOOL blake3=HEX", "removed NAME",
// "moved OLD NEW dir=BOOL" or "passed NAME size=N blake3=HEX".
func (m *Mount) Changes() []string {
	m.t.Helper()
	var list []string
	m.ask("changes", &list)
	return list
}

// Searches counts the queries that the mount has asked.
func (m *Mount) Searches() int {
	m.t.Helper()
	var n int
	m.ask("searches", &n)
	return n
}
