//go:build linux

package transfer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"sd/actions/stores"
	"sd/actions/transfer"
	"sd/backends"
	"sd/backends/mem"
)

// outage fails requests of one kind once some of them were let through, as a network that is
// gone does.
type outage struct {
	op    string
	after int64
	seen  atomic.Int64
}

func (o *outage) before(_ context.Context, op, _ string) error {
	if o.op == "" || op != o.op || o.seen.Add(1) <= o.after {
		return nil
	}
	return backends.ErrOffline
}

// TestResumeUpload goes on with the parts that have arrived, from a file and from another
// service, and knows the sum of all bytes in the end.
func TestResumeUpload(t *testing.T) {
	for _, from := range []string{"local", "a"} {
		t.Run("from "+from, func(t *testing.T) {
			gone := &outage{op: "PART", after: 6}
			b := mem.New(mem.Config{Limits: small, Before: gone.before})
			a := mem.New(mem.Config{})
			w := newWorld(t, map[string]backends.Backend{"a": a, "b": b}, transfer.Config{})
			data := noise(20*unit-9, 3)
			task := w.task(w.store(from), w.make(w.store(from), "source", data), w.store("b"), "target")
			last := keep(&task)
			if _, err := w.Copy(t.Context(), task); !errors.Is(err, backends.ErrOffline) {
				t.Fatalf("got error %v, want %v", err, backends.ErrOffline)
			}
			w.absent(task.To, task.Name)
			if n := len(b.Uploads()); n != 1 || len(*last) == 0 {
				t.Fatalf("%d uploads are kept, with %q", n, *last)
			}
			gone.after = 1 << 40
			sent := b.Stats().BytesOut
			task.Saved = *last
			r, err := w.Copy(t.Context(), task)
			w.must(err)
			w.wantCopy(task.To, task.Name, data)
			if sent = b.Stats().BytesOut - sent; sent > 16*unit {
				t.Errorf("%d bytes were sent again, of %d", sent, len(data))
			}
			if n := b.Stats().Requests["INITIATE"]; n != 1 {
				t.Errorf("%d uploads were begun, want 1", n)
			}
			if have, err := w.Sum(t.Context(), task.To, r.Entry); err != nil || !r.Known || have != r.Sum {
				t.Errorf("the sum is said to be %v (%v), is %v, %v", r.Sum, r.Known, have, err)
			}
		})
	}
}

// TestForgottenUpload begins anew where the service knows nothing of the upload any more.
func TestForgottenUpload(t *testing.T) {
	gone := &outage{op: "PART", after: 3}
	b := mem.New(mem.Config{Limits: small, Before: gone.before})
	w := newWorld(t, map[string]backends.Backend{"b": b}, transfer.Config{})
	data := noise(10*unit, 3)
	task := w.task(w.local, w.make(w.local, "source", data), w.store("b"), "target")
	task.Saved = *interrupted(w, &task)
	gone.after = 1 << 40
	up, err := b.Upload(t.Context(), task.Name, b.Uploads()[0], backends.Meta{})
	w.must(err)
	w.must(up.Abort(t.Context()))
	_, err = w.Copy(t.Context(), task)
	w.must(err)
	w.wantCopy(task.To, task.Name, data)
	if list := b.Uploads(); len(list) > 0 {
		t.Errorf("uploads are left: %q", list)
	}
}

// interrupted copies until the outage and returns what was saved.
func interrupted(w *world, task *transfer.Task) *json.RawMessage {
	w.Helper()
	last := keep(task)
	if _, err := w.Copy(w.Context(), *task); !errors.Is(err, backends.ErrOffline) {
		w.Fatalf("got error %v, want %v", err, backends.ErrOffline)
	}
	return last
}

// TestCommittedBefore finds that the object is there, made by a process that could not say so.
func TestCommittedBefore(t *testing.T) {
	lost := atomic.Bool{}
	lost.Store(true)
	b := mem.New(mem.Config{Limits: small, After: func(_ context.Context, op, _ string) error {
		if op == "COMPLETE" && lost.Load() {
			return backends.ErrOffline
		}
		return nil
	}})
	w := newWorld(t, map[string]backends.Backend{"b": b}, transfer.Config{})
	data := noise(10*unit, 3)
	task := w.task(w.local, w.make(w.local, "source", data), w.store("b"), "target")
	task.Saved = *interrupted(w, &task)
	lost.Store(false)
	sent := b.Stats().Requests["PART"]
	_, err := w.Copy(t.Context(), task)
	w.must(err)
	w.wantCopy(task.To, task.Name, data)
	if n := b.Stats().Requests["PART"]; n != sent {
		t.Errorf("%d parts were sent again", n-sent)
	}
}

