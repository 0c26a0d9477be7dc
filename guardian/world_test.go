package guardian

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"sd/backends"
	"sd/backends/mem"
	"sd/identity"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// world is a library with real files, buckets in memory, and devices that are away.
type world struct {
	t        *testing.T
	lib      *library.Library
	resolver *resolver.Resolver
	g        *Guardian
	dir      string // whose files are real; it is a location
	here     catalog.Place
	stores   map[string]*mem.Store // by bucket
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := filepath.EvalSymlinks(lastingDir(t))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, stores: map[string]*mem.Store{}}
	w.lib, err = library.Open(t.Context(), t.TempDir(), "")
	w.must(err)
	t.Cleanup(func() { w.lib.Close() })
	w.resolver, err = resolver.New(w.lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(_ context.Context, v library.Volume) (backends.Backend, error) {
			return w.stores[v.Identifier], nil
		},
	})
	w.must(err)
	t.Cleanup(func() { w.resolver.Close() })
	w.g = New(w.lib, w.resolver)
	w.here = catalog.DevicePlace(w.lib.ThisDevice().ID)
	_, err = w.lib.AddLocation(t.Context(), library.Location{Name: "real", Place: w.here, Path: w.path("")})
	w.must(err)
	return w
}

// lastingDir is a temporary folder that does not lie in memory, where there is one.
func lastingDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) == nil && st.Type == 0x01021994 { // tmpfs
		other, err := os.MkdirTemp("/var/tmp", "sd-guardian")
		if err != nil {
			t.Skip("all temporary folders lie in memory")
		}
		t.Cleanup(func() { os.RemoveAll(other) })
		return other
	}
	return dir
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// path is what the catalog calls a real file.
func (w *world) path(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(w.dir, "/")+"/"+name, "/")
}

func (w *world) scope(name string) Scope { return Scope{w.here, w.path(name)} }

// write makes a real file, with a time of change that many seconds after the year 2000.
func (w *world) write(name, content string, seconds int) {
	w.t.Helper()
	full := filepath.Join(w.dir, name)
	w.must(os.MkdirAll(filepath.Dir(full), 0o755))
	w.must(os.WriteFile(full, []byte(content), 0o644))
	w.touch(name, seconds)
}

func (w *world) touch(name string, seconds int) {
	w.t.Helper()
	when := time.Date(2000, 1, 1, 0, 0, seconds, 0, time.UTC)
	w.must(os.Chtimes(filepath.Join(w.dir, name), when, when))
}

func (w *world) link(name, other string) {
	w.t.Helper()
	w.must(os.Link(filepath.Join(w.dir, name), filepath.Join(w.dir, other)))
}

// scan puts the real files into the catalog, and identifies those that proof says, by reading.
func (w *world) scan(proof func(name string) catalog.Proof) {
	w.t.Helper()
	w.must(w.lib.Catalog().Update(w.t.Context(), func(tx *catalog.Tx) error {
		return filepath.WalkDir(w.dir, func(full string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			name, _ := filepath.Rel(w.dir, full)
			folder, err := tx.MakePath(w.here, filepath.Dir(w.path(name)))
			if err != nil {
				return err
			}
			var st unix.Stat_t
			if err := unix.Lstat(full, &st); err != nil {
				return err
			}
			v := describe(&st).version
			f := catalog.File{Name: d.Name(), Size: v.Size, ModTime: v.ModTime, Version: v.Version}
			file, err := os.Open(full)
			if err != nil {
				return err
			}
			defer file.Close()
			if v.Size == 0 {
				return tx.PutFile(folder, &f)
			}
			sum, print, err := identity.File(w.t.Context(), file, v.Size, nil)
			if err != nil {
				return err
			}
			if v.Size > identity.SmallSize {
				f.Hint = uint64(print)
			}
			if err := tx.PutFile(folder, &f); err != nil {
				return err
			}
			if p := proof(name); p != catalog.Unknown {
				_, err = tx.Identify(folder, f.Name, v, sum, print, p)
			}
			return err
		})
	}))
}

