package plan_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/actions/plan"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/backends/mem"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// world is a library, two buckets of different accounts (s3://one and s3://two) and a folder.
type world struct {
	testing.TB
	lib      *library.Library
	resolver *resolver.Resolver
	set      *stores.Set
	buckets  map[string]backends.Backend
	dir      string // an empty folder
	drafts   string // where plans are written
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOf(t, map[string]backends.Backend{"one": mem.New(mem.Config{}), "two": mem.New(mem.Config{})})
}

func newWorldOf(t testing.TB, buckets map[string]backends.Backend) *world {
	t.Helper()
	w := &world{TB: t, buckets: buckets}
	real, err := filepath.EvalSymlinks(t.TempDir())
	w.must(err)
	w.dir, w.drafts = real, t.TempDir()
	w.must(os.Chmod(w.drafts, 0o777))
	w.lib, err = library.Open(context.Background(), t.TempDir(), "")
	w.must(err)
	t.Cleanup(func() { w.must(w.lib.Close()) })
	w.resolver, err = resolver.New(w.lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(_ context.Context, v library.Volume) (backends.Backend, error) { return buckets[v.Identifier], nil },
	})
	w.must(err)
	t.Cleanup(func() { w.must(w.resolver.Close()) })
	for _, name := range slices.Sorted(maps.Keys(buckets)) {
		_, err := w.resolver.AddCloud(context.Background(), resolver.CloudVolume{
			Service: sdpath.S3, Identifier: name, Config: map[string]string{"access_key_id": name},
		})
		w.must(err)
	}
	w.set = stores.New(w.lib, w.resolver, stores.Hooks{})
	t.Cleanup(func() { w.must(w.set.Close()) })
	return w
}

