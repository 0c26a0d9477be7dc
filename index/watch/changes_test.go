package watch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/backends"
	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

// mount stands for a mount: it changes the store, and then tells of it.
type mount struct {
	*world
	watcher *Watcher
}

func (m *mount) put(name, content string) backends.Entry {
	m.t.Helper()
	e, err := m.store.Put(m.t.Context(), name, strings.NewReader(content), int64(len(content)), backends.Meta{BLAKE3: sumOf(content).String()}, backends.Cond{})
	if err != nil {
		m.t.Fatal(err)
	}
	m.watcher.Put(m.volume, name, e)
	return e
}

func (m *mount) remove(name string) {
	m.t.Helper()
	if err := m.store.Remove(m.t.Context(), name, backends.Cond{}); err != nil {
		m.t.Fatal(err)
	}
	m.watcher.Removed(m.volume, name)
}

func sumOf(content string) identity.Sum {
	h := identity.New()
	_, _ = h.Write([]byte(content))
	return h.Sum()
}

// known waits until the catalog has an object with the content, by that proof.
func (w *world) known(name, content string, p catalog.Proof) {
	w.t.Helper()
	var f catalog.File
	w.eventually(fmt.Sprintf("%s is known by proof %d", name, p), func() bool {
		var ok bool
		f, ok = w.object(name)
		return ok && f.Size == int64(len(content)) && f.Proof == p
	})
	c, err := w.lib.Catalog().ContentByKey(w.t.Context(), f.Content)
	if err != nil || c.BLAKE3 != sumOf(content) {
		w.t.Errorf("%s: got content %v, %v; want %v", name, c.BLAKE3, err, sumOf(content))
	}
}

func (w *world) absent(name string) {
	w.t.Helper()
	w.eventually(name+" is not in the catalog", func() bool { _, ok := w.object(name); return !ok })
}

// startMount starts a Watcher over a volume that was scanned just now, so that what the
// catalog has is what it was told.
func (w *world) startMount(c Config, locations ...library.Location) *mount {
	w.t.Helper()
	for _, loc := range locations {
		if err := w.lib.SetScanned(w.t.Context(), loc.ID, time.Now(), ""); err != nil {
			w.t.Fatal(err)
		}
	}
	m := &mount{w, w.start(c)}
	for _, loc := range locations {
		w.state(m.watcher, loc, Fresh)
	}
	return m
}

// TestChangesOfVolumes notes what a mount does.
func TestChangesOfVolumes(t *testing.T) {
	w := newWorld(t)
	m := w.startMount(Config{}, w.addCloud("docs", library.Shallow))
	m.put("docs/a.txt", "hello")
	m.put("other/b.txt", "not in the location")
	m.put("docs/.hidden", "left out by the rules")
	m.put("docs/sub/c.txt", "world")
	w.known("docs/a.txt", "hello", catalog.Stored)
	w.known("docs/sub/c.txt", "world", catalog.Stored)
	w.absent("other/b.txt")
	w.absent("docs/.hidden")

	// A file and a folder get other names.
	m.watcher.Moved(w.volume, "docs/a.txt", "docs/b.txt", false)
	m.watcher.Moved(w.volume, "docs/sub", "docs/new/place", true)
	w.known("docs/b.txt", "hello", catalog.Stored)
	w.known("docs/new/place/c.txt", "world", catalog.Stored)
	w.absent("docs/a.txt")
	w.absent("docs/sub/c.txt")

	// Names that the rules leave out, or that lie outside, take things away.
	m.watcher.Moved(w.volume, "docs/b.txt", "docs/.b.txt", false)
	m.watcher.Moved(w.volume, "docs/new/place", "elsewhere", true)
	w.absent("docs/b.txt")
	w.absent("docs/new/place/c.txt")

	// What was read through the mount is known, unless it is another version by then.
	e := m.put("docs/d.txt", "once")
	w.known("docs/d.txt", "once", catalog.Stored)
	e.Version, e.Meta = "v2", nil
	m.watcher.Put(w.volume, "docs/d.txt", e)
	m.watcher.Passed(w.volume, "docs/d.txt", "v1", e.Size, sumOf("once").String())
	m.put("docs/mark", "x")
	w.known("docs/mark", "x", catalog.Stored) // so all before is written
	if f, _ := w.object("docs/d.txt"); f.Proof != catalog.Unknown {
		t.Errorf("another version is known by proof %d", f.Proof)
	}
	wanted := func(volume, name, version string, size int64, want bool) {
		t.Helper()
		if got := m.watcher.Wants(volume, name, version, size); got != want {
			t.Errorf("%s %s: wanted %t, want %t", name, version, got, want)
		}
	}
	wanted(w.volume, "docs/d.txt", "v2", e.Size, true)
	wanted(w.volume, "docs/d.txt", "v1", e.Size, false)
	wanted(w.volume, "docs/mark", "v1", 1, false)
	wanted(w.volume, "other/b.txt", "v1", 1, false)
	wanted("another", "docs/d.txt", "v2", e.Size, false)
	m.watcher.Passed(w.volume, "docs/d.txt", "v2", e.Size, sumOf("once").String())
	w.known("docs/d.txt", "once", catalog.Passed)
	wanted(w.volume, "docs/d.txt", "v2", e.Size, false)

	m.remove("docs/d.txt")
	w.absent("docs/d.txt")
}