func all(string) catalog.Proof { return catalog.Read }

// bucket adds a volume. Two on one bucket share its store.
func (w *world) bucket(name string, config map[string]string) catalog.Place {
	w.t.Helper()
	if w.stores[name] == nil {
		w.stores[name] = mem.New(mem.Config{})
	}
	v, err := w.resolver.AddCloud(w.t.Context(), resolver.CloudVolume{Service: sdpath.S3, Identifier: name, Config: config})
	w.must(err)
	return catalog.VolumePlace(v.Fingerprint)
}

// put makes an object and its row, which is proven.
func (w *world) put(bucket string, place catalog.Place, name, content string) {
	w.t.Helper()
	e, err := w.stores[bucket].Put(w.t.Context(), name, bytes.NewReader([]byte(content)), int64(len(content)), backends.Meta{}, backends.Cond{})
	w.must(err)
	w.row(place, name, content, e.Version, e.ModTime.UnixNano(), catalog.Stored)
}

// row puts a file into the catalog as it would be found at place.
func (w *world) row(place catalog.Place, path, content, version string, mtime int64, proof catalog.Proof) {
	w.t.Helper()
	dir, base := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, base = path[:i], path[i+1:]
	}
	w.must(w.lib.Catalog().Update(w.t.Context(), func(tx *catalog.Tx) error {
		folder, err := tx.MakePath(place, dir)
		if err != nil {
			return err
		}
		f := catalog.File{Name: base, Size: int64(len(content)), ModTime: mtime, Version: version}
		if err := tx.PutFile(folder, &f); err != nil || proof == catalog.Unknown {
			return err
		}
		h := identity.New()
		h.Write([]byte(content))
		_, err = tx.Identify(folder, base, f.FileVersion(), h.Sum(), 0, proof)
		return err
	}))
}

// device adds a device that is away.
func (w *world) device(name string) catalog.Place {
	w.t.Helper()
	d, err := w.lib.AddDevice(w.t.Context(), library.Device{ID: uuid.New(), Name: name})
	w.must(err)
	w.must(w.resolver.Reload(w.t.Context()))
	return catalog.DevicePlace(d.ID)
}

// away puts a proven file onto a device that is away.
func (w *world) away(place catalog.Place, path, content string) {
	w.t.Helper()
	w.row(place, path, content, identity.LocalVersion(int64(len(path)), uint64(uuid.New().ID())), 1, catalog.Read)
}

func (w *world) policy(p library.Policy) {
	w.t.Helper()
	w.must(w.lib.SetPolicy(w.t.Context(), p))
}

// file is the row of a real file.
func (w *world) file(name string) catalog.File {
	w.t.Helper()
	_, f, err := w.lib.Catalog().FindFile(w.t.Context(), w.here, w.path(name))
	w.must(err)
	return f
}

// names are the copies by their names below the real folder, or as a URI.
func (w *world) names(list ...catalog.Copy) []string {
	var names []string
	for _, c := range list {
		if rest, ok := strings.CutPrefix(c.Path, w.path("")+"/"); ok && c.Place == w.here {
			names = append(names, rest)
			continue
		}
		uri, err := w.resolver.URI(c.Place, c.Path)
		w.must(err)
		names = append(names, uri.String())
	}
	return names
}

// instances are the copies, each with all its names.
func (w *world) instances(list []Instance) []string {
	var names []string
	for _, i := range list {
		names = append(names, strings.Join(w.names(i.Names...), "="))
	}
	slices.Sort(names)
	return names
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// scanOnly scans one real file anew and says that it was read.
func (w *world) scanOnly(name string) {
	w.t.Helper()
	var st unix.Stat_t
	w.must(unix.Lstat(filepath.Join(w.dir, name), &st))
	v := describe(&st).version
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	w.must(err)
	w.row(w.here, w.path(name), string(content), v.Version, v.ModTime, catalog.Read)
}
