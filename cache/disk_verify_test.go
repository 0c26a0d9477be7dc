package cache

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDiskFindsCorruption(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, name string)
	}{
		{"one bit", func(t *testing.T, name string) {
			f, err := os.OpenFile(name, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, mib+77); err != nil {
				t.Fatal(err)
			}
			b[0] ^= 4
			if _, err := f.WriteAt(b, mib+77); err != nil {
				t.Fatal(err)
			}
		}},
		{"cut", func(t *testing.T, name string) {
			if err := os.Truncate(name, mib); err != nil {
				t.Fatal(err)
			}
		}},
		{"longer", func(t *testing.T, name string) {
			if err := os.Truncate(name, 3*mib); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := &store{t: t, name: "f", size: 2 * mib}
			c, _ := newDiskCache(t, dir, 0)
			readWhole(t, c, s)
			c.Close()
			names, _ := filepath.Glob(filepath.Join(c.disk.dir, "*-*"))
			if len(names) != 1 {
				t.Fatalf("on disk: %v", names)
			}
			tt.spoil(t, names[0])
			before := len(s.requests())
			c, _ = newDiskCache(t, dir, 0)
			if _, ok := c.OpenDisk(s.file()); ok {
				t.Error("a spoilt file was given out")
			}
			readWhole(t, c, s)
			if got := c.Stats().Disk; len(s.requests()) == before || got.Bad != 1 || got.Files != 1 {
				t.Errorf("%d requests, stats %+v", len(s.requests())-before, got)
			}
			before = len(s.requests())
			readWhole(t, c, s)
			if got := len(s.requests()); got != before {
				t.Errorf("%d requests for a file that was fetched again", got-before)
			}
		})
	}
}

// A large file is verified while it is read from the store.
func TestDiskVerifiesLargeFiles(t *testing.T) {
	dir := t.TempDir()
	s := &store{t: t, name: "f", size: quickCheck + 1}
	c, _ := newDiskCache(t, dir, 0)
	r := c.Open(s.file())
	for off := int64(0); off < s.size; off += mib {
		mustRead(t, r, s, off, mib)
		flush(c)
	}
	r.Close()
	c.Close()
	c, _ = newDiskCache(t, dir, 0)
	if _, ok := c.OpenDisk(s.file()); ok {
		t.Error("a large file was given out before it was verified")
	}
	r = c.Open(s.file())
	defer r.Close()
	mustRead(t, r, s, 0, 100)
	c.disk.mu.Lock()
	e := c.disk.index.files[s.file().ID]
	c.disk.mu.Unlock()
	if !e.check() {
		t.Error("a good file was found to be bad")
	}
	before := len(s.requests())
	mustRead(t, r, s, s.size-100, 200)
	if f, ok := c.OpenDisk(s.file()); !ok || len(s.requests()) != before {
		t.Errorf("a verified file is not used, %d requests", len(s.requests())-before)
	} else {
		f.Close()
	}
}

// A file that cannot be read any more is asked from the store, by the handle that has
// it open too.
func TestDiskReadFails(t *testing.T) {
	c, _ := newDiskCache(t, t.TempDir(), 0)
	s := &store{t: t, name: "f", size: 2 * mib}
	readWhole(t, c, s)
	r := c.Open(s.file())
	defer r.Close()
	mustRead(t, r, s, 0, 10)
	before := len(s.requests())
	if err := os.Truncate(r.disk.Load().Name(), mib); err != nil {
		t.Fatal(err)
	}
	c.tier.blocks.Clear()
	mustRead(t, r, s, mib+5, 10)
	if got := c.Stats().Disk; len(s.requests()) == before || got.Bad != 1 {
		t.Errorf("%d requests, stats %+v", len(s.requests())-before, got)
	}
}
