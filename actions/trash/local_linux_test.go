package trash_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sd/actions/stores"
	"sd/actions/trash"
	"sd/backends"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// world is the local store, a folder with files, and a home with its trash.
type world struct {
	testing.TB
	set      *stores.Set
	resolver *resolver.Resolver
	local    *stores.Local
	dir      string // of files
	bin      string
}

func newWorld(t testing.TB, backend backends.Backend) *world {
	t.Helper()
	w := &world{TB: t}
	lib, err := library.Open(context.Background(), t.TempDir(), "")
	w.must(err)
	t.Cleanup(func() { w.must(lib.Close()) })
	w.resolver, err = resolver.New(lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(context.Context, library.Volume) (backends.Backend, error) { return backend, nil },
	})
	w.must(err)
	t.Cleanup(func() { w.must(w.resolver.Close()) })
	w.set = stores.New(lib, w.resolver, stores.Hooks{})
	t.Cleanup(func() { w.must(w.set.Close()) })
	st, _, err := w.set.Of(context.Background(), sdpath.NewPhysical("local", "/"))
	w.must(err)
	w.local = st.(*stores.Local)
	w.dir = t.TempDir()
	data := filepath.Join(t.TempDir(), "data")
	t.Setenv("XDG_DATA_HOME", data)
	w.bin = filepath.Join(data, "Trash")
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("got error %v, want %v", err, want)
	}
}

func (w *world) write(name, text string) string {
	w.Helper()
	path := filepath.Join(w.dir, name)
	w.must(os.MkdirAll(filepath.Dir(path), 0o755))
	w.must(os.WriteFile(path, []byte(text), 0o644))
	return path
}

func (w *world) entry(path string) stores.Entry {
	w.Helper()
	e, err := w.local.Stat(context.Background(), path)
	w.must(err)
	return e
}

func (w *world) put(path, unique string) string {
	w.Helper()
	where, err := trash.Put(context.Background(), w.local, w.entry(path), unique)
	w.must(err)
	return where
}

func (w *world) holds(path, text string) {
	w.Helper()
	data, err := os.ReadFile(path)
	if err != nil || string(data) != text {
		w.Errorf("%s: got %q, %v; want %q", path, data, err, text)
	}
}

func (w *world) absent(path string) {
	w.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		w.Errorf("%s: got %v, want nothing there", path, err)
	}
}

// pairs checks that a trash has just these files, and a .trashinfo for each.
func (w *world) pairs(bin string, names ...string) {
	w.Helper()
	list := func(dir string) (found []string) {
		entries, err := os.ReadDir(filepath.Join(bin, dir))
		w.must(err)
		for _, e := range entries {
			found = append(found, strings.TrimSuffix(e.Name(), ".trashinfo"))
		}
		slices.Sort(found)
		return found
	}
	slices.Sort(names)
	for _, dir := range []string{"files", "info"} {
		if got := list(dir); !slices.Equal(got, names) {
			w.Errorf("%s of the trash has %d names %.300q, want %d: %.300q", dir, len(got), got, len(names), names)
		}
	}
}

func TestPutAndRestore(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	a := w.write("a b%é.txt", "one")
	where := w.put(a, "lib-1-1")
	w.absent(a)
	w.holds(where, "one")
	if where != filepath.Join(w.bin, "files", "a b%é.txt") {
		t.Errorf("got %s, want its own name in the home's trash", where)
	}
	text, err := os.ReadFile(filepath.Join(w.bin, "info", "a b%é.txt.trashinfo"))
	w.must(err)
	lines := strings.Split(string(text), "\n")
	path, err := url.PathUnescape(strings.TrimPrefix(lines[1], "Path="))
	if lines[0] != "[Trash Info]" || err != nil || path != a || !strings.Contains(lines[1], "a%20b%25%C3%A9.txt") || !strings.HasPrefix(lines[2], "DeletionDate=2") {
		t.Errorf("got %q, want the path %s in percent-coding and a date", text, a)
	}

	w.write("a b%é.txt", "two")
	second := w.put(a, "lib-1-2")
	w.pairs(w.bin, "a b%é.txt", "a b%é.lib-1-2.txt")
	_, err = trash.Restore(ctx, w.local, second, a)
	w.must(err)
	w.holds(a, "two")
	_, err = trash.Restore(ctx, w.local, where, a)
	w.is(err, fs.ErrExist)
	w.holds(a, "two")
	w.must(os.Remove(a))
	e, err := trash.Restore(ctx, w.local, where, a)
	w.must(err)
	w.holds(a, "one")
	if e.Version != w.entry(a).Version {
		t.Errorf("got %+v, want the file that is there", e)
	}
	w.pairs(w.bin)
	_, err = trash.Restore(ctx, w.local, where, a)
	w.is(err, fs.ErrNotExist)
}

