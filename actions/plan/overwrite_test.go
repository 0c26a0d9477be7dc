package plan_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/actions/steps"
)

// TestOverwrite has files that are the same, older, newer and of another size at the target.
func TestOverwrite(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		rule      steps.Overwrite
		replaced  string
		same      int64
		conflicts int64
	}{
		{steps.Refuse, "", 1, 3},
		{steps.Never, "", 1, 0},
		{steps.Newer, "older", 1, 0},
		{steps.Changed, "newer older size", 1, 0},
		{steps.Always, "newer older same size", 0, 0},
	} {
		for _, to := range []string{"b", "s3://one/b"} {
			w.fresh()
			for name, at := range map[string]time.Time{"same": someTime, "older": someTime.Add(-time.Hour), "newer": someTime.Add(time.Hour), "size": someTime} {
				w.write("a/"+name, name+"!")
				text := strings.ToUpper(name) + "!" // as long, and other bytes
				if name == "same" {
					text = name + "!"
				}
				if name == "size" {
					text += "longer"
				}
				if to == "b" {
					w.write("b/"+name, text)
					w.must(os.Chtimes(filepath.Join(w.dir, "b", name), at, at))
				} else {
					w.put("one", "b/"+name, text, at)
				}
			}
			w.write("a/new", "new")
			spec := w.spec(steps.Copy, "a/", to)
			spec.Options.Recursive, spec.Options.Overwrite = true, c.rule
			p, err := w.plan(spec)
			w.must(err)
			var replaced []string
			brought := 0
			for _, s := range p.steps {
				switch {
				case s.Op != steps.OpCopy:
				case s.Over != "":
					replaced = append(replaced, filepath.Base(s.To.Name))
				case s.Absent:
					brought++
				}
			}
			slices.Sort(replaced)
			if got := strings.Join(replaced, " "); got != c.replaced || brought != 1 || p.sum.Conflicts != c.conflicts || p.sum.Same.Files != c.same || p.sum.Replaces.Files != int64(len(replaced)) {
				t.Errorf("--overwrite %q to %s: replaces %q, brings %d, with %d conflicts, %d the same; want %q, 1, %d, %d",
					c.rule, to, got, brought, p.sum.Conflicts, p.sum.Same.Files, c.replaced, c.conflicts, c.same)
			}
			if c.conflicts == 0 {
				w.run(p)
				if got := w.files()[to+"/new"]; got != "new" {
					t.Errorf("--overwrite %q to %s: got %s", c.rule, to, listing(w.files()))
				}
			}
		}
	}
}

// TestMoveNeverTrustsTimes moves files onto such that look the same.
func TestMoveNeverTrustsTimes(t *testing.T) {
	w := newWorld(t)
	w.write("a/x", "one", "b/x", "two")
	p, err := w.plan(w.spec(steps.Move, "a/x", "b"))
	w.must(err)
	if p.sum.Conflicts != 1 || len(p.steps) != 0 {
		t.Errorf("got %v and conflicts %v, want one conflict", w.text(p), p.sum.ConflictList)
	}
	// The checksum of an object proves it.
	w.write("s3://one/x", "one")
	p, err = w.plan(w.spec(steps.Copy, "a/x", "s3://one"))
	w.must(err)
	if p.sum.Same.Files != 1 {
		t.Errorf("got %v, want the file to be there already", w.text(p))
	}
}

// TestClashes has a file where a folder is to go, and the reverse.
func TestClashes(t *testing.T) {
	w := newWorld(t)
	for _, to := range []string{"b/", "s3://one/b/"} {
		for _, rule := range []steps.Overwrite{steps.Refuse, steps.Always} {
			w.fresh().write("a/x", "1", "a/x-y", "2", "a/d/e", "3", "a/f", "4", to+"x/in", "0", to+"d", "0")
			spec := w.spec(steps.Copy, "a/", to)
			spec.Options.Recursive, spec.Options.Overwrite = true, rule
			p, err := w.plan(spec)
			w.must(err)
			got := w.text(p)
			prefix := strings.TrimSuffix(to, "/")
			want := []string{"copy a/f > " + prefix + "/f", "copy a/x-y > " + prefix + "/x-y"}
			slices.Sort(got)
			if p.sum.Conflicts != 2 || !slices.Equal(got, want) {
				t.Errorf("to %s, --overwrite %q: got %q with conflicts %v, want %q and 2", to, rule, got, p.sum.ConflictList, want)
			}
		}
	}
}