// TestLostBeginning finds the upload whose id nobody got to know, and no other.
func TestLostBeginning(t *testing.T) {
	for _, again := range []bool{true, false} {
		lost := atomic.Bool{}
		b := mem.New(mem.Config{Limits: small, After: func(_ context.Context, op, _ string) error {
			if op == "INITIATE" && lost.Load() {
				return backends.ErrOffline
			}
			return nil
		}})
		w := newWorld(t, map[string]backends.Backend{"b": b}, transfer.Config{})
		data := noise(10*unit, 3)
		task := w.task(w.local, w.make(w.local, "source", data), w.store("b"), "target")
		other, err := b.Upload(t.Context(), task.Name, "", backends.Meta{})
		w.must(err)
		_, err = other.Part(t.Context(), 1, bytes.NewReader(data), 10)
		w.must(err)
		lost.Store(true)
		task.Saved = *interrupted(w, &task)
		lost.Store(false)
		if again {
			_, err = w.Copy(t.Context(), task)
			w.must(err)
			w.wantCopy(task.To, task.Name, data)
		} else {
			w.must(w.Clean(t.Context(), task))
		}
		if list := b.Uploads(); len(list) != 1 || list[0] != other.ID() {
			t.Errorf("the uploads %q are left, want that of somebody else", list)
		}
	}
}

// TestSourceChangesMeanwhile sends nothing of two versions: not when it changes while it is
// sent, nor when it has changed before the copy goes on.
func TestSourceChangesMeanwhile(t *testing.T) {
	var once sync.Once
	var w *world
	b := mem.New(mem.Config{Limits: small, Before: func(_ context.Context, op, _ string) error {
		if op == "PART" {
			once.Do(func() { _ = os.WriteFile(filepath.Join(w.dir, "source"), noise(10*unit, 9), 0o640) })
		}
		return nil
	}})
	w = newWorld(t, map[string]backends.Backend{"b": b}, transfer.Config{})
	task := w.task(w.local, w.make(w.local, "source", noise(10*unit, 3)), w.store("b"), "target")
	keep(&task)
	_, err := w.Copy(t.Context(), task)
	w.changed(err, transfer.Source)
	w.absent(task.To, task.Name)
	if list := b.Uploads(); len(list) > 0 {
		t.Errorf("uploads are left: %q", list)
	}
}

// TestClean removes what is unfinished, and says nothing where that is nothing.
func TestClean(t *testing.T) {
	gone := &outage{op: "PART", after: 3}
	b := mem.New(mem.Config{Limits: small, Before: gone.before})
	w := newWorld(t, map[string]backends.Backend{"b": b}, transfer.Config{})
	task := w.task(w.local, w.make(w.local, "source", noise(10*unit, 3)), w.store("b"), "target")
	task.Saved = *interrupted(w, &task)
	for range 2 {
		w.must(w.Clean(t.Context(), task))
		if list := b.Uploads(); len(list) > 0 {
			t.Errorf("uploads are left: %q", list)
		}
	}
	down := w.task(w.store("b"), stores.Entry{Name: "x"}, w.local, "down")
	hidden := filepath.Join(w.dir, ".sd-"+down.Unique+".part")
	w.must(os.WriteFile(hidden, nil, 0o600))
	for range 2 {
		w.must(w.Clean(t.Context(), down))
	}
	w.only("source")
}

// TestResumeDownload goes on with the ranges that are in the hidden file; what has happened to
// that meanwhile is noticed.
func TestResumeDownload(t *testing.T) {
	const size = transfer.Resumable + 5
	part := int64(4 << 20)
	data := noise(size, 5)
	for _, harm := range []string{"none", "other bytes", "another file"} {
		t.Run(harm, func(t *testing.T) {
			gone := &outage{op: "GET", after: 9}
			a := mem.New(mem.Config{Before: gone.before})
			w := newWorld(t, map[string]backends.Backend{"a": a}, transfer.Config{})
			transfer.SetUnit(w.Transfers, part)
			task := w.task(w.store("a"), w.make(w.store("a"), "source", data), w.local, "target")
			task.Saved = *interrupted(w, &task)
			var state map[string]any
			hidden := filepath.Join(w.dir, ".sd-"+task.Unique+".part")
			w.only(filepath.Base(hidden))
			if harm == "other bytes" {
				f, err := os.OpenFile(hidden, os.O_RDWR, 0)
				w.must(err)
				_, err = f.WriteAt(bytes.Repeat([]byte("x"), int(part)*9), 0)
				w.must(errors.Join(err, f.Close()))
			}
			if harm == "another file" { // which got the number of the one that was removed
				w.must(os.Remove(hidden))
				w.must(os.WriteFile(hidden, make([]byte, size), 0o600))
				w.must(json.Unmarshal(task.Saved, &state))
				state["Inode"] = w.entry(w.local, hidden).Inode
				var err error
				task.Saved, err = json.Marshal(state)
				w.must(err)
			}
			gone.after = 1 << 40
			before := a.Stats().BytesIn
			_, err := w.Copy(t.Context(), task)
			if harm == "other bytes" {
				if !errors.As(err, new(*transfer.CorruptError)) {
					t.Errorf("got error %v, want that other bytes have arrived", err)
				}
				w.only()
				task.Saved = nil
				_, err = w.Copy(t.Context(), task)
			}
			w.must(err)
			w.wantCopy(task.To, task.Name, data)
			w.only("target")
			if again := a.Stats().BytesIn - before; harm == "none" && again > size-5*part {
				t.Errorf("%d bytes were fetched again, of %d", again, len(data))
			}
		})
	}
}
