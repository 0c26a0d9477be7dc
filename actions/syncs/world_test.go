//go:build linux

package syncs_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sd/actions"
	"sd/actions/steps"
	"sd/actions/syncs"
	"sd/backends"
	"sd/backends/mem"
	"sd/identity"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// bucket is a mem.Store that can do no more than an object store can.
type bucket struct {
	backends.Backend
	backends.Putter
	backends.Remover
	backends.Copier
	backends.Uploader
	backends.Walker
	backends.DirMaker
}

// Mkdir makes the folders above as well, which an object store does not need.
func (b bucket) Mkdir(ctx context.Context, name string) error {
	if dir := filepath.Dir(name); dir != "." {
		if err := b.Mkdir(ctx, dir); err != nil && !errors.Is(err, iofs.ErrExist) {
			return err
		}
	}
	return b.DirMaker.Mkdir(ctx, name)
}

// world is a library with a volume, and folders of this device.
type world struct {
	testing.TB
	lib      *library.Library
	resolver *resolver.Resolver
	store    *mem.Store
	dir      string
	before   func(op, name string) error // called before each request to the volume
	sums     bool                        // objects carry their BLAKE3
}

func newWorld(t testing.TB) *world {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	w := &world{TB: t, dir: t.TempDir()}
	w.store = mem.New(mem.Config{PageSize: 100, Before: func(_ context.Context, op, name string) error {
		if w.before != nil {
			return w.before(op, name)
		}
		return nil
	}})
	b := bucket{w.store, w.store, w.store, w.store, w.store, w.store, w.store}
	var err error
	w.lib, err = library.Open(context.Background(), t.TempDir(), "")
	w.must(err)
	t.Cleanup(func() { w.must(w.lib.Close()) })
	w.resolver, err = resolver.New(w.lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(context.Context, library.Volume) (backends.Backend, error) { return b, nil },
	})
	w.must(err)
	t.Cleanup(func() { w.must(w.resolver.Close()) })
	_, err = w.resolver.AddCloud(context.Background(), resolver.CloudVolume{Service: sdpath.S3, Identifier: "bucket"})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// spec is a sync of two sides.
func spec(mode steps.SyncMode, a, b side) steps.Spec {
	return steps.Spec{Action: steps.Sync, Sources: []steps.Source{{URI: a.uri()}}, Target: steps.Source{URI: b.uri()}, Options: steps.Options{Mode: mode}}
}

// plan plans without doing anything.
func (w *world) plan(s steps.Spec) (steps.Summary, []steps.Step, error) {
	w.Helper()
	e := actions.New(actions.Config{Library: w.lib, Resolver: w.resolver})
	defer e.Close()
	s.Options.Found = syncs.NewFound()
	d, err := e.Plan(context.Background(), s, nil)
	if err != nil {
		return steps.Summary{}, nil, err
	}
	var list []steps.Step
	w.must(d.Each(func(s *steps.Step) error { list = append(list, *s); return nil }))
	sum := d.Summary()
	return sum, list, d.Discard()
}

// sync plans and runs to the end.
func (w *world) sync(s steps.Spec) (steps.Summary, error) {
	w.Helper()
	return w.syncIn(context.Background(), s)
}

func (w *world) syncIn(ctx context.Context, s steps.Spec) (steps.Summary, error) {
	w.Helper()
	e := actions.New(actions.Config{Library: w.lib, Resolver: w.resolver})
	defer e.Close()
	s.Options.Found = syncs.NewFound()
	d, err := e.Plan(ctx, s, nil)
	if err != nil {
		return steps.Summary{}, err
	}
	defer d.Discard()
	sum := d.Summary()
	if sum.Steps == 0 {
		return sum, nil
	}
	job, err := d.Commit(context.Background(), false)
	w.must(err)
	_, err = e.Run(ctx, job, nil)
	return sum, err
}

// mustSync is sync that has to succeed.
func (w *world) mustSync(s steps.Spec) steps.Summary {
	w.Helper()
	sum, err := w.sync(s)
	w.must(err)
	return sum
}

// inStep checks that the pair has the same files, and that nothing is left to do.
func (w *world) inStep(s steps.Spec, a, b side) {
	w.Helper()
	w.sameTrees(a, b)
	if sum, list, err := w.plan(s); err != nil || sum.Steps > 0 {
		w.Errorf("got %d steps, error %v, want nothing left to do: %+v", sum.Steps, err, list)
	}
}

func (w *world) sameTrees(a, b side) {
	w.Helper()
	x, y := a.tree(w), b.tree(w)
	for name, text := range x {
		if other, ok := y[name]; !ok || other != text {
			w.Errorf("%q is %q in the first and %q (there: %v) in the second", name, short(text), short(other), ok)
		}
	}
	for name, text := range y {
		if _, ok := x[name]; !ok {
			w.Errorf("%q is %q in the second and not in the first", name, short(text))
		}
	}
}

