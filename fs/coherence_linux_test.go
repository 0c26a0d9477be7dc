package fs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/internal/mounttest"
)

// changesBehind makes every kind of change behind a mount whose kernel has all of it
// cached, and waits at most a second and a half for each to show: a second is the
// promise where nothing reports changes.
func changesBehind(t *testing.T, o mounttest.Options) {
	m := mounttest.Start(t, o)
	behind, shown := localDir(t, m)
	for _, dir := range []string{"d", "d/e"} {
		must(t, os.Mkdir(filepath.Join(behind, dir), 0o755))
	}
	for _, f := range []string{"changed", "cut", "moved", "removed", "replaced", "mode", "d/deep", "linked"} {
		write(t, filepath.Join(behind, f), "old")
	}
	must(t, os.Link(filepath.Join(behind, "linked"), filepath.Join(behind, "d/link")))
	look := func() {
		filepath.WalkDir(shown, func(p string, e os.DirEntry, err error) error {
			must(t, err)
			if st := lstat(t, p); st.Mode&unix.S_IFMT == unix.S_IFREG {
				read(t, p)
			}
			return nil
		})
		os.Lstat(filepath.Join(shown, "created")) // the kernel remembers that it is absent
		os.Lstat(filepath.Join(shown, "moved-here"))
	}
	look()
	settleQuietly(t, look)

	at := func(name string) string { return filepath.Join(behind, name) }
	see := func(name string) string { return filepath.Join(shown, name) }
	content := func(name, want string) func() bool {
		return func() bool { b, err := os.ReadFile(see(name)); return err == nil && string(b) == want }
	}
	listed := func(name string, want bool) func() bool {
		return func() bool {
			for _, n := range names(t, shown) {
				if n == name {
					return want
				}
			}
			return !want
		}
	}
	for _, change := range []struct {
		what string
		do   func() error
		seen func() bool
	}{
		{"a new file", func() error { return os.WriteFile(at("created"), []byte("new"), 0o644) }, content("created", "new")},
		{"its entry", nil, listed("created", true)},
		{"a longer file", func() error { return os.WriteFile(at("changed"), []byte("much longer"), 0o644) }, content("changed", "much longer")},
		{"its size", nil, func() bool { return lstat(t, see("changed")).Size == 11 }},
		{"a cut file", func() error { return os.Truncate(at("cut"), 1) }, content("cut", "o")},
		{"a rename, new name", func() error { return os.Rename(at("moved"), at("moved-here")) }, content("moved-here", "old")},
		{"a rename, old name", nil, func() bool { _, err := os.Lstat(see("moved")); return os.IsNotExist(err) }},
		{"a removal", func() error { return os.Remove(at("removed")) }, func() bool { _, err := os.Lstat(see("removed")); return os.IsNotExist(err) }},
		{"its entry's end", nil, listed("removed", false)},
		{"another file of the same name", func() error {
			if err := os.WriteFile(at("tmp"), []byte("another"), 0o600); err != nil {
				return err
			}
			return os.Rename(at("tmp"), at("replaced"))
		}, content("replaced", "another")},
		{"a mode", func() error { return os.Chmod(at("mode"), 0o611) }, func() bool { return lstat(t, see("mode")).Mode&0o777 == 0o611 }},
		{"a time", func() error { return os.Chtimes(at("mode"), time.Unix(1e9, 0), time.Unix(1e9, 0)) }, func() bool { return lstat(t, see("mode")).Mtim.Sec == 1e9 }},
		{"a write through another link", func() error { return os.WriteFile(at("d/link"), []byte("through the link"), 0o644) }, content("linked", "through the link")},
		{"a folder's rename", func() error { return os.Rename(at("d"), at("D")) }, content("D/deep", "old")},
		{"a file becoming a folder", func() error { os.Remove(at("mode")); return os.Mkdir(at("mode"), 0o700) }, func() bool { return lstat(t, see("mode")).Mode&unix.S_IFMT == unix.S_IFDIR }},
	} {
		if change.do != nil {
			must(t, change.do())
		}
		mounttest.Eventually(t, 1500*time.Millisecond, change.what+" is seen through the mount", change.seen)
	}
}

// settleQuietly looks for long enough that what the kernel was told late is over.
func settleQuietly(t *testing.T, look func()) {
	t.Helper()
	end := time.Now().Add(500 * time.Millisecond)
	mounttest.Eventually(t, 10*time.Second, "time passes", func() bool { look(); return time.Now().After(end) })
}

func TestChangesBehind(t *testing.T)           { changesBehind(t, mounttest.Options{}) }
func TestChangesBehindAllowOther(t *testing.T) { changesBehind(t, mounttest.Options{AllowOther: true}) }
func TestChangesBehindAsUser(t *testing.T)     { mounttest.AsUser(t, nobody, "TestChangesBehind") }