func TestHardLinks(t *testing.T) {
	w := newWorld(t)
	w.write("a/x", "1", "a/s/y", "2", "b/", "", "a/z", "3")
	w.must(os.Link(filepath.Join(w.dir, "a/x"), filepath.Join(w.dir, "a/s/x2")))
	w.must(os.Link(filepath.Join(w.dir, "a/x"), filepath.Join(w.dir, "elsewhere")))
	spec := w.spec(steps.Copy, "a", "b")
	spec.Options.Recursive = true
	p, err := w.plan(spec)
	w.must(err)
	var link *steps.Step
	for _, s := range p.steps {
		if s.Op == steps.OpLink {
			link = s
		}
	}
	if link == nil || link.After == 0 || p.steps[link.After-1].To != link.From {
		t.Fatalf("got %q, want a link to the file that was copied before", w.text(p))
	}
	w.run(p)
	x, err := os.Stat(filepath.Join(w.dir, "b/a/x"))
	w.must(err)
	x2, err := os.Stat(filepath.Join(w.dir, "b/a/s/x2"))
	w.must(err)
	if !os.SameFile(x, x2) {
		t.Error("the two names are two files")
	}
	spec = w.spec(steps.Copy, "a", "s3://one")
	spec.Options.Recursive = true
	p, err = w.plan(spec)
	w.must(err)
	if got := warning(p, "hard-links"); got != 1 {
		t.Errorf("got %d warnings of hard links, want 1", got)
	}
}

func warning(p planned, code string) int64 {
	for _, w := range p.sum.Warnings {
		if w.Code == code {
			return w.Count
		}
	}
	return 0
}

func TestFilters(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ include, exclude, want string }{
		{"", "*.o", "d/a d/e/ d/s/b d/s/t/c.c"},
		{"*.c", "", "d/s/t/c.c"},
		{"", "s/t", "d/a d/e/ d/s/b d/s/x.o"},
		{"s/", "x.o", "d/s/b d/s/t/c.c"},
	} {
		for _, from := range []string{"d", "s3://one/d"} {
			w.fresh()
			at := strings.TrimSuffix(from, "d")
			w.write(at+"d/a", "1", at+"d/e/", "", at+"d/s/b", "2", at+"d/s/t/c.c", "3", at+"d/s/x.o", "4", "to/", "")
			spec := w.spec(steps.Copy, from, "to/")
			spec.Options.Recursive = true
			spec.Options.Include, spec.Options.Exclude = strings.Fields(c.include), strings.Fields(c.exclude)
			p, err := w.plan(spec)
			w.must(err)
			w.run(p)
			var got []string
			for name := range w.files() {
				if rel, ok := strings.CutPrefix(name, "to/"); ok {
					got = append(got, rel)
				}
			}
			slices.Sort(got)
			if strings.Join(got, " ") != c.want {
				t.Errorf("from %s, include %q, exclude %q: got %q, want %q", from, c.include, c.exclude, got, c.want)
			}
		}
	}
}

// TestMarkers makes no more folders in a bucket than are empty.
func TestMarkers(t *testing.T) {
	w := newWorld(t)
	w.write("d/s/empty/", "", "d/s/file", "1", "d/deep/er/", "")
	spec := w.spec(steps.Copy, "d", "s3://one")
	spec.Options.Recursive = true
	p, err := w.plan(spec)
	w.must(err)
	want := []string{"copy d/s/file > s3://one/d/s/file", "mkdir > s3://one/d/deep", "mkdir > s3://one/d/deep/er", "mkdir > s3://one/d/s/empty"}
	if got := w.text(p); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a service would not list again does not go there, and stays where it is.
func TestNamesThatServicesLose(t *testing.T) {
	w := newWorld(t)
	w.write("d/bad\xff", "1", "d/bad\xfe/in", "2", "d/göod", "3", "d/%%x", "4")
	p, err := w.plan(w.spec(steps.Move, "d", "s3://one"))
	w.must(err)
	if p.sum.Denied != 2 || p.sum.Total.Files != 2 || p.sum.Trash.Files > 0 {
		t.Errorf("got %q, refused %v, want that two names are refused", w.text(p), p.sum.DeniedList)
	}
	for _, s := range p.steps {
		if s.Op != steps.OpRmdir && strings.Contains(s.From.Name, "bad") {
			t.Errorf("got step %v about a name that was refused", s.From)
		}
	}
}

// A move removes a source because its bytes are there already only if they are when it runs.
func TestMoveCountsOnTarget(t *testing.T) {
	w := newWorld(t)
	w.write("a/f", "", "b/f", "")
	p, err := w.plan(w.spec(steps.Move, "a/f", "b"))
	w.must(err)
	if len(p.steps) != 1 || p.steps[0].Op != steps.OpRemove || p.steps[0].Near == nil || p.steps[0].NearVersion == "" ||
		filepath.Base(p.steps[0].Near.Name) != "f" {
		t.Errorf("got %q, want a removal that counts on the copy", w.text(p))
	}
}
