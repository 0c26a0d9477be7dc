package cache

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"sd/backends"
)

var home = DirKey{"fp", "home"}

// clock is a time that moves when told.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newNames(t testing.TB, maxBytes int64) (*Names, *clock) {
	clk := newClock()
	m := NewNames(NamesConfig{MaxBytes: maxBytes, TTL: time.Minute, Now: clk.Now})
	t.Cleanup(m.Close)
	return m, clk
}

func entry(name, version string) backends.Entry {
	return backends.Entry{Name: name, Version: version, Size: int64(len(name)), ModTime: time.Unix(1e9, 5).UTC()}
}

func wantState(t *testing.T, m *Names, name string, want State, version string) {
	t.Helper()
	e, got := m.Lookup(home, name)
	if got != want || e.Version != version {
		t.Errorf("%q: got state %d version %q, want %d %q", name, got, e.Version, want, version)
	}
}

func fill(m *Names, dir DirKey, names ...string) {
	f := m.Begin(dir)
	for _, name := range names {
		f.Add([]backends.Entry{entry(name, "1")})
	}
	f.Done(true)
}

func TestNamesLookup(t *testing.T) {
	m, clk := newNames(t, 0)
	wantState(t, m, "a", Unknown, "")
	f := m.Begin(home)
	f.Add([]backends.Entry{entry("a", "1"), entry("b", "1")})
	wantState(t, m, "a", Present, "1")
	wantState(t, m, "z", Unknown, "") // may still come
	f.Add([]backends.Entry{entry("c", "1")})
	f.Done(true)
	f.Done(false) // too late to matter
	f.Add([]backends.Entry{entry("late", "1")})
	wantState(t, m, "c", Present, "1")
	wantState(t, m, "z", Absent, "")
	wantState(t, m, "late", Absent, "")
	clk.pass(time.Minute)
	wantState(t, m, "a", Unknown, "")
	wantState(t, m, "z", Unknown, "")

	fill(m, home, "a")
	wantState(t, m, "b", Absent, "")
	m.Invalidate(home)
	wantState(t, m, "a", Unknown, "")
	if got := m.Stats(); got.Bytes != 0 || got.Listings != 0 || got.Entries != 0 {
		t.Errorf("after Invalidate: %+v", got)
	}
}

func TestIncompleteListing(t *testing.T) {
	m, clk := newNames(t, 0)
	f := m.Begin(home)
	f.Add([]backends.Entry{entry("a", "1")})
	f.Done(false)
	wantState(t, m, "a", Present, "1")
	wantState(t, m, "z", Unknown, "")
	fill(m, home, "a", "b")
	f = m.Begin(home) // breaks off: the complete one still holds
	f.Done(false)
	wantState(t, m, "b", Present, "1")
	wantState(t, m, "z", Absent, "")
	clk.pass(2 * time.Minute)
	m.Expire()
	if got := m.Stats(); got.Bytes != 0 {
		t.Errorf("after Expire: %+v", got)
	}
}

func TestLocalChangesBeatTheListing(t *testing.T) {
	m, _ := newNames(t, 0)
	f := m.Begin(home)
	f.Add([]backends.Entry{entry("removed after", "old"), entry("changed after", "old")})
	m.Put(home, entry("new", "mine"))
	m.Put(home, entry("changed before", "mine"))
	m.Put(home, entry("changed after", "mine"))
	m.Remove(home, "removed before")
	m.Remove(home, "removed after")
	m.Put(home, entry("flicker", "mine"))
	m.Remove(home, "flicker")
	m.Remove(home, "back")
	m.Put(home, entry("back", "mine"))
	f.Add([]backends.Entry{entry("changed before", "old"), entry("removed before", "old"), entry("flicker", "old"), entry("back", "old")})
	f.Done(true)
	for name, version := range map[string]string{"new": "mine", "changed before": "mine", "changed after": "mine", "back": "mine"} {
		wantState(t, m, name, Present, version)
	}
	for _, name := range []string{"removed before", "removed after", "flicker"} {
		wantState(t, m, name, Absent, "")
	}
	fill(m, home, "changed before") // a later listing is newer than all that
	wantState(t, m, "changed before", Present, "1")
	wantState(t, m, "new", Absent, "")
}

