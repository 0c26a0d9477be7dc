//go:build linux

package actions

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/backends/s3"
	"sd/internal/testserver"
	"sd/library"
	"sd/resolver"
	"sd/sdpath"
)

// world is a library and an Engine over it. Its volumes are the buckets of one S3 server.
type world struct {
	lib      *library.Library
	resolver *resolver.Resolver
	*Engine
}

// openWorld opens the library below data; endpoint is that of the server, "" for none.
func openWorld(ctx context.Context, data, endpoint string) (*world, error) {
	lib, err := library.Open(ctx, data, "")
	if err != nil {
		return nil, err
	}
	r, err := resolver.New(lib, map[sdpath.Service]resolver.Factory{
		sdpath.S3: func(_ context.Context, v library.Volume) (backends.Backend, error) {
			return s3.New(s3.Config{
				Bucket: v.Identifier, Endpoint: endpoint, Region: testserver.Region, AccessKeyID: testserver.AccessKey,
				Secret: func() (string, string, error) { return testserver.SecretKey, "", nil },
				// What the server heeds is found out once, as the command has it.
				Memory:     heeds{lib, v.Identifier},
				ProbeEvery: 20 * time.Millisecond,
			})
		},
	})
	if err != nil {
		return nil, errors.Join(err, lib.Close())
	}
	return &world{lib, r, New(Config{Library: lib, Resolver: r})}, nil
}

// heeds keeps what the server of a bucket heeds.
type heeds struct {
	lib    *library.Library
	bucket string
}

func (h heeds) Recall() []byte {
	text, _, _ := h.lib.Setting(context.Background(), "heeds "+h.bucket)
	return []byte(text)
}

func (h heeds) Keep(text []byte) {
	_ = h.lib.SetSetting(context.Background(), "heeds "+h.bucket, string(text))
}

func (w *world) Close() error {
	return errors.Join(w.Engine.Close(), w.resolver.Close(), w.lib.Close())
}

