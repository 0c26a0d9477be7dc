package fs

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/cache"
	"sd/sdpath"
)

// splitName cuts a whole name into its folder and its segment there.
func splitName(name string) (dir, seg string) {
	segments := sdpath.SplitKey(name)
	if len(segments) < 2 {
		return "", name
	}
	seg = segments[len(segments)-1]
	return name[:len(name)-len(seg)-1], seg
}

// within tells whether name is folder dir or below it.
func within(name, dir string) bool {
	return name == dir || dir == "" || strings.HasPrefix(name, dir) && name[len(dir)] == '/'
}

// folderTable knows of folders what no listing tells. Safe for concurrent use.
type folderTable struct {
	fold folding // by what it gives go all names below

	mu      sync.Mutex
	lefts   uint64            // how often a folder has left a name
	gens    map[string]uint64 // and when it last left that one
	markers map[string]bool   // those that last without any entry
}

// maxMarkers bounds what is remembered about markers; it is only to save requests.
const maxMarkers = 10_000

// identity numbers a folder. One that is renamed keeps its identity, so another that
// takes its old name needs a new one.
func (t *folderTable) identity(volume, name string) fusefs.StableAttr {
	t.mu.Lock()
	defer t.mu.Unlock()
	name = t.fold.of(name)
	number := name
	if n := t.gens[name]; n > 0 {
		number = fmt.Sprint(name, "\x00", n)
	}
	id := cache.NewID(volume, number, "")
	return fusefs.StableAttr{
		Mode: syscall.S_IFDIR,
		Ino:  cloudIno(volume, number),
		Gen:  binary.LittleEndian.Uint64(id[8:]),
	}
}

// left notes that a folder is no more under that name.
func (t *folderTable) left(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gens == nil {
		t.gens = make(map[string]uint64)
	}
	if len(t.gens) >= maxMarkers { // numbers of long ago are of no use to anybody
		clear(t.gens)
	}
	t.lefts++
	t.gens[t.fold.of(name)] = t.lefts
}

// mark notes whether a folder has a marker.
func (t *folderTable) mark(name string, has bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name = t.fold.of(name)
	switch {
	case !has:
		delete(t.markers, name)
		return
	case t.markers == nil || len(t.markers) >= maxMarkers:
		t.markers = make(map[string]bool)
	}
	t.markers[name] = true
}

func (t *folderTable) marked(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.markers[t.fold.of(name)]
}

// unmark forgets the markers of a folder and all below.
func (t *folderTable) unmark(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.markers {
		if t.fold.within(name, dir) {
			delete(t.markers, name)
		}
	}
}

// moves keeps changes out of folders that are being renamed. Safe for concurrent use.
type moves struct {
	fold folding // by what it gives go all names below

	mu      sync.Mutex
	moving  []string
	changes map[string]int // changes under way, by name
	quiet   chan struct{}  // closed and replaced when one of either ends
}

// enter waits until no folder with name in it is being renamed; leave ends the change.
func (m *moves) enter(ctx context.Context, name string) syscall.Errno {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = m.fold.of(name)
	for slices.ContainsFunc(m.moving, func(dir string) bool { return within(name, dir) }) {
		if !m.wait(ctx) {
			return syscall.EINTR
		}
	}
	if m.changes == nil {
		m.changes = make(map[string]int)
	}
	m.changes[name]++
	return 0
}

func (m *moves) leave(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = m.fold.of(name)
	if m.changes[name]--; m.changes[name] == 0 {
		delete(m.changes, name)
	}
	m.tell()
}

// begin waits until nothing changes in the folders and keeps changes out until end.
func (m *moves) begin(ctx context.Context, dirs ...string) syscall.Errno {
	m.mu.Lock()
	defer m.mu.Unlock()
	dirs = m.folded(dirs)
	clash := func() bool {
		for _, dir := range dirs {
			for other := range m.changes {
				if within(other, dir) {
					return true
				}
			}
			for _, other := range m.moving {
				if within(other, dir) || within(dir, other) {
					return true
				}
			}
		}
		return false
	}
	for clash() {
		if !m.wait(ctx) {
			return syscall.EINTR
		}
	}
	m.moving = append(m.moving, dirs...)
	return 0
}

func (m *moves) end(dirs ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, dir := range m.folded(dirs) {
		if i := slices.Index(m.moving, dir); i >= 0 {
			m.moving = slices.Delete(m.moving, i, i+1)
		}
	}
	m.tell()
}

// folded gives what dirs go by, each once.
func (m *moves) folded(dirs []string) []string {
	folded := make([]string, 0, len(dirs))
	for _, dir := range dirs {
		if dir = m.fold.of(dir); !slices.Contains(folded, dir) {
			folded = append(folded, dir)
		}
	}
	return folded
}

// wait waits for a change or a rename to end. m.mu is held, but not meanwhile.
func (m *moves) wait(ctx context.Context) bool {
	if m.quiet == nil {
		m.quiet = make(chan struct{})
	}
	quiet := m.quiet
	m.mu.Unlock()
	defer m.mu.Lock()
	select {
	case <-quiet:
		return true
	case <-ctx.Done():
		return false
	}
}

func (m *moves) tell() {
	if m.quiet != nil {
		close(m.quiet)
		m.quiet = nil
	}
}
