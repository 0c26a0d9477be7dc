package fs_test

import (
	"errors"
	iofs "io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sd/backends"
	"sd/identity"
	"sd/internal/mounttest"
	"sd/library"
	"sd/library/catalog"
)

// indexed is the library of a mount, with files that the test has identified.
type indexed struct {
	lib  *library.Library
	here catalog.Place
}

// openIndex opens the library that a mount with this data directory uses.
func openIndex(t *testing.T, data string) *indexed {
	t.Helper()
	lib, err := library.Open(t.Context(), data, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	return &indexed{lib, catalog.DevicePlace(lib.ThisDevice().ID)}
}

// contentMount is a mount and its library.
func contentMount(t *testing.T, o mounttest.Options) (*mounttest.Mount, *indexed) {
	t.Helper()
	dir, data := t.TempDir(), t.TempDir()
	x := openIndex(t, data)
	return mounttest.StartAt(t, o, dir, data), x
}

func sumOf(content string) identity.Sum {
	h := identity.New()
	h.Write([]byte(content))
	return h.Sum()
}

// contentID is the name of content below content/.
func contentID(content string) string { return sumOf(content).ContentID().String() }

// fileNow describes a local file as a scan would.
func fileNow(t testing.TB, path string) catalog.File {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return catalog.File{
		Name: filepath.Base(path), Size: st.Size, ModTime: unix.TimespecToNsec(st.Mtim),
		Version: identity.LocalVersion(unix.TimespecToNsec(st.Ctim), st.Ino),
	}
}

// add notes in the catalog that a local file, as it is now, holds content.
func (x *indexed) add(t testing.TB, path, content string) {
	t.Helper()
	x.put(t, x.here, path, fileNow(t, path), content, catalog.Read)
}

// addObject notes that an object holds content.
func (x *indexed) addObject(t testing.TB, volume, name string, e backends.Entry, content string) {
	t.Helper()
	x.put(t, catalog.VolumePlace(volume), name, catalog.File{
		Name: filepath.Base(name), Size: e.Size, ModTime: e.ModTime.UnixNano(), Version: e.Version,
	}, content, catalog.Stored)
}

func (x *indexed) put(t testing.TB, place catalog.Place, path string, f catalog.File, content string, proof catalog.Proof) {
	t.Helper()
	err := x.lib.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		dir := strings.Trim(filepath.Dir(path), "/.")
		folder, err := tx.MakePath(place, dir)
		if err != nil {
			return err
		}
		if err := tx.PutFile(folder, &f); err != nil {
			return err
		}
		print, err := identity.Fingerprint(strings.NewReader(content), int64(len(content)))
		if err != nil {
			return err
		}
		ok, err := tx.Identify(folder, f.Name, f.FileVersion(), sumOf(content), print, proof)
		if err == nil && !ok {
			err = errors.New("the file is not that version")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// scan notes a local file as it is now.
func (x *indexed) scan(t testing.TB, path string) {
	t.Helper()
	err := x.lib.Catalog().Update(t.Context(), func(tx *catalog.Tx) error {
		folder, err := tx.MakePath(x.here, strings.Trim(filepath.Dir(path), "/"))
		if err != nil {
			return err
		}
		f := fileNow(t, path)
		return tx.PutFile(folder, &f)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// proven tells whether the catalog believes that a local file has a content.
func (x *indexed) proven(t testing.TB, path string) bool {
	t.Helper()
	_, f, err := x.lib.Catalog().FindFile(t.Context(), x.here, strings.Trim(path, "/"))
	if errors.Is(err, iofs.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return f.Proof.Proven()
}

// sdAttr reads an attribute; "" where there is none.
func sdAttr(t testing.TB, path, name string) string {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := unix.Getxattr(path, name, buf)
	if err == unix.ENODATA {
		return ""
	}
	if err != nil {
		t.Errorf("%s of %s: %v", name, path, err)
		return ""
	}
	return string(buf[:n])
}

// random gives size bytes that are the same for each seed.
func random(seed int64, size int) string {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	r.Read(b)
	return string(b)
}