// newWorld opens a new library for a test, with the buckets as volumes.
func newWorld(t testing.TB, data, endpoint string, buckets ...string) *world {
	t.Helper()
	w, err := openWorld(context.Background(), data, endpoint)
	must(t, err)
	t.Cleanup(func() { must(t, w.Close()) })
	for _, b := range buckets {
		_, err := w.resolver.AddCloud(context.Background(), resolver.CloudVolume{Service: sdpath.S3, Identifier: b})
		must(t, err)
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// at finds the store and the name of a path: an absolute one of this machine, or a URI.
func (w *world) at(t testing.TB, path string) (stores.Store, string) {
	t.Helper()
	var p sdpath.Path = sdpath.NewPhysical("local", path)
	if !strings.HasPrefix(path, "/") {
		var err error
		p, err = sdpath.Parse(path)
		must(t, err)
	}
	st, name, err := w.Stores().Of(context.Background(), p)
	must(t, err)
	return st, name
}

// writer puts steps about two places into a plan.
type writer struct {
	*steps.Writer
	from, to       stores.Store
	fromDir, toDir string
	toIndex        int
}

// planned makes a plan about two folders out of what fill writes. Names in its steps are
// relative to them.
func (w *world) planned(t testing.TB, spec steps.Spec, from, to string, fill func(*writer) error) *Draft {
	t.Helper()
	p := &writer{}
	p.from, p.fromDir = w.at(t, from)
	p.to, p.toDir = w.at(t, to)
	refs := []steps.StoreRef{p.from.Ref()}
	if p.to.Key() != p.from.Key() {
		refs, p.toIndex = append(refs, p.to.Ref()), 1
	}
	d, err := w.PlanFrom(t.Context(), spec, func(_ context.Context, sw *steps.Writer, _ *stores.Set) (steps.Summary, []steps.StoreRef, error) {
		p.Writer = sw
		return steps.Summary{}, refs, fill(p)
	})
	must(t, err)
	return d
}

func (p *writer) here(rel string) steps.Ref { return steps.Ref{Name: p.from.Join(p.fromDir, rel)} }
func (p *writer) there(rel string) steps.Ref {
	return steps.Ref{Store: p.toIndex, Name: p.to.Join(p.toDir, rel)}
}

// copyOf is a step that copies e.
func (p *writer) copyOf(e *stores.Entry, rel string) steps.Step {
	s := steps.Step{Op: steps.OpCopy, From: steps.Ref{Name: e.Name}, To: p.there(rel), Kind: e.Kind, Size: e.Size, Mode: e.Mode, Link: e.Link,
		Version: e.Version, Absent: true}
	if e.TimeKnown {
		s.ModTime = e.ModTime.UnixNano()
	}
	if e.Proven {
		s.Sum = e.Sum.String()
	}
	return s
}

// tree copies all below the first folder to the second, as a move if that is asked for.
func (p *writer) tree(ctx context.Context, move bool) error {
	var copied []steps.Step
	var folders []string
	err := p.from.Walk(ctx, p.fromDir, stores.WalkOptions{}, func(e *stores.Entry) error {
		rel := p.from.Rel(p.fromDir, e.Name)
		if e.Kind == stores.Dir {
			folders = append(folders, rel)
			_, err := p.Add(steps.Step{Op: steps.OpMkdir, From: steps.Ref{Name: e.Name}, To: p.there(rel), Mode: e.Mode, Absent: true})
			return err
		}
		s := p.copyOf(e, rel)
		n, err := p.Add(s)
		s.N = n
		copied = append(copied, s)
		return err
	})
	if err != nil || !move {
		return err
	}
	for _, s := range copied {
		if _, err := p.Add(steps.Step{Op: steps.OpRemove, From: s.From, Size: s.Size, Version: s.Version, After: s.N}); err != nil {
			return err
		}
	}
	for i, rel := range slices.Backward(folders) {
		if _, err := p.Add(steps.Step{Op: steps.OpRmdir, From: p.here(rel), Barrier: i == len(folders)-1}); err != nil {
			return err
		}
	}
	return nil
}

// committed makes a job of a plan that copies, or moves, all in one folder to another.
func (w *world) committed(t testing.TB, from, to string, move bool) library.Job {
	t.Helper()
	action := steps.Copy
	if move {
		action = steps.Move
	}
	d := w.planned(t, steps.Spec{Action: action, Who: steps.Who{User: "ann"}}, from, to, func(p *writer) error { return p.tree(t.Context(), move) })
	job, err := d.Commit(t.Context(), false)
	must(t, err)
	return job
}

// audit is the row of a job in the log.
func (w *world) audit(t testing.TB, job int64) library.Audit {
	t.Helper()
	list, err := w.Log(t.Context(), time.Time{}, 0)
	must(t, err)
	for _, a := range list {
		if a.Job == job {
			return a
		}
	}
	t.Fatalf("job %d is not in the log", job)
	return library.Audit{}
}

// states counts the records of a job by state; steps without one are "".
func (w *world) states(t testing.TB, job int64) map[string]int {
	t.Helper()
	got := make(map[string]int)
	must(t, w.Outcomes(t.Context(), job, func(_ *steps.Step, r *steps.Record) error {
		if r.State == 0 {
			got[""]++
		} else {
			got[r.State.String()]++
		}
		return nil
	}))
	return got
}

// makeTree writes files, by relative name, below dir. A name that ends in a slash is a folder.
func makeTree(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// treeOf reads what is below a local folder: folders as "name/", links as "-> target".
func treeOf(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d iofs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		switch {
		case err != nil:
		case d.IsDir():
			got[rel+"/"] = ""
		case d.Type()&iofs.ModeSymlink != 0:
			var target string
			target, err = os.Readlink(path)
			got[rel] = "-> " + target
		default:
			var text []byte
			text, err = os.ReadFile(path)
			got[rel] = string(text)
		}
		return err
	})
	must(t, err)
	return got
}

// bucketOf reads all objects of a bucket below a prefix.
func bucketOf(t testing.TB, server *testserver.Server, bucket, prefix string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for _, key := range server.Keys(t, bucket, prefix) {
		text, err := server.ReadAll(t.Context(), bucket, key)
		must(t, err)
		got[strings.TrimPrefix(key, prefix)] = string(text)
	}
	return got
}

// equal compares two trees, files alone.
func equal(t testing.TB, got, want map[string]string) {
	t.Helper()
	for name, text := range want {
		is, ok := got[name]
		if strings.HasSuffix(name, "/") && !ok {
			continue
		}
		switch {
		case !ok:
			t.Errorf("%s is missing", name)
		case is != text:
			t.Errorf("%s has %s, want %s", name, brief(is), brief(text))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok && !strings.HasSuffix(name, "/") {
			t.Errorf("%s is there, and should not be", name)
		}
	}
}

func brief(s string) string {
	if len(s) <= 40 {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q and more, %d bytes", s[:20], len(s))
}
