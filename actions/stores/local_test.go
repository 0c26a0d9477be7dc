//go:build unix

package stores_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
	"sd/backends"
)

func TestSameVersion(t *testing.T) {
	err := quick.Check(func(size uint32, mtime, ctime int64, inode uint64, what uint8) bool {
		if ctime == 0 {
			ctime = 1
		}
		is := stores.VersionOf(int64(size), mtime, ctime, inode, 1)
		linked := stores.VersionOf(int64(size), mtime, ctime, inode, 2)
		size2, mtime2, ctime2, inode2 := int64(size), mtime, ctime, inode
		switch what % 4 {
		case 0:
			size2++
		case 1:
			mtime2++
		case 2:
			ctime2 += 2
		case 3:
			inode2++
		}
		other := stores.VersionOf(size2, mtime2, ctime2, inode2, 1)
		return stores.SameVersion(is, is) && stores.SameVersion("", is) && !stores.SameVersion(is, "") &&
			stores.SameVersion(is, linked) && stores.SameVersion(linked, is) &&
			!stores.SameVersion(is, other) && stores.SameVersion(linked, other) == (what%4 == 2)
	}, nil)
	if err != nil {
		t.Error(err)
	}
	for _, pair := range [][2]string{{"etag", "etag2"}, {`"a"`, "AAAA"}, {strings.Repeat("A", 500), "x"}, {"x", "!"}} {
		if stores.SameVersion(pair[0], pair[1]) || stores.SameVersion(pair[1], pair[0]) {
			t.Errorf("%q is %q", pair[0], pair[1])
		}
	}
}

// Every change of a file gives it another version; that another name of it goes does not.
func TestLocalVersions(t *testing.T) {
	w := newWorld(t, nil, stores.Hooks{})
	local, name := w.local(), filepath.Join(t.TempDir(), "f")
	stat := func() stores.Entry {
		t.Helper()
		for { // until the clock has gone on
			e, err := local.Stat(t.Context(), name)
			w.must(err)
			if !stores.Unsettled(&e, time.Now()) {
				return e
			}
		}
	}
	w.must(os.WriteFile(name, []byte("one"), 0o644))
	when := time.Now().Add(-time.Hour)
	w.must(os.Chtimes(name, when, when))
	was := stat()
	for what, change := range map[string]func() error{
		"size":   func() error { return os.WriteFile(name, []byte("longer"), 0o644) },
		"hidden": func() error { return os.Chtimes(name, when, when) }, // as who hides a change of the bytes
		"file": func() error {
			w.must(os.WriteFile(name+"2", []byte("one"), 0o644))
			w.must(os.Chtimes(name+"2", when, when))
			return os.Rename(name+"2", name)
		},
	} {
		w.must(change())
		is := stat()
		if stores.SameVersion(was.Version, is.Version) {
			t.Errorf("%s: not seen", what)
		}
		w.is(local.Remove(t.Context(), name, was.Version), backends.ErrChanged)
		was = is
	}
	w.must(os.Link(name, name+" too"))
	was = stat()
	w.must(local.Remove(t.Context(), name+" too", was.Version))
	w.must(local.Remove(t.Context(), name, was.Version))
	w.is(local.Remove(t.Context(), name, was.Version), fs.ErrNotExist)
}

func TestLocalFolders(t *testing.T) {
	w := newWorld(t, nil, stores.Hooks{})
	local, dir := w.local(), t.TempDir()
	name := dir + "/d"
	when := time.Unix(1_500_000_000, 123_456_000)
	from := stores.Entry{Kind: stores.Dir, Mode: unix.S_IFDIR | 0o3550, HasMode: true, ModTime: when, TimeKnown: true}
	w.must(local.Mkdir(t.Context(), name, &from))
	w.is(local.Mkdir(t.Context(), name, nil), fs.ErrExist)
	w.is(local.Mkdir(t.Context(), dir+"/no/d", nil), fs.ErrNotExist)
	e, err := local.Stat(t.Context(), name)
	w.must(err)
	if e.Kind != stores.Dir || e.Mode&0o777 != 0o750 {
		t.Errorf("a folder to be filled is %+v", e)
	}
	w.must(os.WriteFile(name+"/f", nil, 0o644))
	w.must(local.SetMeta(t.Context(), name, &from))
	if e, err = local.Stat(t.Context(), name); err != nil || e.Mode != from.Mode || !e.ModTime.Equal(when) {
		t.Errorf("the folder is %+v, %v", e, err)
	}
	if err := unix.Setxattr(name, "user.colour", []byte("blue"), 0); err == nil { // not every file system has them
		from, err = local.Stat(t.Context(), name)
		w.must(err)
		w.must(local.Mkdir(t.Context(), name+"/sub", &from))
		w.must(local.SetMeta(t.Context(), name+"/sub", &from))
		sub, err := local.Stat(t.Context(), name+"/sub")
		if err != nil || sub.Meta == nil || string(sub.Meta.Xattrs["user.colour"]) != "blue" {
			t.Errorf("the copy of the folder is %+v, %v", sub, err)
		}
		w.must(local.Rmdir(t.Context(), name+"/sub"))
	}
	w.is(local.Rmdir(t.Context(), name), backends.ErrNotEmpty)
	w.is(local.Rmdir(t.Context(), name+"/f"), backends.ErrNotDir)
	w.is(local.Remove(t.Context(), name, ""), backends.ErrIsDir)
	w.must(os.Chmod(name, 0o755))
	w.must(local.Remove(t.Context(), name+"/f", ""))
	w.must(local.Rmdir(t.Context(), name))
	w.must(os.Symlink("/", dir+"/link"))
	w.is(local.SetMeta(t.Context(), dir+"/link", &from), backends.ErrNotDir)
	free, err := local.Space(t.Context(), dir+"/not/there/yet")
	if err != nil || free <= 0 {
		t.Errorf("the space is %d, %v", free, err)
	}
}

func TestLocalNames(t *testing.T) {
	local := newWorld(t, nil, stores.Hooks{}).local()
	for _, tt := range []struct{ dir, rel, name string }{
		{"/a", "b/c", "/a/b/c"}, {"/", "b", "/b"}, {"/a", "", "/a"}, {"/", "", "/"},
		{"/a", "../x", "/a/%%%2E%2E/x"}, {"/a", "b//c", "/a/b/%%/c"}, {"/a", "/lead", "/a/%%%2Flead"}, {"/a", "%%x", "/a/%%x"},
	} {
		if got := local.Join(tt.dir, tt.rel); got != tt.name {
			t.Errorf("%q in %q is %q, want %q", tt.rel, tt.dir, got, tt.name)
		}
		if got := local.Rel(tt.dir, tt.name); local.Join(tt.dir, got) != tt.name {
			t.Errorf("%q below %q is %q", tt.name, tt.dir, got)
		}
	}
	for _, tt := range []struct{ name, dir, base string }{{"/a/b", "/a", "b"}, {"/a", "/", "a"}, {"/", "/", ""}} {
		if dir, base := local.Split(tt.name); dir != tt.dir || base != tt.base {
			t.Errorf("%q is %q and %q", tt.name, dir, base)
		}
	}
}
