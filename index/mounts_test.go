//go:build linux

package index_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sd/index"
	"sd/library"
)

// Pseudo file systems are not entered, other file systems are, and a folder that is mounted
// inside itself is seen once. This runs where mounts are seen by nobody else.
func TestScanMounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount")
	}
	data := t.TempDir()
	w := openWorld(t, data, t.TempDir(), nil)
	w.write("a", "1", "tmpfs/", "", "proc/", "", "dir/loop/", "", "dir/b", "2", "inner/", "")
	w.add("", library.Rules{All: true})
	cmd := w.child("mounts", data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.Output()
	if err != nil {
		if len(out) > 0 {
			t.Fatalf("root may not mount here: %s", out)
		}
		t.Fatal(err)
	}
	w.want("a", "tmpfs/f", "dir/b", "inner/g")
}

// taskMounts mounts, scans, and says on stdout if it may not.
func taskMounts() error {
	w, loc, end, err := taskWorld()
	if err != nil {
		return err
	}
	defer end()
	for _, m := range []struct {
		source, target, typ string
		flags               uintptr
	}{
		{"none", "tmpfs", "tmpfs", 0}, {"none", "proc", "proc", 0}, {w.dir, "dir/loop", "", unix.MS_BIND}, {"none", "inner", "tmpfs", 0},
	} {
		if err := unix.Mount(m.source, filepath.Join(w.dir, m.target), m.typ, m.flags, ""); err != nil {
			fmt.Printf("mount %s: %v", m.target, err)
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(w.dir, "tmpfs/f"), nil, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.dir, "inner/g"), nil, 0o644); err != nil {
		return err
	}
	inner, err := w.lib.AddLocation(context.Background(), library.Location{Name: "inner", Place: w.here, Path: w.path("inner")})
	if err != nil {
		return err
	}
	scan := func(l library.Location) (index.Report, error) {
		all, err := w.lib.Locations(context.Background())
		if err != nil {
			return index.Report{}, err
		}
		return w.x.Scan(context.Background(), all[slices.IndexFunc(all, func(a library.Location) bool { return a.ID == l.ID })], index.Control{})
	}
	if _, err := scan(inner); err != nil {
		return err
	}
	r, err := scan(loc)
	if err != nil {
		return err
	}
	if r.Files != 4 || r.Folders != 4 || r.Problems != 0 {
		return fmt.Errorf("the scan reports %+v", r)
	}
	if _, err := scan(library.Location{ID: inner.ID}); err != nil {
		return err
	}
	if proc, err := w.lib.AddLocation(context.Background(), library.Location{Name: "proc", Place: w.here, Path: w.path("proc")}); err != nil {
		return err
	} else if _, err := scan(proc); err == nil {
		return errors.New("a pseudo file system was scanned")
	}
	// The inner location's drive is taken out: its own scan says so, and the outer one leaves it.
	if err := unix.Unmount(filepath.Join(w.dir, "inner"), 0); err != nil {
		return err
	}
	if _, err := scan(inner); !errors.Is(err, index.ErrRoot) {
		return fmt.Errorf("got %v, want ErrRoot", err)
	}
	if _, err := scan(loc); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(w.dir, "inner")); err != nil {
		return err
	}
	_, err = scan(loc)
	return err
}

// Where a drive was and is no longer, a system's own file system may show.
func TestRootThatTheSystemTook(t *testing.T) {
	w := newWorld(t, nil)
	for root, want := range map[string]bool{"": false, "a drive": true} {
		loc, err := w.lib.AddLocation(t.Context(), library.Location{Name: "on " + root, Place: w.here, Path: "proc/sys" + root, Root: root})
		w.must(err)
		loc.Path = "proc/sys"
		if _, err := w.x.Scan(t.Context(), loc, index.Control{}); err == nil || errors.Is(err, index.ErrRoot) != want {
			t.Errorf("with root %q: %v, want ErrRoot: %v", root, err, want)
		}
	}
}