func TestPutFoldersAndLinks(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	w.write("d/e/f", "deep")
	d := filepath.Join(w.dir, "d")
	where := w.put(d, "lib-1-1")
	w.absent(d)
	w.holds(filepath.Join(where, "e/f"), "deep")
	w.must(os.RemoveAll(w.dir))
	_, err := trash.Restore(ctx, w.local, where, d) // whose parent has to be made again
	w.must(err)
	w.holds(filepath.Join(d, "e/f"), "deep")

	link := filepath.Join(w.dir, "link")
	w.must(os.Symlink(d, link))
	where = w.put(link, "lib-1-2")
	if text, err := os.Readlink(where); err != nil || text != d {
		t.Errorf("got %q, %v, want the link itself", text, err)
	}
	w.holds(filepath.Join(d, "e/f"), "deep")

	// A hard link goes alone, and a folder on the way may be a link.
	w.must(os.Symlink(filepath.Join(d, "e"), link))
	one := w.write("d/e/one", "linked")
	w.must(os.Link(one, filepath.Join(d, "two")))
	where = w.put(filepath.Join(link, "one"), "lib-1-3")
	w.absent(one)
	w.holds(where, "linked")
	w.holds(filepath.Join(d, "two"), "linked")
	_, err = trash.Restore(ctx, w.local, where, filepath.Join(link, "one"))
	w.must(err)
	w.holds(one, "linked")
	w.pairs(w.bin, "link")
}

func TestPutRefuses(t *testing.T) {
	// A file system in which nothing can be made: that what is to be the trash is not there does
	// not mean that the file is gone.
	here := newWorld(t, nil)
	const proc = "/proc/sys/kernel/hostname"
	_, err := trash.Put(t.Context(), here.local, here.entry(proc), "lib-1-9")
	if !errors.Is(err, trash.ErrNoTrash) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: got %v, want that there is no trash for it", proc, err)
	}

	w := newWorld(t, nil)
	ctx := context.Background()
	put := func(e stores.Entry) error {
		_, err := trash.Put(ctx, w.local, e, "lib-1-1")
		return err
	}
	a := w.write("a", "one")
	e := w.entry(a)
	w.write("a", "another")
	w.is(put(e), backends.ErrChanged)
	w.holds(a, "another")
	w.must(os.Remove(a))
	w.is(put(e), fs.ErrNotExist)
	w.must(os.Mkdir(a, 0o755))
	w.is(put(e), backends.ErrChanged)

	where := w.put(w.write("b", "b"), "lib-1-2")
	w.is(put(w.entry(where)), trash.ErrInTrash)
	w.is(put(w.entry(w.bin)), trash.ErrInTrash)
	w.is(put(w.entry(filepath.Dir(w.bin))), trash.ErrNoTrash)
	w.is(put(w.entry("/proc")), trash.ErrMounted)
	w.is(put(w.entry("/")), trash.ErrMounted)
	w.pairs(w.bin, "b")
}

// A kill can come after the .trashinfo file, or after the file, and before the caller has noted it.
func TestPutAgain(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	a := w.write("a", "one")
	e := w.entry(a)
	where := w.put(a, "lib-1-1")
	again, err := trash.Put(ctx, w.local, e, "lib-1-1")
	if err != nil || again != where {
		t.Errorf("after the end: got %q, %v, want %q", again, err, where)
	}
	w.write("a", "new")
	again, err = trash.Put(ctx, w.local, e, "lib-1-1")
	if err != nil || again != where {
		t.Errorf("with a new file of its name: got %q, %v, want %q", again, err, where)
	}
	w.holds(a, "new")

	w.must(os.Remove(a))
	w.must(os.Rename(where, a))
	e = w.entry(a) // the kill came after the .trashinfo
	again, err = trash.Put(ctx, w.local, e, "lib-1-1")
	if err != nil || again != where {
		t.Errorf("in the middle: got %q, %v, want %q", again, err, where)
	}
	w.pairs(w.bin, "a")

	w.must(os.Rename(where, a)) // that of a restoring came before its end
	w.must(os.WriteFile(filepath.Join(w.bin, "info", ".sd-lib-1-1.part"), []byte("half"), 0o600))
	_, err = trash.Restore(ctx, w.local, where, a)
	w.must(err)
	w.holds(a, "one")
	w.put(a, "lib-1-1")
	w.pairs(w.bin, "a")
}

