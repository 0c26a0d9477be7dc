package plan_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sd/actions/steps"
	"sd/backends"
	"sd/identity"
	"sd/library/catalog"
	"sd/sdpath"
)

// index has the library know a local file, or an object, as proven.
func (w *world) index(name, text string) catalog.Content {
	w.Helper()
	ctx := context.Background()
	uri, err := sdpath.Parse(w.source(name).URI)
	w.must(err)
	place, path, err := w.resolver.Placed(uri)
	w.must(err)
	f := catalog.File{Size: int64(len(text))}
	if c, ok := uri.(sdpath.Cloud); ok {
		e, err := w.buckets[c.Identifier].Stat(ctx, c.Path)
		w.must(err)
		f.ModTime, f.Version = e.ModTime.UnixNano(), e.Version
	} else {
		info, err := os.Stat(filepath.Join(w.dir, name))
		w.must(err)
		st := info.Sys().(*syscall.Stat_t)
		f.ModTime, f.Version = info.ModTime().UnixNano(), identity.LocalVersion(st.Ctim.Nano(), st.Ino)
	}
	sum, print, err := identity.File(ctx, strings.NewReader(text), f.Size, nil)
	w.must(err)
	dir, base := catalog.Split(path)
	f.Name = base
	w.must(w.lib.Catalog().Update(ctx, func(tx *catalog.Tx) error {
		folder, err := tx.MakePath(place, dir)
		if err != nil {
			return err
		}
		if err := tx.PutFile(folder, &f); err != nil {
			return err
		}
		_, err = tx.Identify(folder, base, f.FileVersion(), sum, print, catalog.Read)
		return err
	}))
	return catalog.Content{BLAKE3: sum, Size: f.Size}
}

// only returns the one step of a plan.
func (w *world) only(spec *steps.Spec) (*steps.Step, planned) {
	w.Helper()
	p, err := w.plan(spec)
	w.must(err)
	if len(p.steps) != 1 {
		w.Fatalf("got %q, conflicts %v; want one step", w.text(p), p.sum.ConflictList)
	}
	return p.steps[0], p
}

func TestContentAsSource(t *testing.T) {
	w := newWorld(t)
	text := strings.Repeat("content ", 20_000)
	w.write("d/report.txt", text, "to/", "")
	id := w.index("d/report.txt", text)
	uri := sdpath.Content{ID: id.ID()}.String()
	s, p := w.only(w.spec(steps.Copy, uri, "to"))
	if filepath.Base(s.To.Name) != "report.txt" || s.Version != id.BLAKE3.String() || s.Sum != s.Version || p.sum.Total.Bytes != id.Size {
		t.Errorf("got %+v, want a copy called as the file is", s)
	}
	// What is there under that name is compared by its bytes.
	w.write("to/report.txt", text)
	if p, err := w.plan(w.spec(steps.Copy, uri, "to")); err != nil || p.sum.Proven.Files != 1 {
		t.Errorf("got %q, %v; want the file to be there already", w.text(p), err)
	}
	w.write("to/report.txt", strings.ToUpper(text))
	if p, err := w.plan(w.spec(steps.Copy, uri, "to")); err != nil || p.sum.Conflicts != 1 {
		t.Errorf("got %q, %v; want a conflict", w.text(p), err)
	}
	for _, action := range []steps.Action{steps.Move, steps.Remove} {
		if p, err := w.plan(w.spec(action, uri, "to")); err == nil {
			t.Errorf("%s of a content: got %q, want an error", action, w.text(p))
		}
	}
	if p, err := w.plan(w.spec(steps.Copy, "d/report.txt", uri)); err == nil {
		t.Errorf("cp to a content: got %q, want an error", w.text(p))
	}
	unknown := "content://00000000-0000-4000-8000-000000000000"
	if _, err := w.plan(w.spec(steps.Copy, unknown, "to")); err == nil || !strings.Contains(err.Error(), "no file is known") {
		t.Errorf("got %v, want an error that says what to do", err)
	}
}