// TestOrderOfChanges tells of random changes and compares with what a simple tree comes to.
func TestOrderOfChanges(t *testing.T) {
	w := newWorld(t)
	m := w.startMount(Config{}, w.addCloud("", library.Shallow))
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	model := map[string]string{} // content by name
	name := func() string { return fmt.Sprintf("%c/%c", 'a'+r.IntN(3), 'a'+r.IntN(5)) }
	for i := range 2000 {
		switch n := name(); r.IntN(6) {
		case 0, 1, 2:
			model[n] = fmt.Sprint("content ", i)
			m.tell(n, model[n])
		case 3:
			if _, ok := model[n]; ok {
				delete(model, n)
				m.watcher.Removed(m.volume, n)
			}
		case 4:
			to := name()
			if content, ok := model[n]; ok && to != n {
				delete(model, n)
				model[to] = content
				m.moved(n, to, content)
			}
		case 5: // a whole folder takes the place of another
			from, to := n[:1], string(rune('a'+r.IntN(3)))
			if from == to || !slices.ContainsFunc(names(model), func(n string) bool { return n[:1] == from }) {
				continue
			}
			for _, c := range "abcde" {
				delete(model, fmt.Sprintf("%s/%c", to, c))
				if content, ok := model[fmt.Sprintf("%s/%c", from, c)]; ok {
					delete(model, fmt.Sprintf("%s/%c", from, c))
					model[fmt.Sprintf("%s/%c", to, c)] = content
				}
			}
			m.watcher.Moved(w.volume, from, to, true)
		}
	}
	m.put("end", "end")
	w.known("end", "end", catalog.Stored)
	for a := range 3 {
		for b := range 5 {
			n := fmt.Sprintf("%c/%c", 'a'+a, 'a'+b)
			content, want := model[n]
			f, got := w.object(n)
			if got != want {
				t.Errorf("%s is there: %v, want %v", n, got, want)
			} else if want {
				if c, err := w.lib.Catalog().ContentByKey(t.Context(), f.Content); err != nil || c.BLAKE3 != sumOf(content) {
					t.Errorf("%s has another content than %q: %v", n, content, err)
				}
			}
		}
	}
}

func names(model map[string]string) []string { return slices.Collect(maps.Keys(model)) }

// moved tells of a file's move as fs does: the new version follows.
func (m *mount) moved(from, to, content string) {
	m.t.Helper()
	m.watcher.Moved(m.volume, from, to, false)
	m.tell(to, content)
}

// tell tells of an object that the store does not have.
func (m *mount) tell(name, content string) {
	m.watcher.Put(m.volume, name, backends.Entry{
		Name: name, Size: int64(len(content)), Version: content, Meta: &backends.Meta{BLAKE3: sumOf(content).String()},
	})
}