func TestSingleNames(t *testing.T) {
	m, clk := newNames(t, 0)
	m.Put(home, entry("a", "1"))
	m.Remove(home, "b")
	wantState(t, m, "a", Present, "1")
	wantState(t, m, "b", Absent, "")
	wantState(t, m, "c", Unknown, "")
	clk.pass(time.Minute)
	wantState(t, m, "a", Unknown, "")
	wantState(t, m, "b", Unknown, "")
	m.Put(home, entry("a", "2"))
	wantState(t, m, "a", Present, "2")
	before := m.Stats().Bytes
	for i := range 1000 {
		m.Put(home, entry("a", fmt.Sprint(i%10)))
		m.Remove(home, "a")
	}
	if got := m.Stats().Bytes; got > before+1000 {
		t.Errorf("writing one file over and over takes %d bytes", got-before)
	}
}

func TestNamesCap(t *testing.T) {
	m, _ := newNames(t, 100_000)
	key := func(i int) DirKey { return DirKey{"fp", fmt.Sprint(i)} }
	for i := range 1000 {
		fill(m, key(i), "x", "y", "z")
		if _, s := m.Lookup(key(0), "x"); s != Present { // stays: it is used
			t.Fatalf("the directory used last was forgotten after %d", i)
		}
		if got := m.Stats(); got.Bytes > 100_000 {
			t.Fatalf("%d bytes after %d directories", got.Bytes, i)
		}
	}
	if _, s := m.Lookup(key(1), "x"); s != Unknown {
		t.Error("the directory used longest ago was kept")
	}
	big := m.Begin(home) // larger than the cap: stays while it is filled
	for i := range 5000 {
		big.Add([]backends.Entry{entry(fmt.Sprint(i), "1")})
	}
	wantState(t, m, "17", Present, "1")
	big.Done(true)
	if got := m.Stats(); got.Bytes > 100_000 {
		t.Errorf("%d bytes kept", got.Bytes)
	}
}

// A million entries must not take more than 200 bytes each, and the estimate must not
// be far from the truth.
func TestBytesPerEntry(t *testing.T) {
	const n = 200_000
	m, _ := newNames(t, 1<<40)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f := m.Begin(home)
	page := make([]backends.Entry, 1000)
	for i := 0; i < n; i += len(page) {
		for j := range page {
			etag := fmt.Sprintf("%032x", i+j)
			page[j] = backends.Entry{
				Name: fmt.Sprintf("IMG_%08d.jpeg", i+j), Size: 1 << 20, ModTime: time.Unix(int64(i+j), 0),
				Version: `"` + etag + `"`, Sums: []backends.Sum{{Algorithm: "md5", Hex: etag}},
			}
		}
		f.Add(page)
	}
	f.Done(true)
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	real := float64(after.HeapAlloc-before.HeapAlloc) / n
	said := float64(m.Stats().Bytes) / n
	t.Logf("%.0f bytes an entry, estimated %.0f", real, said)
	if real > 200 || said > 200 || said < real*0.8 {
		t.Errorf("%.0f bytes an entry, estimated %.0f", real, said)
	}
	wantState(t, m, "IMG_00077777.jpeg", Present, fmt.Sprintf("%q", fmt.Sprintf("%032x", 77777)))
}

