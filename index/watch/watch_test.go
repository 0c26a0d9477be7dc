package watch

import (
	"bytes"
	"context"
	"errors"
	iofs "io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sd/backends"
	"sd/backends/mem"
	"sd/index"
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// world is a library with a folder of the local disk and a volume in memory.
type world struct {
	t        *testing.T
	lib      *library.Library
	resolver *resolver.Resolver
	dir      string // a folder of the local disk
	store    *mem.Store
	volume   string // its fingerprint
	log      *logged
}

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), store: mem.New(mem.Config{}), volume: "vol", log: &logged{}}
	var err error
	if w.lib, err = library.Open(t.Context(), t.TempDir(), ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.lib.Close() })
	err = w.lib.AddVolume(t.Context(), library.Volume{
		Fingerprint: w.volume, Service: sdpath.S3, Identifier: "box", MountPoint: "s3://box", Name: "box", Kind: "cloud", Medium: "network",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.resolver, err = resolver.New(w.lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(context.Context, library.Volume) (backends.Backend, error) { return w.store, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.resolver.Close() })
	return w
}

func (w *world) config() index.Config {
	return index.Config{Library: w.lib, Resolver: w.resolver, Log: slog.New(slog.NewTextHandler(w.log, nil))}
}

// start starts a Watcher, which ends with the test.
func (w *world) start(c Config) *Watcher {
	w.t.Helper()
	c.Index = w.config()
	const soon = 50 * time.Millisecond
	c.pace.limited, c.pace.gone, c.pace.poll = soon, soon, soon
	watcher := New(c)
	watcher.Start()
	w.t.Cleanup(func() {
		if err := watcher.Close(context.Background()); err != nil {
			w.t.Error(err)
		}
		if w.t.Failed() {
			w.t.Logf("the log:\n%s", w.log)
		}
	})
	return watcher
}

func (w *world) device() catalog.Place { return catalog.DevicePlace(w.lib.ThisDevice().ID) }

// addLocal makes the folder dir, below w.dir, a location.
func (w *world) addLocal(dir string, mode library.Mode) library.Location {
	w.t.Helper()
	return w.add(library.Location{Name: "local " + dir, Place: w.device(), Path: catalogPath(filepath.Join(w.dir, dir)), Mode: mode})
}

func (w *world) addCloud(path string, mode library.Mode) library.Location {
	w.t.Helper()
	return w.add(library.Location{Name: "cloud " + path, Place: catalog.VolumePlace(w.volume), Path: path, Mode: mode})
}

func (w *world) add(loc library.Location) library.Location {
	w.t.Helper()
	loc, err := w.lib.AddLocation(w.t.Context(), loc)
	if err != nil {
		w.t.Fatal(err)
	}
	return loc
}

// write writes a file below w.dir.
func (w *world) write(name, content string) {
	w.t.Helper()
	name = filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// local is what the catalog has of a file below w.dir.
func (w *world) local(name string) (catalog.File, bool) {
	w.t.Helper()
	return w.find(w.device(), catalogPath(filepath.Join(w.dir, name)))
}

// object is what it has of an object.
func (w *world) object(name string) (catalog.File, bool) {
	w.t.Helper()
	return w.find(catalog.VolumePlace(w.volume), name)
}

func (w *world) find(place catalog.Place, path string) (catalog.File, bool) {
	w.t.Helper()
	_, f, err := w.lib.Catalog().FindFile(w.t.Context(), place, path)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		w.t.Fatal(err)
	}
	return f, err == nil
}

// eventually waits for a condition.
func (w *world) eventually(what string, condition func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain: %s\n%s", what, w.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// has waits until the catalog has a local file of that size.
func (w *world) has(name string, size int64) {
	w.t.Helper()
	w.eventually("the catalog has "+name, func() bool {
		f, ok := w.local(name)
		return ok && f.Size == size
	})
}

func (w *world) lacks(name string) {
	w.t.Helper()
	w.eventually("the catalog lacks "+name, func() bool {
		_, ok := w.local(name)
		return !ok
	})
}

// equal waits until the catalog is equal to what is there.
func (w *world) equal(loc library.Location) {
	w.t.Helper()
	var last []string
	w.eventually("the catalog is equal to "+loc.Name, func() bool {
		last = nil
		_, err := index.New(w.config()).Verify(w.t.Context(), loc, false, index.Control{}, func(d index.Difference) error {
			last = append(last, string(d.What)+" "+d.Path)
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if len(last) > 0 {
			w.log.Write([]byte("still different: " + strings.Join(last[:min(3, len(last))], ", ") + "\n"))
		}
		return len(last) == 0
	})
}

// state waits until a location is in a state.
func (w *world) state(watcher *Watcher, loc library.Location, want State) LocationStatus {
	w.t.Helper()
	var got LocationStatus
	w.eventually(loc.Name+" is "+string(want), func() bool {
		for _, l := range watcher.Status().Locations {
			if l.ID == loc.ID {
				got = l
				return l.State == want
			}
		}
		return false
	})
	return got
}
