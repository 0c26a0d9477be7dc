package staging_test

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

// Two mounts of one user each acknowledge a new file of one name, and both die before
// they could upload it. The next start keeps both, as it would have been without the
// deaths: one under the name and one beside it.
func TestTwoProcessesAcknowledgeOneName(t *testing.T) {
	dir, b := t.TempDir(), mem.New(mem.Config{})
	keep := t.TempDir()
	for i, content := range []string{"first", "second"} {
		s, err := staging.Open(staging.Config{Dir: dir, WriteBack: true})
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.Create("vol", "f", b, nil, backends.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		write(t, f, 0, []byte(content))
		if err := f.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		// Out of the way of the other, as if both were alive at once.
		left, _ := filepath.Glob(filepath.Join(dir, "s-*"))
		for _, d := range left {
			if err := os.Rename(d, filepath.Join(keep, filepath.Base(d)+string(rune('a'+i)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	back, _ := filepath.Glob(filepath.Join(keep, "s-*"))
	for _, d := range back {
		if err := os.Rename(d, filepath.Join(dir, filepath.Base(d))); err != nil {
			t.Fatal(err)
		}
	}
	s := newStore(t, staging.Config{Dir: dir, WriteBack: true, Device: "dev", Backend: backendOf(b)})
	s.Start()
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	err := b.List(t.Context(), "", func(page []backends.Entry) error {
		for _, e := range page {
			got[string(object(t, b, e.Name))] = true
		}
		return nil
	})
	if err != nil || !got["first"] || !got["second"] {
		t.Errorf("at the provider: %v, %v; want both acknowledged contents", got, err)
	}
}

// A file that replaced another in the staging folder and goes on to a third name: the
// store must be told that what it replaced is gone.
func TestRenameTwiceLeavesNothing(t *testing.T) {
	b := mem.New(mem.Config{})
	s := newStore(t, staging.Config{})
	e := put(t, b, "b", []byte("old"))
	f := create(t, s, b, "a")
	write(t, f, 0, []byte("new"))
	if done, err := f.Rename(t.Context(), "b", backends.Cond{Version: e.Version}, nil); !done || err != nil {
		t.Fatal(done, err)
	}
	if done, err := f.Rename(t.Context(), "c", backends.Cond{Absent: true}, nil); done || err != nil {
		t.Errorf("Rename away from a name where the store has what was replaced: %v, %v; want false", done, err)
	}
	f.Close()
}

// nameless is a store that holds no name with a dot at its end.
type nameless struct{ *mem.Store }

func (b nameless) Put(ctx context.Context, name string, r io.ReadSeeker, size int64, meta backends.Meta, cond backends.Cond) (backends.Entry, error) {
	if strings.HasSuffix(name, ".") {
		return backends.Entry{}, &iofs.PathError{Op: "put", Path: name, Err: syscall.EINVAL}
	}
	return b.Store.Put(ctx, name, r, size, meta, cond)
}

// What a store refuses for its name can be given another one, under which it is uploaded at
// once, however long the pause has become.
func TestRenameAwayFromABadName(t *testing.T) {
	b := nameless{mem.New(mem.Config{})}
	s := newStore(t, staging.Config{Backend: backendOf(b), WriteBack: true, RetryMin: time.Hour, RetryMax: time.Hour})
	s.Start()
	f := create(t, s, b, "a.")
	defer f.Close()
	write(t, f, 0, []byte("text"))
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is refused", func() bool { p := s.Pending(); return len(p) == 1 && p[0].State == "failed" })
	if err := f.Sync(t.Context()); !errors.Is(err, syscall.EINVAL) {
		t.Fatalf("got %v, want EINVAL", err)
	}
	if done, err := f.Rename(t.Context(), "a", backends.Cond{Absent: true}, nil); !done || err != nil {
		t.Fatalf("got %v, %v", done, err)
	}
	eventually(t, "it is uploaded", func() bool { return len(s.Pending()) == 0 })
	wantObject(t, b, "a", []byte("text"))
}
