package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sd/backends"
)

// shelf is a directory in a fake store: pages of 1000.
type shelf struct {
	entries int
	step    chan struct{} // if not nil, one token a page
	fail    error         // after the pages

	mu    sync.Mutex
	lists int
	pages int
}

func (s *shelf) list(ctx context.Context, yield func([]backends.Entry) error) error {
	s.mu.Lock()
	s.lists++
	s.mu.Unlock()
	page := make([]backends.Entry, 0, 1000)
	for i := 0; i < s.entries; {
		if s.step != nil {
			select {
			case <-s.step:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		page = page[:0]
		for ; i < s.entries && len(page) < 1000; i++ {
			page = append(page, entry(fmt.Sprintf("n%07d", i), "1"))
		}
		s.mu.Lock()
		s.pages++
		s.mu.Unlock()
		if err := yield(page); err != nil {
			return err
		}
	}
	return s.fail
}

func (s *shelf) counts() (lists, pages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lists, s.pages
}

func readAll(t *testing.T, r *DirReader) (names []string, err error) {
	t.Helper()
	for i := 0; ; i++ {
		e, at, err := r.At(t.Context(), i)
		if err != nil {
			return names, err
		}
		names = append(names, e.Name)
		i = at
	}
}

func TestOpenSharesOneListing(t *testing.T) {
	m, clk := newNames(t, 0)
	s := &shelf{entries: 20_500}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			r := m.Open(home, s.list)
			defer r.Close()
			names, err := readAll(t, r)
			if err != io.EOF || len(names) != s.entries || names[20_499] != "n0020499" {
				t.Errorf("read %d names: %v", len(names), err)
			}
		})
	}
	wg.Wait()
	r := m.Open(home, s.list)
	if e, i, err := r.At(t.Context(), 12_345); err != nil || i != 12_345 || e.Name != "n0012345" {
		t.Errorf("seek: got %q at %d, %v", e.Name, i, err)
	}
	r.Close()
	if lists, pages := s.counts(); lists != 1 || pages != 21 {
		t.Errorf("%d listings with %d pages, want 1 with 21", lists, pages)
	}
	wantState(t, m, "n0000007", Present, "1")
	wantState(t, m, "other", Absent, "")
	clk.pass(time.Minute)
	m.Open(home, s.list).Close()
	m.lists.Wait()
	if lists, _ := s.counts(); lists != 2 {
		t.Errorf("%d listings after the TTL, want 2", lists)
	}
}

func TestEntriesStream(t *testing.T) {
	m, _ := newNames(t, 0)
	s := &shelf{entries: 3000, step: make(chan struct{})}
	r := m.Open(home, s.list)
	defer r.Close()
	s.step <- struct{}{}
	if e, _, err := r.At(t.Context(), 0); err != nil || e.Name != "n0000000" {
		t.Errorf("first entry: %q, %v", e.Name, err)
	}
	if n, all, err := r.Wait(t.Context(), 999); n != 1000 || all || err != nil {
		t.Errorf("after a page: %d, %v, %v", n, all, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.At(ctx, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	m.Remove(home, "n0000001")
	m.Remove(home, "n0002000")
	m.Put(home, entry("mine", "x"))
	close(s.step)
	names, err := readAll(t, r)
	if err != io.EOF || len(names) != 2999 || names[1] != "n0000002" || names[999] != "mine" {
		t.Errorf("%d names, %v", len(names), err)
	}
	if n, all, err := r.Wait(t.Context(), 1<<20); n != 3001 || !all || err != nil {
		t.Errorf("at the end: %d, %v, %v", n, all, err)
	}
}

func TestListingFails(t *testing.T) {
	m, _ := newNames(t, 0)
	s := &shelf{entries: 1000, fail: errStore}
	r := m.Open(home, s.list)
	names, err := readAll(t, r)
	if !errors.Is(err, errStore) || len(names) != 1000 {
		t.Errorf("%d names, %v; want 1000, %v", len(names), err, errStore)
	}
	r.Close()
	r.Close()
	wantState(t, m, "n0000001", Present, "1")
	wantState(t, m, "other", Unknown, "")
	s.fail = nil
	r = m.Open(home, s.list)
	defer r.Close()
	if names, err := readAll(t, r); err != io.EOF || len(names) != 1000 {
		t.Errorf("second time: %d names, %v", len(names), err)
	}
}

// A large directory is listed as far as somebody reads and a little more.
func TestListingKeepsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewNames(NamesConfig{TTL: time.Minute})
		defer m.Close()
		s := &shelf{entries: 100_000}
		r := m.Open(home, s.list)
		synctest.Wait()
		if _, pages := s.counts(); pages != 6 {
			t.Errorf("nothing read: %d pages, want 6", pages)
		}
		if _, _, err := r.At(t.Context(), 10_500); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if _, pages := s.counts(); pages != 16 {
			t.Errorf("10,500 read: %d pages, want 16", pages)
		}
		r.Close()
		synctest.Wait()
		if _, s := m.Lookup(home, "n0015000"); s != Present {
			t.Error("what was listed is not known")
		}
		if m.Stats().Listings != 0 || len(m.running) != 0 {
			t.Error("the listing nobody reads goes on or counts as complete")
		}
		r = m.Open(home, s.list)
		if names, err := readAll(t, r); err != io.EOF || len(names) != 100_000 {
			t.Errorf("read again: %d names, %v", len(names), err)
		}
		r.Close()
	})
}

func TestSmallDirectoryIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewNames(NamesConfig{TTL: time.Minute})
		defer m.Close()
		s := &shelf{entries: 4000}
		m.Open(home, s.list).Close()
		synctest.Wait()
		if _, state := m.Lookup(home, "other"); state != Absent {
			t.Error("a small directory was not listed to the end")
		}
	})
}

func TestInvalidateWhileListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewNames(NamesConfig{TTL: time.Minute})
		defer m.Close()
		s := &shelf{entries: 3000, step: make(chan struct{}, 10)}
		s.step <- struct{}{}
		old := m.Open(home, s.list)
		synctest.Wait()
		m.Invalidate(home)
		if _, state := m.Lookup(home, "n0000000"); state != Unknown {
			t.Errorf("got state %d after Invalidate", state)
		}
		fresh := m.Open(home, s.list)
		close(s.step)
		for _, r := range []*DirReader{old, fresh} {
			if names, err := readAll(t, r); err != io.EOF || len(names) != 3000 {
				t.Errorf("%d names, %v", len(names), err)
			}
			r.Close()
		}
		if lists, _ := s.counts(); lists != 2 {
			t.Errorf("%d listings, want 2", lists)
		}
		m.Invalidate(home)
		if got := m.Stats().Bytes; got != 0 {
			t.Errorf("%d bytes are left", got)
		}
	})
}

func TestNamesClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewNames(NamesConfig{TTL: time.Minute})
		hung := &shelf{entries: 3000, step: make(chan struct{})}
		big := &shelf{entries: 100_000}
		a, b := m.Open(home, hung.list), m.Open(DirKey{"fp", "big"}, big.list)
		end := make(chan error)
		go func() {
			_, _, err := a.At(t.Context(), 0)
			end <- err
		}()
		synctest.Wait()
		go m.Close()
		if err := <-end; !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got %v, want %v", err, fs.ErrClosed)
		}
		m.Close()
		if _, err := readAll(t, b); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got %v, want %v", err, fs.ErrClosed)
		}
		c := m.Open(DirKey{"fp", "more"}, big.list)
		if _, _, err := c.At(t.Context(), 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got %v, want %v", err, fs.ErrClosed)
		}
		a.Close()
		b.Close()
		c.Close()
	})
}

func TestConcurrentNames(t *testing.T) {
	m, clk := newNames(t, 300_000)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 60 {
				dir := DirKey{"fp", fmt.Sprint(i % 5)}
				switch (w + i) % 5 {
				case 0:
					m.Put(dir, entry(fmt.Sprint(w), "1"))
				case 1:
					m.Remove(dir, fmt.Sprint(w))
				case 2:
					m.Invalidate(dir)
				case 3:
					clk.pass(time.Second)
					m.Expire()
				}
				s := &shelf{entries: 2500}
				r := m.Open(dir, s.list)
				if i%2 == 0 {
					if names, err := readAll(t, r); err != io.EOF || len(names) < 2490 {
						t.Errorf("%d names, %v", len(names), err)
					}
				}
				m.Lookup(dir, "n0000001")
				r.Close()
			}
		})
	}
	wg.Wait()
	m.lists.Wait()
	if got := m.Stats(); got.Bytes > got.MaxBytes {
		t.Errorf("%+v", got)
	}
}
