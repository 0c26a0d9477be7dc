//go:build linux

package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/time/rate"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/backends"
	"sd/backends/mem"
)

// TestContentFailsOver goes on with another copy of a content where one fails: at once or in the
// middle, because it cannot be reached, has changed, or holds other bytes than it should.
func TestContentFailsOver(t *testing.T) {
	for _, size := range []int{1000, 20 * unit} {
		for _, harm := range []string{"offline", "changed", "other bytes"} {
			for _, to := range []string{"local", "b"} {
				t.Run(fmt.Sprintf("%d %s to %s", size, harm, to), func(t *testing.T) { testFailOver(t, size, harm, to) })
			}
		}
	}
}

func testFailOver(t *testing.T, size int, harm, to string) {
	gone := &outage{op: "GET", after: 1 << 40}
	first := &spoiled{Store: mem.New(mem.Config{Before: gone.before})}
	second := mem.New(mem.Config{})
	w := newWorld(t, map[string]backends.Backend{
		"first": first, "second": second, "b": mem.New(mem.Config{Limits: small}),
	}, transfer.Config{})
	data := noise(size, 1)
	var source stores.Store
	var e stores.Entry
	for _, name := range []string{"first", "second"} {
		in := w.make(w.store(name), "source", data)
		source, e = w.know(w.store(name), in.Name, data)
	}
	switch harm {
	case "offline":
		gone.seen.Store(0)
		gone.after = int64(size / unit / 2)
	case "changed":
		w.make(w.store("first"), "source", noise(size, 2))
	case "other bytes":
		first.bad.Store(true)
	}
	task := w.task(source, e, w.store(to), "target")
	r, err := w.Copy(t.Context(), task)
	w.must(err)
	w.wantCopy(task.To, task.Name, data)
	if !r.Known || r.Sum != e.Sum {
		t.Errorf("the sum is said to be %v (%v), want %v", r.Sum, r.Known, e.Sum)
	}
	if n := first.Stats().Requests["GET"] + second.Stats().Requests["GET"]; second.Stats().Requests["GET"] == 0 {
		t.Errorf("the other copy was not read, with %d requests", n)
	}
	if to == "local" {
		w.only("target")
	}
}

// spoiled gives other bytes than it was given, as a bad disk does, without being asked.
type spoiled struct {
	*mem.Store
	bad atomic.Bool
}

func (s *spoiled) Get(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	r, e, err := s.Store.Get(ctx, name, version, off, n)
	if err != nil || !s.bad.Load() {
		return r, e, err
	}
	data, err := io.ReadAll(r)
	if err == nil && len(data) > 0 {
		data[len(data)/2] ^= 1
	}
	return io.NopCloser(bytes.NewReader(data)), e, err
}

// TestCorrupt gives no name to bytes that are not the source's.
func TestCorrupt(t *testing.T) {
	for _, size := range []int{1000, 20 * unit} {
		for _, to := range []string{"local", "b"} {
			a := &spoiled{Store: mem.New(mem.Config{})}
			b := mem.New(mem.Config{Limits: small})
			w := newWorld(t, map[string]backends.Backend{"a": a, "b": b}, transfer.Config{})
			task := w.task(w.store("a"), w.make(w.store("a"), "source", noise(size, 1)), w.store(to), "target")
			a.bad.Store(true)
			if _, err := w.Copy(t.Context(), task); !errors.As(err, new(*transfer.CorruptError)) {
				t.Errorf("%d to %s: got error %v, want that other bytes have arrived", size, to, err)
			}
			w.absent(task.To, task.Name)
			w.only()
			if list := b.Uploads(); len(list) > 0 {
				t.Errorf("uploads are left: %q", list)
			}
		}
	}
}

