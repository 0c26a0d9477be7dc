package cache

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sd/backends"
)

func folding(t testing.TB) (*Names, *clock) {
	m, clk := newNames(t, 0)
	m.Fold("fp", strings.ToLower)
	return m, clk
}

// A name is known in any case, in a directory that is asked for in any case, and shown as
// the store has it.
func TestNamesFold(t *testing.T) {
	m, _ := folding(t)
	fill(m, DirKey{"fp", "Home"}, "Readme", "Other")
	for _, dir := range []string{"home", "HOME", "Home"} {
		for _, name := range []string{"readme", "README", "Readme"} {
			e, state := m.Lookup(DirKey{"fp", dir}, name)
			if state != Present || e.Name != "Readme" {
				t.Errorf("%q in %q: state %d, %q", name, dir, state, e.Name)
			}
		}
	}
	if _, state := m.Lookup(home, "none"); state != Absent {
		t.Errorf("state %d of what is not there", state)
	}
	if i, ok := m.Place(home, "OTHER"); !ok || i != 1 {
		t.Errorf("Place = %d, %v", i, ok)
	}
	if e, ok := m.Entry(DirKey{"fp", "HOME"}, 1); !ok || e.Name != "Other" {
		t.Errorf("Entry = %+v, %v", e, ok)
	}
	m.Remove(DirKey{"fp", "hOmE"}, "README")
	wantState(t, m, "Readme", Absent, "")
	m.Put(home, entry("README", "2"))
	wantState(t, m, "readme", Present, "2")
	r := m.Open(home, nil)
	defer r.Close()
	if got, err := readAll(t, r); err != io.EOF || strings.Join(got, " ") != "README Other" {
		t.Errorf("got %q, %v", got, err)
	}
	if e, _ := m.Lookup(DirKey{"another", "Home"}, "Readme"); e.Name != "" {
		t.Errorf("got %q of another volume", e.Name)
	}
	m.Invalidate(DirKey{"fp", "HOME"})
	wantState(t, m, "Readme", Unknown, "")
	fill(m, DirKey{"fp", "Home/Sub"}, "in")
	m.InvalidateTree("fp", "HOME")
	if _, state := m.Lookup(DirKey{"fp", "home/sub"}, "in"); state != Unknown {
		t.Errorf("state %d below what was forgotten", state)
	}
}

// Random changes leave Names and a map of folded names in step.
func TestNamesFoldModel(t *testing.T) {
	m, _ := folding(t)
	fill(m, home)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	model := map[string]string{}
	for i := range 2000 {
		name := fmt.Sprintf("%c%c", "aAbBcC"[rng.IntN(6)], "xXyY"[rng.IntN(4)])
		switch rng.IntN(3) {
		case 0:
			m.Put(home, entry(name, fmt.Sprint(i)))
			model[strings.ToLower(name)] = name
		case 1:
			m.Remove(home, name)
			delete(model, strings.ToLower(name))
		default:
			e, state := m.Lookup(home, name)
			if want, ok := model[strings.ToLower(name)]; (state == Present) != ok || e.Name != want {
				t.Fatalf("seed %d: %q is %q, state %d, want %q", seed, name, e.Name, state, want)
			}
		}
	}
	r := m.Open(home, nil)
	defer r.Close()
	if got, _ := readAll(t, r); len(got) != len(model) {
		t.Errorf("seed %d: %d names, want %d", seed, len(got), len(model))
	}
}

// What a listing does not tell of a document is learnt once, and holds in later listings
// until the document has another time.
func TestNamesUnsized(t *testing.T) {
	m, clk := newNames(t, 0)
	at := time.Unix(1e9, 0).UTC()
	listed := func(at time.Time) backends.Entry {
		return backends.Entry{Name: "doc", ID: "id", ModTime: at, Unsized: true, Meta: &backends.Meta{Mode: 0o444}}
	}
	list := func(at time.Time) backends.Entry {
		t.Helper()
		f := m.Begin(home)
		f.Add([]backends.Entry{listed(at), entry("file", "1")})
		f.Done(true)
		e, state := m.Lookup(home, "doc")
		if state != Present || e.Meta == nil || e.Meta.Mode != 0o444 {
			t.Fatalf("got %+v, state %d", e, state)
		}
		return e
	}
	if e := list(at); !e.Unsized || e.Size != 0 {
		t.Errorf("got %+v, want it Unsized", e)
	}
	known := listed(at)
	known.Size, known.Version, known.Unsized = 7, "exported", false
	m.Put(home, known)
	for range 2 {
		if e := list(at); e.Unsized || e.Size != 7 || e.Version != "exported" {
			t.Errorf("got %+v, want what was learnt", e)
		}
		clk.pass(2 * time.Minute) // the listing is too old, what it says of the document is not
	}
	if e := list(at.Add(time.Second)); !e.Unsized || e.Size != 0 || e.Version != "" {
		t.Errorf("got %+v after a change, want it Unsized", e)
	}
}
