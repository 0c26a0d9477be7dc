package staging_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

// lent makes an object and a new file that shows its first n bytes.
func lent(t *testing.T, s *staging.Store, b *mem.Store, content []byte, n int) *staging.File {
	t.Helper()
	e := put(t, b, "src", content)
	e.Name = "src"
	f := create(t, s, b, "f")
	if !f.Copy(*baseOf(b, e), 0, int64(n)) || !f.Borrows() {
		t.Fatal("a new file did not take bytes of another object")
	}
	return f
}

func TestCopyMovesNoBytes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		size, n int
	}{{"small", 100, 100}, {"large", 6 * smallPart, 6 * smallPart}, {"the first parts", 6*smallPart + 10, 4*smallPart + 7}} {
		t.Run(tt.name, func(t *testing.T) {
			b := mem.New(mem.Config{Limits: small})
			s := newStore(t, staging.Config{PartSize: smallPart})
			content := random(1, tt.size)
			f := lent(t, s, b, content, tt.n)
			before := b.Stats()
			mustSync(t, f)
			after := b.Stats()
			if in, out := after.BytesIn-before.BytesIn, after.BytesOut-before.BytesOut; in+out != 0 {
				t.Errorf("the commit moved %d bytes here and %d away", in, out)
			}
			wantObject(t, b, "f", content[:tt.n])
			if f.Borrows() || f.Dirty() {
				t.Error("it depends on the other object still")
			}
			put(t, b, "src", []byte("changed")) // and does not see this
			write(t, f, 3, []byte("own"))
			copy(content[3:], "own")
			mustSync(t, f)
			wantObject(t, b, "f", content[:tt.n])
			f.Close()
		})
	}
}

func TestCopyIsGivenUp(t *testing.T) {
	b := mem.New(mem.Config{Limits: small})
	s := newStore(t, staging.Config{PartSize: smallPart})
	f := lent(t, s, b, random(1, 6*smallPart), 6*smallPart)
	put(t, b, "src", random(2, 6*smallPart))
	if err := f.Sync(t.Context()); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("Sync: %v, want %v", err, backends.ErrChanged)
	}
	if _, err := b.Stat(t.Context(), "f"); err == nil || f.Dirty() {
		t.Errorf("there is a file (%v), or it is to be uploaded still (%v)", err, f.Dirty())
	}
	// With bytes of its own it is kept, for somebody to look at.
	f = lent(t, s, b, random(3, 6*smallPart), 6*smallPart)
	write(t, f, 100, []byte("own"))
	put(t, b, "src", random(4, 10))
	if err := f.Sync(t.Context()); !errors.Is(err, backends.ErrChanged) || !f.Dirty() {
		t.Errorf("Sync: %v; to be uploaded still: %v", err, f.Dirty())
	}
}

func TestCopyInConflict(t *testing.T) {
	b := mem.New(mem.Config{Limits: small})
	var copied atomic.Value
	s := newStore(t, staging.Config{PartSize: smallPart, Device: "dev", Conflict: func(_, _, copy string) { copied.Store(copy) }})
	content := random(1, 6*smallPart)
	f := lent(t, s, b, content, len(content))
	theirs := random(2, 6*smallPart)
	put(t, b, "f", theirs)
	if err := f.Sync(t.Context()); !errors.Is(err, backends.ErrChanged) {
		t.Errorf("Sync: %v, want %v", err, backends.ErrChanged)
	}
	wantObject(t, b, "f", theirs)
	name, _ := copied.Load().(string)
	if !strings.HasPrefix(name, "f (conflict dev ") {
		t.Fatalf("ours lies at %q", name)
	}
	wantObject(t, b, name, content)
}

func TestCopyRefuses(t *testing.T) {
	b := mem.New(mem.Config{Limits: small})
	s := newStore(t, staging.Config{PartSize: smallPart})
	e := put(t, b, "src", random(1, 100))
	e.Name = "src"
	for what, f := range map[string]func(f *staging.File) (off, n int64){
		"past the end":      func(*staging.File) (int64, int64) { return 0, 101 },
		"nothing":           func(*staging.File) (int64, int64) { return 0, 0 },
		"behind a gap":      func(*staging.File) (int64, int64) { return 10, 10 },
		"over other bytes":  func(f *staging.File) (int64, int64) { write(t, f, 0, []byte("own")); return 0, 100 },
		"after other bytes": func(f *staging.File) (int64, int64) { write(t, f, 0, []byte("own")); return 3, 10 },
		"after another version": func(f *staging.File) (int64, int64) {
			old := e
			old.Version = "old"
			if !f.Copy(*baseOf(b, old), 0, 50) {
				t.Error("a new file refuses")
			}
			return 50, 50
		},
	} {
		file := create(t, s, b, what)
		if off, n := f(file); file.Copy(*baseOf(b, e), off, n) {
			t.Errorf("%s: it took %d bytes at %d", what, n, off)
		}
		file.Close()
	}
}