// TestTooManyChanges has the volume scanned when more is done than can be noted.
func TestTooManyChanges(t *testing.T) {
	w := newWorld(t)
	loc := w.addCloud("", library.Shallow)
	m := w.startMount(Config{pace: pace{changes: 10}}, loc)
	unlock, err := m.watcher.index.Lock(t.Context(), loc) // nothing can be written now
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		m.put(fmt.Sprintf("f%02d", i), "content")
	}
	unlock()
	for i := range 50 {
		name := fmt.Sprintf("f%02d", i)
		w.eventually("the catalog has "+name, func() bool { _, ok := w.object(name); return ok })
	}
	w.equal(loc)
}

// TestVolumeIsScanned looks at the start, but not again after a recent scan, unless a mount
// was killed.
func TestVolumeIsScanned(t *testing.T) {
	w := newWorld(t)
	loc := w.addCloud("", library.Shallow)
	if _, err := w.store.Put(t.Context(), "a", strings.NewReader("1"), 1, backends.Meta{}, backends.Cond{}); err != nil {
		t.Fatal(err)
	}
	lists := func() int64 { return w.store.Stats().Requests["LIST"] }
	run := func(end func(*Watcher)) {
		t.Helper()
		watcher := New(Config{Index: w.config()})
		watcher.Start()
		w.state(watcher, loc, Fresh)
		end(watcher)
	}
	clean := func(watcher *Watcher) {
		t.Helper()
		if err := watcher.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	run(clean)
	if _, ok := w.object("a"); !ok {
		t.Error("the first scan has not found a")
	}
	before := lists()
	run(clean)
	if n := lists() - before; n != 0 {
		t.Errorf("a mount right after a scan made %d LIST requests, want none", n)
	}
	run(func(watcher *Watcher) { // as if it was killed
		clean(watcher)
		dropped, _ := dropCrumb(w.lib.Dir(), watcher.log)
		dropped.leave()
	})
	run(clean)
	if n := lists() - before; n == 0 {
		t.Error("a mount after a killed one made no LIST request")
	}
	before = lists()
	run(clean)
	if n := lists() - before; n != 0 {
		t.Errorf("the mount after that made %d LIST requests, want none", n)
	}
}

// TestChangesBeforeALocation keeps what happens just while a location is being added.
func TestChangesBeforeALocation(t *testing.T) {
	w := newWorld(t)
	m := w.startMount(Config{})
	m.put("docs/a.txt", "hello")
	loc := w.add(library.Location{
		Name: "docs", Place: catalog.VolumePlace(w.volume), Path: "docs", Mode: library.Shallow, Scanned: time.Now(),
	})
	w.known("docs/a.txt", "hello", catalog.Stored)
	w.state(m.watcher, loc, Fresh)
}

// TestCloseNotesAll writes what is queued, and says what could not be written.
func TestCloseNotesAll(t *testing.T) {
	w := newWorld(t)
	loc := w.addCloud("", library.Shallow)
	m := w.startMount(Config{}, loc)
	for i := range 2500 {
		m.put(fmt.Sprintf("f%04d", i), "content")
	}
	if err := m.watcher.Close(t.Context()); err != nil {
		t.Error(err)
	}
	w.known("f2499", "content", catalog.Stored)
	m.watcher.Put(w.volume, "late", backends.Entry{})

	m = &mount{w, New(Config{Index: w.config()})}
	m.watcher.Start()
	w.state(m.watcher, loc, Fresh)
	unlock, err := m.watcher.index.Lock(t.Context(), loc)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	m.put("stuck", "content")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := m.watcher.Close(ctx); !errors.As(err, new(*leftError)) {
		t.Errorf("got %v, want to hear that a change is left", err)
	}
	if _, unclean := dropCrumb(w.lib.Dir(), m.watcher.log); !unclean {
		t.Error("the next mount does not hear of it")
	}
}