// A process that writes through the mount and then behind it must see both at once.
func TestOneProcessOnBothSides(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	for i := range 50 {
		write(t, filepath.Join(shown, "f"), "through the mount")
		lstat(t, filepath.Join(shown, "f"))
		want := "behind it" + string(rune('a'+i%26))
		write(t, filepath.Join(behind, "f"), want)
		mounttest.Eventually(t, time.Second, "the write behind the mount is seen", func() bool {
			return read(t, filepath.Join(shown, "f")) == want && lstat(t, filepath.Join(shown, "f")).Size == int64(len(want))
		})
	}
}

func TestHardLinksShareAttributes(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	_, shown := localDir(t, m)
	a, b := filepath.Join(shown, "a"), filepath.Join(shown, "b")
	write(t, a, "one")
	must(t, os.Link(a, b))
	for _, p := range []string{a, b} {
		if st := lstat(t, p); st.Nlink != 2 || st.Size != 3 {
			t.Errorf("%s: %d links, %d bytes; want 2, 3", p, st.Nlink, st.Size)
		}
	}
	if lstat(t, a).Ino != lstat(t, b).Ino {
		t.Error("two names of one file have different inode numbers")
	}
	write(t, b, "longer than that")
	if got := read(t, a); got != "longer than that" {
		t.Errorf("through the first name: %q", got)
	}
	must(t, os.Remove(b))
	if st := lstat(t, a); st.Nlink != 1 {
		t.Errorf("after removing the other name: %d links", st.Nlink)
	}
	if got := read(t, a); got != "longer than that" {
		t.Errorf("after removing the other name: %q", got)
	}
}

func TestUnlinkedFilesStayUsable(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	_, shown := localDir(t, m)
	f, err := os.Create(filepath.Join(shown, "f"))
	must(t, err)
	defer f.Close()
	must(t, os.Remove(f.Name()))
	_, err = f.WriteString("still here")
	must(t, err)
	var st unix.Stat_t
	must(t, unix.Fstat(int(f.Fd()), &st))
	if st.Nlink != 0 || st.Size != 10 {
		t.Errorf("unlinked and open: %d links, %d bytes; want 0, 10", st.Nlink, st.Size)
	}
	must(t, f.Chmod(0o600))
	must(t, f.Truncate(5))
	dir := filepath.Join(shown, "gone")
	must(t, os.Mkdir(dir, 0o755))
	d, err := os.Open(dir)
	must(t, err)
	defer d.Close()
	must(t, os.Remove(dir))
	must(t, unix.Fstat(int(d.Fd()), &st))
	if list, err := d.Readdirnames(-1); len(list) > 0 || !os.IsNotExist(err) {
		t.Errorf("a removed directory lists %v, %v; want ENOENT as on the bare file system", list, err)
	}
	if err := unix.Mkdirat(int(d.Fd()), "x", 0o755); err != unix.ENOENT {
		t.Errorf("mkdir in a removed directory: %v, want ENOENT", err)
	}
}

// Names that the kernel was told are not there are seen once they are, however many there were.
func TestAbsentNamesMadeBehind(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	name := func(i int) string { return fmt.Sprintf("absent-%d", i) }
	const many = 400
	for i := range many {
		if _, err := os.Lstat(filepath.Join(shown, name(i))); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("before it is made: %v", err)
		}
	}
	for i := 0; i < many; i += 57 {
		must(t, os.WriteFile(filepath.Join(behind, name(i)), []byte("x"), 0o644))
	}
	for i := 0; i < many; i += 57 {
		mounttest.Eventually(t, 5*time.Second, name(i)+" is seen", func() bool {
			_, err := os.Lstat(filepath.Join(shown, name(i)))
			return err == nil
		})
	}
}

// A name that comes back is seen again, also where somebody holds what it leads to.
func TestNamesThatComeBack(t *testing.T) {
	m := mounttest.Start(t, mounttest.Options{})
	behind, shown := localDir(t, m)
	seen := func(name string, there bool) {
		t.Helper()
		mounttest.Eventually(t, 5*time.Second, fmt.Sprintf("%s is there: %v", name, there), func() bool {
			_, err := os.Lstat(filepath.Join(shown, name))
			return errors.Is(err, os.ErrNotExist) != there
		})
	}
	hold := func(name string) {
		f, err := os.Open(filepath.Join(shown, name))
		must(t, err)
		t.Cleanup(func() { f.Close() })
	}
	at := func(name string) string { return filepath.Join(behind, name) }

	must(t, os.WriteFile(at("a"), []byte("x"), 0o644))
	must(t, os.Link(at("a"), at("b")))
	hold("a")
	hold("b")
	must(t, os.Remove(at("b")))
	seen("b", false)
	must(t, os.Link(at("a"), at("b")))
	seen("b", true)

	must(t, os.Mkdir(at("d"), 0o755))
	must(t, os.WriteFile(at("d/f"), []byte("x"), 0o644))
	hold("d/f")
	must(t, os.Rename(at("d"), at("aside")))
	seen("d", false)
	must(t, os.Rename(at("aside"), at("d")))
	seen("d", true)
	seen("d/f", true)
}
