package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"sd/backends"
)

// A million entries pass through a few MiB, each once.
func TestLargeListingIsBounded(t *testing.T) {
	const n, maxBytes = 1_000_000, 8 << 20
	m := NewNames(NamesConfig{TTL: time.Minute, MaxBytes: maxBytes})
	defer m.Close()
	s := &shelf{entries: n}
	r := m.Open(home, s.list)
	defer r.Close()
	most, last := int64(0), ""
	for i := range n {
		e, at, err := r.At(t.Context(), i)
		if err != nil || at != i || e.Name <= last {
			t.Fatalf("%d: got %q after %q at %d, %v", i, e.Name, last, at, err)
		}
		last = e.Name
		if i%1000 == 0 {
			most = max(most, m.Stats().Bytes)
		}
	}
	if _, _, err := r.At(t.Context(), n); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if most > maxBytes*5/4 {
		t.Errorf("up to %d bytes, want about %d at most", most, maxBytes)
	}
	if _, _, err := r.At(t.Context(), n-500); err != nil {
		t.Errorf("a little back: %v", err)
	}
	if _, _, err := r.At(t.Context(), 17); !errors.Is(err, ErrReadAgain) {
		t.Errorf("back at the beginning: %v, want %v", err, ErrReadAgain)
	}
	wantState(t, m, "n0999999", Present, "1")
	wantState(t, m, "n0000017", Unknown, "")
	wantState(t, m, "never there", Unknown, "")
	again := m.Open(home, s.list)
	defer again.Close()
	if e, at, err := again.At(t.Context(), 17); err != nil || at != 17 || e.Name != "n0000017" {
		t.Errorf("read again: %q at %d, %v", e.Name, at, err)
	}
}

// One who reads far behind another has to read again, and then has a listing of his own.
func TestLargeListingWithASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewNames(NamesConfig{TTL: time.Minute, MaxBytes: 1 << 20})
		defer m.Close()
		s := &shelf{entries: 200_000}
		slow, fast := m.Open(home, s.list), m.Open(home, s.list)
		defer fast.Close()
		if _, _, err := slow.At(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		most := int64(0)
		for i := range s.entries {
			if _, at, err := fast.At(t.Context(), i); err != nil || at != i {
				t.Fatalf("%d: %v", i, err)
			}
			if i%500 == 0 {
				most = max(most, m.Stats().Bytes)
			}
		}
		if most > 30<<20 {
			t.Errorf("up to %d bytes", most)
		}
		if _, _, err := slow.At(t.Context(), 6); !errors.Is(err, ErrReadAgain) {
			t.Errorf("got %v, want %v", err, ErrReadAgain)
		}
		slow.Close()
		slow = m.Open(home, s.list)
		defer slow.Close()
		for i := range 20_000 {
			if _, at, err := slow.At(t.Context(), i); err != nil || at != i {
				t.Fatalf("%d: %v", i, err)
			}
		}
	})
}

// What is dropped takes along its strings, and leaves the rest as it was.
func TestDropKeepsTheRest(t *testing.T) {
	l := newListing(0)
	for i := range 30 {
		page := make([]backends.Entry, 100)
		for j := range page {
			page[j] = entry(fmt.Sprintf("n%04d", i*100+j), "1")
			if j%7 == 0 {
				page[j].Shown = "shown " + page[j].Name
				page[j].Meta = &backends.Meta{Mode: uint32(j)}
			}
		}
		l.add(page, 1)
	}
	l.put(entry("n0101", "mine"), 1)
	l.put(entry("n2501", "mine"), 1)
	l.remove("n2502", 1)
	before := l.bytes()
	l.drop(2000)
	if l.base != 2000 || l.end() != 3000 || len(l.index) != 1000 || l.bytes() > before*2/3 {
		t.Errorf("from %d to %d, %d names, %d bytes of %d", l.base, l.end(), len(l.index), l.bytes(), before)
	}
	for i := 2000; i < 3000; i++ {
		name, j := fmt.Sprintf("n%04d", i), i%100
		e := l.entry(l.at(i))
		switch {
		case e.Name != name:
			t.Fatalf("%d is %q", i, e.Name)
		case i == 2502 && !l.at(i).gone, i == 2501 && l.entry(l.find(name)).Version != "mine":
			t.Errorf("%q is not as it was changed", name)
		case i != 2501 && j%7 == 0 && (e.Shown != "shown "+name || e.Meta == nil || e.Meta.Mode != uint32(j) || l.find(e.Shown) != l.at(i)):
			t.Errorf("%q is %+v", name, e)
		}
	}
	l.put(entry("n2501", "again"), 1)
	if e, _ := l.lookup("n2501", 0); e.Version != "again" {
		t.Errorf("got %+v", e)
	}
	if _, state := l.lookup("n0101", 0); state != Unknown {
		t.Errorf("what was dropped is in state %d", state)
	}
}

// A change made from inside of the listing itself beats its pages.
func TestPutWhileListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewNames(NamesConfig{TTL: time.Minute})
		defer m.Close()
		s := &shelf{entries: 10}
		r := m.Open(home, func(ctx context.Context, yield func([]backends.Entry) error) error {
			m.Put(home, entry("n0000003", "mine"))
			m.Remove(home, "n0000004")
			m.Put(home, entry("new", "mine"))
			return s.list(ctx, yield)
		})
		defer r.Close()
		names, err := readAll(t, r)
		if err != io.EOF || len(names) != 10 {
			t.Errorf("%q, %v", names, err)
		}
		wantState(t, m, "n0000003", Present, "mine")
		wantState(t, m, "n0000004", Absent, "")
		wantState(t, m, "new", Present, "mine")
	})
}