func short(text string) string { return text[:min(len(text), 40)] }

// side is a folder on one side.
type side interface {
	uri() string
	write(w *world, name, text string)
	remove(w *world, name string)
	rename(w *world, old, new string)
	mkdir(w *world, name string)
	tree(w *world) map[string]string // text by name; folders have a slash behind the name
}

// folder is a local side.
type folder string

func (f folder) uri() string           { return "local://local" + string(f) }
func (f folder) at(name string) string { return filepath.Join(string(f), name) }

func (f folder) write(w *world, name, text string) {
	w.Helper()
	w.must(os.MkdirAll(filepath.Dir(f.at(name)), 0o755))
	w.must(os.WriteFile(f.at(name), []byte(text), 0o644))
}

func (f folder) remove(w *world, name string) {
	w.Helper()
	w.must(os.RemoveAll(f.at(name)))
}

func (f folder) rename(w *world, old, new string) {
	w.Helper()
	w.must(os.MkdirAll(filepath.Dir(f.at(new)), 0o755))
	w.must(os.Rename(f.at(old), f.at(new)))
}

func (f folder) mkdir(w *world, name string) {
	w.Helper()
	w.must(os.MkdirAll(f.at(name), 0o755))
}

func (f folder) tree(w *world) map[string]string {
	w.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(string(f), func(path string, d iofs.DirEntry, err error) error {
		if err != nil || path == string(f) {
			return err
		}
		name := strings.TrimPrefix(path, string(f)+"/")
		if d.IsDir() {
			list[name+"/"] = ""
			return nil
		}
		text, err := os.ReadFile(path)
		list[name] = string(text)
		return err
	})
	if !errors.Is(err, iofs.ErrNotExist) {
		w.must(err)
	}
	return list
}

// prefix is a folder of the volume; "" is its root.
type prefix string

func (p prefix) uri() string { return "s3://bucket/" + string(p) }

func (p prefix) at(name string) string { return strings.TrimPrefix(string(p)+"/"+name, "/") }

func (p prefix) write(w *world, name, text string) {
	w.Helper()
	var m backends.Meta
	if w.sums && text != "" {
		sum, _, err := identity.Read(context.Background(), strings.NewReader(text), int64(len(text)), nil)
		w.must(err)
		m.BLAKE3 = sum.String()
	}
	_, err := w.store.Put(context.Background(), p.at(name), bytes.NewReader([]byte(text)), int64(len(text)), m, backends.Cond{})
	w.must(err)
}

func (p prefix) remove(w *world, name string) {
	w.Helper()
	for _, e := range p.list(w) {
		if e.Name == p.at(name) || strings.HasPrefix(e.Name, p.at(name)+"/") {
			if e.Kind == backends.Dir {
				defer w.store.Rmdir(context.Background(), e.Name)
			} else {
				w.must(w.store.Remove(context.Background(), e.Name, backends.Cond{}))
			}
		}
	}
}

func (p prefix) rename(w *world, old, new string) {
	w.Helper()
	for _, e := range p.list(w) {
		if rest, ok := strings.CutPrefix(e.Name, p.at(old)); ok && (rest == "" || rest[0] == '/') && e.Kind == backends.File {
			_, err := w.store.Copy(context.Background(), p.at(new)+rest, e.Name, backends.CopyOptions{})
			w.must(err)
			w.must(w.store.Remove(context.Background(), e.Name, backends.Cond{}))
		}
	}
}

func (p prefix) mkdir(w *world, name string) {
	w.Helper()
	if err := (bucket{DirMaker: w.store}).Mkdir(context.Background(), p.at(name)); !errors.Is(err, iofs.ErrExist) {
		w.must(err)
	}
}

func (p prefix) list(w *world) (list []backends.Entry) {
	w.Helper()
	before := w.before
	w.before = nil
	defer func() { w.before = before }()
	w.must(w.store.Walk(context.Background(), string(p), "", func(page []backends.Entry) error {
		list = append(list, page...)
		return nil
	}))
	return list
}

func (p prefix) tree(w *world) map[string]string {
	w.Helper()
	list := map[string]string{}
	for _, e := range p.list(w) {
		name := strings.TrimPrefix(strings.TrimPrefix(e.Name, string(p)), "/")
		if name == "" || strings.HasPrefix(name, ".sd-trash") {
			continue
		}
		for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
			list[dir+"/"] = ""
		}
		if e.Kind == backends.Dir {
			list[name+"/"] = ""
			continue
		}
		r, _, err := w.store.Get(context.Background(), e.Name, "", 0, -1)
		w.must(err)
		text, err := io.ReadAll(r)
		w.must(errors.Join(err, r.Close()))
		list[name] = string(text)
	}
	return list
}

var (
	modelSeeds  = flag.Int("model.seeds", 4, "how many lives of a pair the model tests try")
	modelRounds = flag.Int("model.rounds", 8, "rounds in each")
)
