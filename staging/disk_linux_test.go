package staging_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/backends"
	"sd/backends/mem"
	"sd/staging"
)

// TestFullDisk fills the disk of the staging folder: what was acknowledged stays.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small disk")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("root may not mount here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	b := mem.New(mem.Config{})
	s, err := staging.Open(staging.Config{Dir: dir, WriteBack: true, MaxBytes: 1 << 30, Patience: time.Millisecond, Backend: backendOf(b)})
	if err != nil {
		t.Fatal(err)
	}
	acked := map[string][]byte{}
	full := false
	for i := 0; !full && i < 1000; i++ {
		name := fmt.Sprint(i)
		f := create(t, s, b, name)
		p := random(uint64(i), 50_000)
		_, err := f.WriteAt(t.Context(), p, 0)
		if err == nil {
			err = f.Flush(t.Context())
		}
		if err == nil {
			acked[name] = p
		} else if full = true; !errors.Is(err, backends.ErrNoSpace) {
			t.Fatalf("on a full disk: %v, want %v", err, backends.ErrNoSpace)
		}
		f.Close()
	}
	if !full || len(acked) == 0 {
		t.Fatalf("%d files, full %v", len(acked), full)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = staging.Open(staging.Config{Dir: dir, WriteBack: true, Backend: backendOf(b)})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range acked {
		wantObject(t, b, name, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