// TestVerify reads the target back, and takes away one that was not stored as it was sent.
func TestVerify(t *testing.T) {
	for _, size := range []int{1000, 20 * unit} {
		b := &spoiled{Store: mem.New(mem.Config{Limits: small})}
		w := newWorld(t, map[string]backends.Backend{"b": b}, transfer.Config{})
		e := w.make(w.local, "source", noise(size, 1))
		task := w.task(w.local, e, w.store("b"), "target")
		task.Verify = true
		_, err := w.Copy(t.Context(), task)
		w.must(err)
		task = w.task(w.local, e, w.store("b"), "target2")
		task.Verify = true
		b.bad.Store(true)
		if _, err := w.Copy(t.Context(), task); !errors.As(err, new(*transfer.CorruptError)) {
			t.Errorf("%d: got error %v, want that other bytes have arrived", size, err)
		}
		w.absent(task.To, task.Name)
	}
}

// TestNear copies from proven bytes that are in the target's store already, with the source's
// attributes, and from the source where they are not there any more.
func TestNear(t *testing.T) {
	for _, to := range []string{"b", "local"} {
		for _, stale := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stale %v", to, stale), func(t *testing.T) {
				a, b := mem.New(mem.Config{}), mem.New(mem.Config{})
				w := newWorld(t, map[string]backends.Backend{"a": a, "b": b}, transfer.Config{})
				data := noise(3*unit, 1)
				e := w.make(w.store("a"), "source", data)
				near := w.make(w.store(to), "near", data)
				known := []stores.Entry{e}
				known[0].Proven = true
				sum, err := w.Sum(t.Context(), w.store("a"), e)
				w.must(err)
				known[0].Sum = sum
				if to == "local" {
					w.must(os.Chmod(near.Name, 0o400))
					near = w.entry(w.local, near.Name)
				}
				if stale {
					near.Version = "another"
				}
				task := w.task(w.store("a"), known[0], w.store(to), "target")
				task.Near = &near
				before := a.Stats().BytesIn
				r, err := w.Copy(t.Context(), task)
				w.must(err)
				w.wantCopy(task.To, task.Name, data)
				moved := a.Stats().BytesIn - before
				if stale != (moved > 0) || stale != (r.Through > 0) {
					t.Errorf("%d bytes came from the source, %d as told, by %v", moved, r.Through, r.Method)
				}
				if !stale && r.Method != steps.ServerCopy && r.Method != steps.Clone {
					t.Errorf("done by %v", r.Method)
				}
			})
		}
	}
}

// TestLimit pays for each byte that passes, once.
func TestLimit(t *testing.T) {
	for _, size := range []int{unit, 20 * unit} {
		for _, pair := range [][2]string{{"local", "b"}, {"a", "local"}, {"a", "b"}} {
			const burst = 1 << 40
			limit := rate.NewLimiter(1, burst)
			w := newWorld(t, map[string]backends.Backend{"a": mem.New(mem.Config{}), "b": mem.New(mem.Config{Limits: small})},
				transfer.Config{Limit: limit})
			task := w.task(w.store(pair[0]), w.make(w.store(pair[0]), "source", noise(size, 1)), w.store(pair[1]), "target")
			_, err := w.Copy(t.Context(), task)
			w.must(err)
			want := int64(size)
			if pair[0] == "a" && pair[1] == "b" {
				want *= 2 // they come and go
			}
			if paid := burst - int64(limit.Tokens()); paid < want-100 || paid > want {
				t.Errorf("%d bytes from %s to %s: paid for %d", size, pair[0], pair[1], paid)
			}
		}
	}
}

// TestCancelled ends soon, keeps what was reached for the same Task, and leaves nothing
// where nobody will go on.
func TestCancelled(t *testing.T) {
	for _, saves := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		b := mem.New(mem.Config{Limits: small, Before: func(_ context.Context, op, _ string) error {
			if op == "PART" {
				cancel()
			}
			return nil
		}})
		w := newWorld(t, map[string]backends.Backend{"b": b}, transfer.Config{})
		task := w.task(w.local, w.make(w.local, "source", noise(20*unit, 1)), w.store("b"), "target")
		if saves {
			keep(&task)
		}
		if _, err := w.Copy(ctx, task); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want %v", err, context.Canceled)
		}
		if n := len(b.Uploads()); saves != (n == 1) {
			t.Errorf("%d uploads are left, and saving is %v", n, saves)
		}
		w.absent(task.To, filepath.ToSlash(task.Name))
	}
}