// FuzzRecord keeps an entry and gets the same back.
func FuzzRecord(f *testing.F) {
	f.Add("a", "v", "id", int64(5), int64(1e9), int64(7), "md5", "00ff", uint8(0))
	f.Add("", "", "", int64(0), int64(-62135596800), int64(0), "", "", uint8(1))
	f.Fuzz(func(t *testing.T, name, version, id string, size, sec, nsec int64, alg, digits string, kind uint8) {
		if nsec < 0 || nsec >= 1e9 || sec < -1<<40 || sec > 1<<40 {
			t.Skip()
		}
		e := backends.Entry{Name: name, Version: version, ID: id, Size: size, Kind: backends.Kind(kind), ModTime: time.Unix(sec, nsec).UTC()}
		if len(alg) < 256 && len(digits) < 256 && alg != "" {
			e.Sums = []backends.Sum{{Algorithm: alg, Hex: digits}, {Algorithm: digits, Hex: alg}}
		}
		l := newListing(0)
		l.add([]backends.Entry{{Name: name + "before"}, e, {Name: name + "after"}}, 1)
		if got, state := l.lookup(name, 0); state != Present || !reflect.DeepEqual(got, e) {
			t.Errorf("got %+v, want %+v", got, e)
		}
	})
}

func TestZeroTimeStays(t *testing.T) {
	m, _ := newNames(t, 0)
	m.Put(home, backends.Entry{Name: "prefix", Kind: backends.Dir})
	if e, _ := m.Lookup(home, "prefix"); !e.ModTime.IsZero() || e.Kind != backends.Dir {
		t.Errorf("got %+v", e)
	}
}

// Random listings, changes, lookups and clock steps against a model that keeps for each
// name what was said last, with the rules written out plainly.
func TestNamesModel(t *testing.T) {
	type fact struct {
		version string // "" gone
		seen    time.Time
		local   int // step of the last local change
	}
	type scan struct {
		fill  *Fill
		begun time.Time
		step  int
		facts map[string]fact
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	m, clk := newNames(t, 0)
	var shown, coming *scan
	complete := false
	names := []string{"a", "b", "c", "d", "e", "f"}
	for step := range 20_000 {
		name := names[rng.IntN(len(names))]
		version := fmt.Sprint(step)
		local := func(v string) {
			if shown == nil && coming == nil {
				shown, complete = &scan{facts: map[string]fact{}, begun: clk.Now()}, false
			}
			for _, s := range []*scan{shown, coming} {
				if s != nil {
					s.facts[name] = fact{v, clk.Now(), step + 1}
				}
			}
		}
		switch rng.IntN(9) {
		case 0:
			m.Put(home, entry(name, version))
			local(version)
		case 1:
			m.Remove(home, name)
			local("")
		case 2:
			if coming == nil {
				coming = &scan{m.Begin(home), clk.Now(), step, map[string]fact{}}
			}
		case 3, 4:
			if coming != nil {
				coming.fill.Add([]backends.Entry{entry(name, version)})
				if coming.facts[name].local == 0 {
					coming.facts[name] = fact{version: version, seen: clk.Now()}
				}
			}
		case 5:
			if coming != nil {
				ok := rng.IntN(3) > 0
				coming.fill.Done(ok)
				holds := shown != nil && complete && shown.begun.After(clk.Now().Add(-time.Minute))
				if ok || shown == nil || !holds && len(coming.facts) >= len(shown.facts) {
					shown, complete = coming, ok
				}
				coming = nil
			}
		case 6:
			clk.pass(time.Duration(rng.IntN(15)) * time.Second)
		case 7:
			if rng.IntN(20) == 0 {
				m.Invalidate(home)
				shown, coming = nil, nil
			}
		}
		want, wantVersion := Unknown, ""
		after := clk.Now().Add(-time.Minute)
		for _, s := range []*scan{coming, shown} {
			if s == nil || want != Unknown {
				continue
			}
			switch f, known := s.facts[name]; {
			case known && !f.seen.After(after):
			case known && f.version == "":
				want = Absent
			case known:
				want, wantVersion = Present, f.version
			case s == shown && complete && s.begun.After(after):
				want = Absent
			}
		}
		if e, got := m.Lookup(home, name); got != want || e.Version != wantVersion {
			t.Fatalf("step %d, %q: got %d %q, want %d %q", step, name, got, e.Version, want, wantVersion)
		}
	}
}