// fresh empties the buckets and takes another folder, which is cheaper than another world.
func (w *world) fresh() *world {
	w.Helper()
	w.dir = filepath.Join(w.dir, "fresh")
	w.must(os.Mkdir(w.dir, 0o755))
	for bucket := range w.buckets {
		st, _, err := w.set.Of(context.Background(), sdpath.Cloud{Service: sdpath.S3, Identifier: bucket})
		w.must(err)
		var folders []string
		w.must(st.Walk(context.Background(), "", stores.WalkOptions{}, func(e *stores.Entry) error {
			if e.Kind == stores.Dir {
				folders = append(folders, e.Name)
				return nil
			}
			return w.buckets[bucket].(backends.Remover).Remove(context.Background(), e.Name, backends.Cond{})
		}))
		for _, f := range slices.Backward(folders) {
			if err := w.buckets[bucket].(backends.DirMaker).Rmdir(context.Background(), f); !errors.Is(err, fs.ErrNotExist) {
				w.must(err)
			}
		}
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// source reads an argument: a URI, or a path below the world's folder.
func (w *world) source(arg string) steps.Source {
	s := steps.Source{URI: arg, Slash: strings.HasSuffix(arg, "/")}
	if !strings.Contains(arg, "://") {
		s.URI = sdpath.NewPhysical(w.resolver.ThisDevice().Slug, filepath.Join(w.dir, arg)).String()
	}
	return s
}

// spec is an action whose last argument is its target, except for rm and mkdir.
func (w *world) spec(action steps.Action, args ...string) *steps.Spec {
	s := &steps.Spec{Action: action}
	for _, arg := range args {
		s.Sources = append(s.Sources, w.source(arg))
	}
	if action == steps.Copy || action == steps.Move {
		s.Target = s.Sources[len(args)-1]
		s.Sources = s.Sources[:len(args)-1]
	}
	return s
}

// planned is a plan as it was written.
type planned struct {
	sum   steps.Summary
	refs  []steps.StoreRef
	steps []*steps.Step
}

// plan makes a plan and reads it again.
func (w *world) plan(spec *steps.Spec) (planned, error) {
	w.Helper()
	out, err := steps.Create(w.drafts)
	w.must(err)
	var p planned
	if p.sum, p.refs, err = plan.Make(context.Background(), plan.Env{Set: w.set, Library: w.lib, Resolver: w.resolver}, spec, out); err != nil {
		w.must(out.Discard())
		return p, err
	}
	w.must(out.Finish(steps.Header{Spec: *spec, Stores: p.refs, Summary: p.sum}))
	w.must(out.Close())
	file, err := steps.Open(out.Path())
	w.must(err)
	defer file.Close()
	w.must(file.Each(1, func(s *steps.Step) error {
		p.steps = append(p.steps, s)
		return nil
	}))
	return p, nil
}

// text is a plan in lines, without what stands before the names of local files.
func (w *world) text(p planned) (lines []string) {
	name := func(r steps.Ref) string {
		st, err := w.set.Open(context.Background(), p.refs[r.Store])
		w.must(err)
		uri := st.URI(r.Name).String()
		_, local, ok := strings.Cut(uri, w.dir+"/")
		if ok {
			return local
		}
		return uri
	}
	for _, s := range p.steps {
		words := []string{s.Op.String()}
		if s.From != (steps.Ref{}) && s.From.Name != "" {
			words = append(words, name(s.From))
		}
		if s.To.Name != "" {
			words = append(words, ">", name(s.To))
		}
		if s.Over != "" {
			words = append(words, "over")
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}

// write makes files: names and contents in turn, below the folder or with a URI; a name with a
// slash behind is a folder. All are of one time.
func (w *world) write(namesAndTexts ...string) {
	w.Helper()
	for i := 0; i < len(namesAndTexts); i += 2 {
		name, text := namesAndTexts[i], namesAndTexts[i+1]
		if rest, ok := strings.CutPrefix(name, "s3://"); ok {
			bucket, key, _ := strings.Cut(rest, "/")
			if strings.HasSuffix(key, "/") {
				for i, c := range key {
					if c != '/' {
						continue
					}
					if err := w.buckets[bucket].(backends.DirMaker).Mkdir(context.Background(), key[:i]); !errors.Is(err, fs.ErrExist) {
						w.must(err)
					}
				}
				continue
			}
			w.put(bucket, key, text, someTime)
			continue
		}
		path := filepath.Join(w.dir, name)
		if strings.HasSuffix(name, "/") {
			w.must(os.MkdirAll(path, 0o755))
			continue
		}
		w.must(os.MkdirAll(filepath.Dir(path), 0o755))
		w.must(os.WriteFile(path, []byte(text), 0o644))
		w.must(os.Chtimes(path, someTime, someTime))
	}
}

var someTime = time.Unix(1_700_000_000, 5000)

func (w *world) put(bucket, key, text string, at time.Time) {
	w.Helper()
	_, err := w.buckets[bucket].(backends.Putter).Put(context.Background(), key, strings.NewReader(text), int64(len(text)), backends.Meta{ModTime: at}, backends.Cond{})
	w.must(err)
}

// files are all files below the folder and in the buckets: contents by name. A folder that is
// empty is listed with a slash behind.
func (w *world) files() map[string]string {
	w.Helper()
	found := map[string]string{}
	w.must(filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == w.dir {
			return err
		}
		rel := strings.TrimPrefix(path, w.dir+"/")
		switch {
		case d.IsDir():
			inside, err := os.ReadDir(path)
			w.must(err)
			if len(inside) == 0 {
				found[rel+"/"] = ""
			}
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			w.must(err)
			found[rel] = "-> " + to
		case d.Type().IsRegular():
			text, err := os.ReadFile(path)
			w.must(err)
			found[rel] = string(text)
		}
		return nil
	}))
	for bucket, b := range w.buckets {
		st, _, err := w.set.Of(context.Background(), sdpath.Cloud{Service: sdpath.S3, Identifier: bucket})
		w.must(err)
		filled := map[string]bool{}
		var folders []string
		w.must(st.Walk(context.Background(), "", stores.WalkOptions{}, func(e *stores.Entry) error {
			dir, _ := st.Split(e.Name)
			filled[dir] = true
			if e.Kind == stores.Dir {
				folders = append(folders, e.Name)
				return nil
			}
			r, _, err := b.Get(context.Background(), e.Name, "", 0, -1)
			w.must(err)
			defer r.Close()
			text, err := io.ReadAll(r)
			found["s3://"+bucket+"/"+e.Name] = string(text)
			return err
		}))
		for _, f := range folders {
			if !filled[f] {
				found["s3://"+bucket+"/"+f+"/"] = ""
			}
		}
	}
	return found
}

// run does what a plan says, as simply as can be, and holds it to its conditions.
func (w *world) run(p planned) {
	w.Helper()
	ctx := context.Background()
	open := func(r steps.Ref) stores.Store {
		st, err := w.set.Open(ctx, p.refs[r.Store])
		w.must(err)
		return st
	}
	for _, s := range p.steps {
		fail := func(err error) {
			w.Helper()
			if err != nil {
				w.Fatalf("step %d, %s %s to %s: %v", s.N, s.Op, s.From.Name, s.To.Name, err)
			}
		}
		if s.Version != "" {
			e, err := open(s.From).Stat(ctx, s.From.Name)
			fail(err)
			if !stores.SameVersion(s.Version, e.Version) {
				fail(backends.ErrChanged)
			}
		}
		switch s.Op {
		case steps.OpCopy, steps.OpLink, steps.OpRename:
			e, err := open(s.To).Stat(ctx, s.To.Name)
			switch {
			case s.Absent && err == nil:
				fail(fs.ErrExist)
			case s.Over != "" && (err != nil || !stores.SameVersion(s.Over, e.Version)):
				fail(fmt.Errorf("to be replaced: %w, %v", backends.ErrChanged, err))
			}
		}
		switch s.Op {
		case steps.OpMkdir:
			err := open(s.To).Mkdir(ctx, s.To.Name, nil)
			if !errors.Is(err, fs.ErrExist) {
				fail(err)
			}
		case steps.OpCopy:
			fail(w.copyFile(ctx, open(s.From), open(s.To), s))
		case steps.OpLink:
			fail(os.Link(s.From.Name, s.To.Name))
		case steps.OpRename:
			if v, ok := open(s.To).(*stores.Volume); ok {
				fail(v.Backend().(backends.Renamer).Rename(ctx, s.From.Name, s.To.Name, backends.Cond{}))
			} else {
				fail(os.Rename(s.From.Name, s.To.Name))
			}
		case steps.OpRemove:
			fail(open(s.From).Remove(ctx, s.From.Name, s.Version))
		case steps.OpRmdir:
			if err := open(s.From).Rmdir(ctx, s.From.Name); !errors.Is(err, backends.ErrNotEmpty) && !errors.Is(err, fs.ErrNotExist) {
				fail(err)
			}
		case steps.OpTrash:
			if s.Kind == stores.Dir {
				fail(os.RemoveAll(s.From.Name))
			} else {
				fail(open(s.From).Remove(ctx, s.From.Name, s.Version))
			}
		case steps.OpMeta:
			from, err := open(s.From).Stat(ctx, s.From.Name)
			fail(err)
			fail(open(s.To).SetMeta(ctx, s.To.Name, &from))
		}
	}
}

func (w *world) copyFile(ctx context.Context, from, to stores.Store, s *steps.Step) error {
	if s.Kind == stores.Symlink {
		return os.Symlink(s.Link, s.To.Name)
	}
	var text []byte
	var err error
	if v, ok := from.(*stores.Volume); ok {
		var r io.ReadCloser
		if r, _, err = v.Backend().Get(ctx, s.From.Name, s.Version, 0, -1); err == nil {
			text, err = io.ReadAll(r)
			r.Close()
		}
	} else {
		text, err = os.ReadFile(s.From.Name)
	}
	if err != nil {
		return err
	}
	at := time.Unix(0, s.ModTime)
	if v, ok := to.(*stores.Volume); ok {
		_, err = v.Backend().(backends.Putter).Put(ctx, s.To.Name, bytes.NewReader(text), int64(len(text)), backends.Meta{ModTime: at}, backends.Cond{})
		return err
	}
	if err := os.WriteFile(s.To.Name, text, 0o644); err != nil {
		return err
	}
	if s.ModTime == 0 {
		return nil
	}
	return os.Chtimes(s.To.Name, at, at)
}