// TestProvenCopiesSaveBytes has a bucket that holds the bytes of a file under another name.
func TestProvenCopiesSaveBytes(t *testing.T) {
	w := newWorld(t)
	text := strings.Repeat("proven ", 20_000)
	w.write("d/a", text, "s3://one/elsewhere", text, "s3://one/small", "x", "d/small", "x")
	w.index("d/a", text)
	s, _ := w.only(w.spec(steps.Copy, "d/a", "s3://one/b"))
	if s.Near != nil || s.Method != steps.Upload {
		t.Errorf("got %+v, want an upload: nobody knows of the copy", s)
	}
	w.index("s3://one/elsewhere", text)
	s, p := w.only(w.spec(steps.Copy, "d/a", "s3://one/b"))
	if s.Near == nil || s.Near.Name != "elsewhere" || s.NearVersion == "" || s.Method != steps.ServerCopy || p.sum.Saved != int64(len(text)) || p.sum.Through != 0 {
		t.Errorf("got %+v with %+v, want a copy inside the bucket", s, p.sum)
	}
	// Down again: the folder has the bytes.
	s, p = w.only(w.spec(steps.Copy, "s3://one/elsewhere", "c"))
	if s.Near == nil || s.Near.Name != filepath.Join(w.dir, "d/a") || s.Method != steps.LocalCopy || p.sum.Egress != 0 {
		t.Errorf("got %+v, want a copy of the local file", s)
	}
	// The same bytes under another time are the same file.
	w.put("one", "b", text, someTime.AddDate(1, 0, 0))
	w.index("s3://one/b", text)
	p, err := w.plan(w.spec(steps.Move, "d/a", "s3://one/b"))
	w.must(err)
	if got := w.text(p); p.sum.Proven.Files != 1 || len(got) != 1 || got[0] != "remove d/a" {
		t.Errorf("got %q, want the source to go, since its bytes are there", got)
	}
}

func TestMethods(t *testing.T) {
	w := newWorld(t)
	w.write("a", "x", "s3://one/a", "x", "d/x", "1")
	for _, c := range []struct {
		action   steps.Action
		from, to string
		want     steps.Method
		requests map[string]int64
	}{
		{steps.Copy, "a", "b", steps.LocalCopy, nil},
		{steps.Move, "a", "b", steps.Rename, nil},
		{steps.Move, "d", "e", steps.Rename, nil},
		{steps.Copy, "a", "s3://one/b", steps.Upload, map[string]int64{"PUT": 1}},
		{steps.Copy, "s3://one/a", "b", steps.Download, map[string]int64{"GET": 1}},
		{steps.Copy, "s3://one/a", "s3://one/b", steps.ServerCopy, map[string]int64{"COPY": 1}},
		{steps.Move, "s3://one/a", "s3://one/b", steps.Rename, map[string]int64{"COPY": 1}},
		{steps.Copy, "s3://one/a", "s3://two/b", steps.Stream, map[string]int64{"GET": 1, "PUT": 1}},
	} {
		s, p := w.only(w.spec(c.action, c.from, c.to))
		if s.Method != c.want && !(c.want == steps.LocalCopy && s.Method == steps.Clone) {
			t.Errorf("%s %s %s: got method %s, want %s", c.action, c.from, c.to, s.Method, c.want)
		}
		if len(p.sum.Requests) != len(c.requests) {
			t.Errorf("%s %s %s: got requests %v, want %v", c.action, c.from, c.to, p.sum.Requests, c.requests)
		}
		for verb, n := range c.requests {
			if p.sum.Requests[verb] != n {
				t.Errorf("%s %s %s: got requests %v, want %v", c.action, c.from, c.to, p.sum.Requests, c.requests)
			}
		}
		if p.sum.Seconds <= 0 {
			t.Errorf("%s %s %s: it takes no time", c.action, c.from, c.to)
		}
	}
	if _, ok := w.buckets["one"].(backends.Renamer); !ok {
		t.Error("the bucket cannot rename, so this tests less than it says")
	}
}
