package plan_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sd/actions/steps"
	"sd/backends"
	"sd/backends/mem"
	"sd/sdpath"
)

func TestRemove(t *testing.T) {
	const files = "a=1 d/x=2 d/s/y=3 d/s/e/= .h=4 s3://one/k/a=5 s3://one/k/s/b=6 s3://one/c=7 s3://one/.sd-trash/1/x=8"
	w := newWorld(t)
	for _, c := range []struct {
		name, args string
		permanent  bool
		gone       string // of the files
		steps      int
		err        string
	}{
		{"a file", "a", false, "a", 1, ""},
		{"a file for good", "a", true, "a", 1, ""},
		{"a folder without -r", "d", false, "", 0, "remove it with -r"},
		{"a folder goes as a whole", "-r d", false, "d/x d/s/y d/s/e/", 1, ""},
		{"a folder for good", "-r d", true, "d/x d/s/y d/s/e/", 5, ""},
		{"a file in a folder that goes", "-r d d/x d/s", false, "d/x d/s/y d/s/e/", 1, ""},
		{"the same file twice", "a a", false, "a", 1, ""},
		{"a pattern", "*", false, "a", 1, "remove it with -r"},
		{"a pattern of files", "?", false, "", 0, "remove it with -r"},
		{"objects", "-r s3://one/k", false, "s3://one/k/a s3://one/k/s/b", 2, ""},
		{"all objects", "-r s3://one/*", false, "s3://one/k/a s3://one/k/s/b s3://one/c", 3, ""},
		{"a volume", "-r s3://one", false, "", 0, "sd rm -r 's3://one/*'"},
		{"a volume with a slash", "-r s3://one/", false, "", 0, "sd rm -r 's3://one/*'"},
		{"the trash", "-r s3://one/.sd-trash", false, "", 0, "--permanent"},
		{"the root", "-r /../..", false, "", 0, "root of the file system"},
		{"what is not there", "x", false, "", 0, "not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.fresh().TB = t
			for _, f := range strings.Fields(files) {
				name, text, _ := strings.Cut(f, "=")
				w.write(name, text)
			}
			before := w.files()
			args := strings.Fields(c.args)
			recursive := args[0] == "-r"
			if recursive {
				args = args[1:]
			}
			spec := w.spec(steps.Remove, args...)
			if strings.HasPrefix(args[0], "/..") {
				spec.Sources[0].URI = sdpath.NewPhysical("local", "/").String()
			}
			spec.Options.Recursive, spec.Options.Permanent = recursive, c.permanent
			p, err := w.plan(spec)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v, want an error with %q", err, c.err)
				}
				return
			}
			w.must(err)
			if len(p.steps) != c.steps {
				t.Errorf("got %q, want %d steps", w.text(p), c.steps)
			}
			w.run(p)
			got := w.files()
			files := int64(0)
			for _, name := range strings.Fields(c.gone) {
				if _, is := got[name]; is {
					t.Errorf("%s is still there", name)
				}
				if !strings.HasSuffix(name, "/") {
					files++
				}
				delete(before, name)
			}
			for name := range before {
				if _, is := got[name]; !is {
					t.Errorf("%s is gone", name)
				}
			}
			if p.sum.Deletes.Files != files || c.permanent == (p.sum.Trash.Files > 0) {
				t.Errorf("the plan tells of %d files, %d to the trash; want %d", p.sum.Deletes.Files, p.sum.Trash.Files, files)
			}
		})
	}
}

// TestRemoveProtects names what may not go, and what is above it.
func TestRemoveProtects(t *testing.T) {
	w := newWorld(t)
	link := filepath.Join(w.dir, "link")
	w.must(os.Symlink(filepath.Dir(w.lib.Dir()), link))
	for _, path := range []string{w.lib.Dir(), filepath.Dir(w.lib.Dir()), filepath.Join(w.lib.Dir(), "x"), "/proc", filepath.Join(link, filepath.Base(w.lib.Dir()))} {
		if path == filepath.Join(w.lib.Dir(), "x") {
			w.must(os.WriteFile(path, nil, 0o600))
		}
		for _, action := range []steps.Action{steps.Remove, steps.Move} {
			spec := &steps.Spec{Action: action, Sources: []steps.Source{{URI: sdpath.NewPhysical("local", path).String()}}}
			spec.Options.Recursive = true
			if action == steps.Move {
				spec.Target = w.source("to/")
			}
			if p, err := w.plan(spec); err == nil {
				t.Errorf("%s %s: got %q, want an error", action, path, w.text(p))
			}
		}
	}
	// A link to it may go.
	p, err := w.plan(w.spec(steps.Remove, "link"))
	w.must(err)
	if got := w.text(p); !slices.Equal(got, []string{"trash link"}) {
		t.Errorf("got %q, want the link to go to the trash", got)
	}
}

func TestRemoveFilters(t *testing.T) {
	w := newWorld(t)
	w.write("d/a.tmp", "1", "d/s/b.tmp", "2", "d/s/c", "3")
	spec := w.spec(steps.Remove, "d")
	spec.Options.Recursive, spec.Options.Include = true, []string{"*.tmp"}
	p, err := w.plan(spec)
	w.must(err)
	w.run(p)
	if got, want := listing(w.files()), "d/s/c=3"; got != want {
		t.Errorf("left are %s, want %s", got, want)
	}
}

func TestMkdir(t *testing.T) {
	w := newWorld(t)
	w.write("a", "1", "d/", "")
	for _, c := range []struct {
		name    string
		parents bool
		want    []string
		err     string
	}{
		{"x", false, []string{"mkdir > x"}, ""},
		{"d/x", false, []string{"mkdir > d/x"}, ""},
		{"x/y", false, nil, "mkdir -p"},
		{"x/y/z", true, []string{"mkdir > x", "mkdir > x/y", "mkdir > x/y/z"}, ""},
		{"d", false, nil, "there already"},
		{"d", true, nil, ""},
		{"a", true, nil, "a file of that name"},
		{"a/x", true, nil, "is a file"},
		{"s3://one/x", false, []string{"mkdir > s3://one/x"}, ""},
	} {
		spec := w.spec(steps.Mkdir, c.name)
		spec.Options.Parents = c.parents
		p, err := w.plan(spec)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("mkdir %s: got %v, want an error with %q", c.name, err, c.err)
			}
			continue
		}
		w.must(err)
		if got := w.text(p); !slices.Equal(got, c.want) {
			t.Errorf("mkdir %s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// A store that renames has a trash, though it copies nothing.
func TestRemoveFromADrive(t *testing.T) {
	drive := mem.NewDrive(mem.Config{})
	w := newWorldOf(t, map[string]backends.Backend{"one": drive})
	_, err := drive.Put(t.Context(), "a", strings.NewReader("a"), 1, backends.Meta{}, backends.Cond{})
	w.must(err)
	p, err := w.plan(w.spec(steps.Remove, "s3://one/a"))
	w.must(err)
	if got := w.text(p); !slices.Equal(got, []string{"trash s3://one/a"}) {
		t.Errorf("got %q, want the file to go to the trash", got)
	}
}