// Random removals and restorations leave what a map has, and a sound trash.
func TestTrashModel(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	r := rand.New(rand.NewPCG(5, 5))
	names := []string{"x", "x.tar.gz", "é", "a%20b", strings.Repeat("n", 255), strings.Repeat("ü", 120) + ".html", ".hidden", "-", "new\nline", "\xff\xfe"}
	there := map[string]string{}
	type gone struct{ where, name, text string }
	var removed []gone
	for i := range 250 {
		name := names[r.IntN(len(names))]
		path := filepath.Join(w.dir, name)
		switch text, ok := there[name]; {
		case !ok && len(removed) > 0 && r.IntN(2) == 0:
			k := r.IntN(len(removed))
			g := removed[k]
			_, err := trash.Restore(ctx, w.local, g.where, filepath.Join(w.dir, g.name))
			if _, taken := there[g.name]; taken {
				w.is(err, fs.ErrExist)
				continue
			}
			w.must(err)
			there[g.name] = g.text
			removed = slices.Delete(removed, k, k+1)
		case !ok:
			there[name] = strconv.Itoa(i)
			w.write(name, there[name])
		default:
			where := w.put(path, fmt.Sprint("lib-9-", i))
			delete(there, name)
			removed = append(removed, gone{where, name, text})
		}
	}
	for name, text := range there {
		w.holds(filepath.Join(w.dir, name), text)
	}
	var inTrash []string
	for _, g := range removed {
		w.holds(g.where, g.text)
		inTrash = append(inTrash, filepath.Base(g.where))
	}
	w.pairs(w.bin, inTrash...)
}

// mount mounts a small file system, where the test may.
func (w *world) mount(dir, options string) {
	w.Helper()
	w.must(os.MkdirAll(dir, 0o755))
	if err := unix.Mount("sd-test", dir, "tmpfs", 0, options); err != nil {
		if t, ok := w.TB.(*testing.T); ok {
			t.Skip("no file system can be mounted here:", err)
		}
	}
	w.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

func TestOtherFileSystem(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	top := filepath.Join(t.TempDir(), "disk")
	w.mount(top, "size=1m,mode=755")
	w.dir = top
	uid := strconv.Itoa(os.Getuid())

	a := w.write("d/a", "one")
	where := w.put(a, "lib-1-1")
	if want := filepath.Join(top, ".Trash-"+uid, "files/a"); where != want {
		t.Errorf("got %s, want %s", where, want)
	}
	text, err := os.ReadFile(filepath.Join(top, ".Trash-"+uid, "info/a.trashinfo"))
	if err != nil || !strings.Contains(string(text), "\nPath=d/a\n") {
		t.Errorf("got %q, %v, want a path below the top", text, err)
	}
	_, err = trash.Restore(ctx, w.local, where, a)
	w.must(err)

	// .Trash counts if it is sticky and no link.
	all := filepath.Join(top, ".Trash")
	elsewhere := t.TempDir()
	w.must(os.Symlink(elsewhere, all))
	where = w.put(a, "lib-1-2")
	if !strings.HasPrefix(where, filepath.Join(top, ".Trash-"+uid)) {
		t.Errorf("got %s: a link was believed", where)
	}
	w.must(os.Remove(all))
	w.must(os.Mkdir(all, 0o777))
	where = w.put(w.write("b", "b"), "lib-1-3")
	if !strings.HasPrefix(where, filepath.Join(top, ".Trash-"+uid)) {
		t.Errorf("got %s: a .Trash that is not sticky was believed", where)
	}
	w.must(os.Chmod(all, 0o777|os.ModeSticky))
	where = w.put(w.write("c", "c"), "lib-1-4")
	if want := filepath.Join(all, uid, "files/c"); where != want {
		t.Errorf("got %s, want %s", where, want)
	}
	w.is(func() error { _, err := trash.Put(ctx, w.local, w.entry(top), "lib-1-5"); return err }(), trash.ErrMounted)

	// Somebody else's trash is none, and the way out is told.
	w.must(os.RemoveAll(all))
	own := filepath.Join(top, ".Trash-"+uid)
	w.must(os.RemoveAll(own))
	w.must(os.Symlink(elsewhere, own))
	c := w.write("c", "c")
	_, err = trash.Put(ctx, w.local, w.entry(c), "lib-1-6")
	w.is(err, trash.ErrNoTrash)
	if err != nil && !strings.Contains(err.Error(), "--permanent") {
		t.Errorf("got %q, want it to tell of --permanent", err)
	}
	w.holds(c, "c")

	w.must(os.Remove(own))
	w.must(unix.Mount("", top, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if _, err = trash.Put(ctx, w.local, w.entry(c), "lib-1-7"); err == nil {
		t.Error("got no error from a file system that is read-only")
	}
}
