//go:build unix

package identify

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sd/identity"
	"sd/index"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// lab is a library with one location on this device.
type lab struct {
	t    testing.TB
	root string
	lib  *library.Library
	cfg  index.Config
	loc  library.Location
}

func newLab(t testing.TB) *lab {
	t.Helper()
	return openLab(t, t.TempDir(), t.TempDir(), nil)
}

// openLab opens a library in dir, with a location at root.
func openLab(t testing.TB, dir, root string, factories map[sdpath.Service]resolver.Factory) *lab {
	t.Helper()
	lib, err := library.Open(context.Background(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	r, err := resolver.New(lib, factories)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	l := &lab{t: t, root: root, lib: lib, cfg: index.Config{Library: lib, Resolver: r}}
	l.loc = library.Location{Name: "all", Place: l.place(), Path: strings.Trim(root, "/")}
	if list, err := lib.Locations(t.Context()); err != nil {
		t.Fatal(err)
	} else if len(list) > 0 {
		l.loc = list[0]
	} else if l.loc, err = lib.AddLocation(t.Context(), l.loc); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) place() catalog.Place { return catalog.DevicePlace(l.cfg.Resolver.ThisDevice().ID) }

// write makes a file below the root, long enough ago to be trusted.
func (l *lab) write(name string, data []byte) string {
	l.t.Helper()
	path := filepath.Join(l.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// scan puts what lies below the root into the catalog.
func (l *lab) scan() {
	l.t.Helper()
	dirs := map[string][]catalog.File{}
	err := filepath.WalkDir(l.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		f := catalog.File{
			Name: d.Name(), Size: st.Size, ModTime: st.Mtim.Nano(), Kind: catalog.KindOf(d.Name()),
			Version: identity.LocalVersion(st.Ctim.Nano(), uint64(st.Ino)),
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			f.Type = catalog.Symlink
		case !d.Type().IsRegular():
			f.Type = catalog.Special
		}
		dir := strings.Trim(filepath.Dir(path), "/")
		dirs[dir] = append(dirs[dir], f)
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.update(func(tx *catalog.Tx) error {
		for dir, files := range dirs {
			id, err := tx.MakePath(l.place(), dir)
			if err != nil {
				return err
			}
			for i := range files {
				if err := tx.PutFile(id, &files[i]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (l *lab) update(fn func(*catalog.Tx) error) {
	l.t.Helper()
	if err := l.lib.Catalog().Update(context.Background(), fn); err != nil {
		l.t.Fatal(err)
	}
}

// run identifies the location, which must succeed.
func (l *lab) run(o Options) Report {
	l.t.Helper()
	rep, err := Run(l.t.Context(), l.cfg, l.loc, o, index.Control{})
	if err != nil {
		l.t.Fatal(err)
	}
	return rep
}

// find returns the row of a file below the root.
func (l *lab) find(name string) (catalog.FolderID, catalog.File) {
	l.t.Helper()
	dir, f, err := l.lib.Catalog().FindFile(l.t.Context(), l.loc.Place, filepath.Join(l.loc.Path, name))
	if err != nil {
		l.t.Fatal(err)
	}
	return dir, f
}

// wantProven checks that a file was proven to have that content.
func (l *lab) wantProven(name string, data []byte, p catalog.Proof) {
	l.t.Helper()
	_, f := l.find(name)
	if f.Proof != p {
		l.t.Errorf("%s: proof is %d, want %d", name, f.Proof, p)
		return
	}
	c, err := l.lib.Catalog().ContentByKey(l.t.Context(), f.Content)
	if err != nil {
		l.t.Fatal(err)
	}
	if want := sumOf(data); c.BLAKE3 != want || c.Size != int64(len(data)) {
		l.t.Errorf("%s: content is %v of %d bytes, want %v of %d", name, c.BLAKE3, c.Size, want, len(data))
	}
}

func (l *lab) wantUnproven(name string) {
	l.t.Helper()
	if _, f := l.find(name); f.Proof.Proven() {
		l.t.Errorf("%s: proof is %d, want none", name, f.Proof)
	}
}

func sumOf(data []byte) identity.Sum {
	h := identity.New()
	h.Write(data)
	return h.Sum()
}

// random gives n bytes, by a seed.
func random(seed byte, n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{seed, byte(n), byte(n >> 8), byte(n >> 16)}).Read(p)
	return p
}

// old makes a file one that was last changed long ago, so far as its mtime tells.
func old(t testing.TB, path string) {
	t.Helper()
	when := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}
