package staging_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

func backendOf(b backends.Backend) func(context.Context, string) (backends.Backend, error) {
	return func(context.Context, string) (backends.Backend, error) { return b, nil }
}

// eventually waits until cond holds, or fails the test.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func put(t *testing.T, b backends.Putter, name string, data []byte) backends.Entry {
	t.Helper()
	e, err := b.Put(t.Context(), name, bytes.NewReader(data), int64(len(data)), backends.Meta{}, backends.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConflict(t *testing.T) {
	for _, writeBack := range []bool{false, true} {
		for _, size := range []int{100, 5 * smallPart} {
			for _, isNew := range []bool{false, true} {
				t.Run(fmt.Sprintf("write-back=%v/%d/new=%v", writeBack, size, isNew), func(t *testing.T) {
					b := mem.New(mem.Config{Limits: small})
					var copied atomic.Value
					s := newStore(t, staging.Config{WriteBack: writeBack, PartSize: smallPart, Device: "my laptop", Backend: backendOf(b),
						Conflict: func(volume, name, copy string) { copied.Store(volume + "|" + name + "|" + copy) }})
					var f *staging.File
					if isNew {
						f = create(t, s, b, "d/f")
					} else {
						put(t, b, "d/f", random(1, size))
						f = edit(t, s, b, "d/f")
					}
					ours, theirs := random(2, size), random(3, size)
					write(t, f, 0, ours)
					put(t, b, "d/f", theirs)
					if err := f.Sync(t.Context()); !errors.Is(err, backends.ErrChanged) {
						t.Fatalf("Sync: %v, want %v", err, backends.ErrChanged)
					}
					wantObject(t, b, "d/f", theirs)
					parts := strings.Split(copied.Load().(string), "|")
					if parts[0] != "vol" || parts[1] != "d/f" || !strings.HasPrefix(parts[2], "d/f (conflict my laptop ") {
						t.Errorf("Conflict was told %q", parts)
					}
					wantObject(t, b, parts[2], ours)
					p := make([]byte, size)
					if n, err := f.ReadAt(t.Context(), p, 0); n != size || err != nil || !bytes.Equal(p, ours) {
						t.Errorf("the handle reads %d bytes, %v, or others than its own", n, err)
					}
					if f.Dirty() {
						t.Error("dirty after its bytes were stored beside")
					}
					write(t, f, 0, []byte("more"))
					if err := f.Sync(t.Context()); !errors.Is(err, backends.ErrChanged) {
						t.Errorf("Sync of what is written after a conflict: %v, want %v", err, backends.ErrChanged)
					}
					f.Close()
					eventually(t, "uploads dropped", func() bool { return len(b.Uploads()) == 0 })
				})
			}
		}
	}
}

// TestLostReplies loses the reply of each request that makes an object. Retried, it
// must be known to be ours.
func TestLostReplies(t *testing.T) {
	for _, op := range []string{"PUT", "COMPLETE", "COPY"} {
		t.Run(op, func(t *testing.T) {
			var lost atomic.Bool
			b := mem.New(mem.Config{Limits: small, After: func(ctx context.Context, o, name string) error {
				if o == op && lost.CompareAndSwap(false, true) {
					return backends.ErrOffline
				}
				return nil
			}})
			s := newStore(t, staging.Config{PartSize: smallPart,
				Conflict: func(_, _, copy string) { t.Errorf("a conflict copy %q", copy) }})
			f := create(t, s, b, "f")
			want := random(1, 100)
			if op == "COMPLETE" {
				want = random(1, 5*smallPart)
			}
			write(t, f, 0, want)
			if op == "COPY" {
				mustSync(t, f)
				f.SetMeta(func(m *backends.Meta) { m.Mode = 0o640 })
			}
			if err := f.Sync(t.Context()); !errors.Is(err, backends.ErrOffline) {
				t.Fatalf("Sync: %v, want %v", err, backends.ErrOffline)
			}
			more := random(2, 50)
			copy(want, more)
			if op == "PUT" {
				write(t, f, 0, more)
			} else {
				want = object(t, b, "f")
			}
			mustSync(t, f)
			wantObject(t, b, "f", want)
			f.Close()
			eventually(t, "uploads dropped", func() bool { return len(b.Uploads()) == 0 })
		})
	}
}

// TestEveryRequestFails fails each request of a commit in turn: Sync says so, the old
// object stands, and the next Sync makes it good.
func TestEveryRequestFails(t *testing.T) {
	for n := int64(1); ; n++ {
		var armed atomic.Bool
		var count atomic.Int64
		b := mem.New(mem.Config{Limits: small, Before: func(ctx context.Context, op, name string) error {
			if armed.Load() && count.Add(1) == n {
				return backends.ErrOffline
			}
			return nil
		}})
		old := random(1, 40*smallPart)
		put(t, b, "f", old)
		s := newStore(t, staging.Config{PartSize: smallPart})
		f := edit(t, s, b, "f")
		want := bytes.Clone(old)
		armed.Store(true)
		for _, off := range []int{0, 9 * smallPart, 30*smallPart + 7} {
			p := random(uint64(off), 3*smallPart)
			copy(want[off:], p)
			write(t, f, int64(off), p)
		}
		err := f.Sync(t.Context())
		failed := count.Load() >= n
		armed.Store(false)
		if err != nil {
			if !errors.Is(err, backends.ErrOffline) {
				t.Fatalf("request %d: %v", n, err)
			}
			wantObject(t, b, "f", old)
			if state, _ := f.State(); state != "failed" {
				t.Errorf("state %q after a failure", state)
			}
			mustSync(t, f)
		}
		wantObject(t, b, "f", want)
		f.Close()
		s.Close()
		if !failed {
			if n < 5 {
				t.Fatalf("only %d requests", n)
			}
			return
		}
	}
}

// TestUnreachableVolume has one volume fail for a while: the others go on, and its
// files come when it is back.
func TestUnreachableVolume(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	bad := mem.New(mem.Config{Before: func(context.Context, string, string) error {
		if down.Load() {
			return backends.ErrOffline
		}
		return nil
	}})
	good := mem.New(mem.Config{})
	stores := map[string]backends.Backend{"bad": bad, "good": good}
	s := newStore(t, staging.Config{WriteBack: true, Uploads: 2, RetryMin: time.Hour, RetryMax: time.Hour,
		Backend: func(_ context.Context, volume string) (backends.Backend, error) { return stores[volume], nil }})
	s.Start()
	for i := range 5 {
		for volume, b := range stores {
			f, err := s.Create(volume, fmt.Sprint(i), b, nil, backends.Meta{})
			if err != nil {
				t.Fatal(err)
			}
			write(t, f, 0, []byte("content"))
			if err := f.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	eventually(t, "the good volume is done", func() bool {
		p := s.Pending()
		return len(p) == 5 && p[0].Volume == "bad" && p[4].Volume == "bad" && p[0].State == "failed"
	})
	if st := s.Stats(); st.Pending != 5 || st.PendingBytes != 35 || st.Failing == 0 || st.Oldest.IsZero() {
		t.Errorf("Stats = %+v", st)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Drain(ctx); err == nil || !strings.Contains(err.Error(), "5 files wait") {
		t.Errorf("Drain of an unreachable volume: %v", err)
	}
	down.Store(false)
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		wantObject(t, bad, fmt.Sprint(i), []byte("content"))
	}
	if st := s.Stats(); st.Staged != 0 || st.Files != 0 {
		t.Errorf("left: %+v", st)
	}
}

func TestBackPressure(t *testing.T) {
	release := make(chan struct{})
	b := mem.New(mem.Config{Before: func(ctx context.Context, op, name string) error {
		if name == "first" {
			<-release
		}
		return nil
	}})
	s := newStore(t, staging.Config{WriteBack: true, MaxBytes: 1000, Backend: backendOf(b)})
	s.Start()
	first := create(t, s, b, "first")
	write(t, first, 0, random(1, 900))
	if err := first.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.Close()
	second := create(t, s, b, "second")
	defer second.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := second.WriteAt(ctx, random(2, 200), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a write over the cap while an upload goes on: %v, want it to wait", err)
	}
	close(release)
	write(t, second, 0, random(2, 200))
	if _, err := second.WriteAt(t.Context(), random(3, 1100), 0); !errors.Is(err, backends.ErrNoSpace) {
		t.Errorf("a file larger than the cap: %v, want %v", err, backends.ErrNoSpace)
	}
	mustSync(t, second)
	wantObject(t, b, "second", random(2, 200))
}

func TestNothingIsLeft(t *testing.T) {
	fds := func() int {
		entries, _ := os.ReadDir("/proc/self/fd")
		return len(entries)
	}
	goroutines, files := runtime.NumGoroutine(), fds()
	b := mem.New(mem.Config{Limits: small})
	dir := t.TempDir()
	s, err := staging.Open(staging.Config{Dir: dir, WriteBack: true, PartSize: smallPart, Backend: backendOf(b)})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	for i := range 40 {
		f := create(t, s, b, fmt.Sprint(i))
		for off := range int64(5) {
			write(t, f, off*smallPart, random(1, smallPart))
		}
		switch i % 4 {
		case 0:
			mustSync(t, f)
		case 1:
			if err := f.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 2:
			f.Discard()
		}
		f.Close()
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "uploads dropped", func() bool { return len(b.Uploads()) == 0 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left in the staging folder: %v, %v", left, err)
	}
	eventually(t, "goroutines and descriptors as before", func() bool {
		return runtime.NumGoroutine() <= goroutines && fds() <= files
	})
}
