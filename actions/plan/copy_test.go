package plan_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"sd/actions/plan"
	"sd/actions/steps"
)

// listing is what files gives, as sorted words "name=text".
func listing(files map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		words = append(words, name+"="+files[name])
	}
	return strings.Join(words, " ")
}

// TestWhereSourcesGo states the rules of cp and mv.
func TestWhereSourcesGo(t *testing.T) {
	const r = "-r"
	w := newWorld(t)
	for _, c := range []struct {
		name  string
		files string // "name=text", separated by spaces
		args  string
		adds  string // by cp
		err   string // instead
	}{
		{"file to a new name", "a=1", "a b", "b=1", ""},
		{"file into a folder", "a=1 d/=", "a d", "d/a=1", ""},
		{"file into a folder with a slash", "a=1 d/=", "a d/", "d/a=1", ""},
		{"file into a folder that the slash makes", "a=1", "a d/e/", "d/e/a=1", ""},
		{"file below a folder that is missing", "a=1", "a d/e", "", "sd mkdir -p"},
		{"several into a folder", "a=1 b=2 d/=", "a b d", "d/a=1 d/b=2", ""},
		{"several into a folder that is made", "a=1 b=2", "a b d/", "d/a=1 d/b=2", ""},
		{"several to a missing name", "a=1 b=2", "a b c", "", "put a slash behind it"},
		{"several to a file", "a=1 b=2 c=3", "a b c", "", "several sources need a folder"},
		{"missing source", "a=1", "x d/", "", "not exist"},
		{"folder without -r", "d/a=1", "d e", "", "copy it with -r"},
		{"folder to a new name", "d/a=1 d/s/b=2", "-r d e", "e/a=1 e/s/b=2", ""},
		{"folder into a folder", "d/a=1 e/=", "-r d e", "e/d/a=1", ""},
		{"folder into a folder that is made", "d/a=1", "-r d e/", "e/d/a=1", ""},
		{"what is in a folder, into one", "d/a=1 d/s/b=2 e/x=0", "-r d/ e", "e/a=1 e/s/b=2", ""},
		{"what is in a folder, to a new name", "d/a=1", "-r d/ e", "e/a=1", ""},
		{"empty folders", "d/s/=", "-r d e", "e/s/=", ""},
		{"slash behind a file", "a=1", "a/ b", "", "is no folder"},
		{"file to a file with a slash", "a=1 b=2", "a b/", "", "the slash means a folder"},
		{"file onto itself", "a=1", "a a", "", "the same file"},
		{"file onto itself in its folder", "d/a=1", "d/a d", "", "the same file"},
		{"folder into itself", "d/a=1", "-r d d/e", "", "into itself"},
		{"folder onto itself", "d/a=1", "-r d/ d", "", "the same folder"},
		{"folder to a file", "d/a=1 b=2", "-r d b", "", "conflict"},
		{"two sources of one name", "d/a=1 e/a=2 f/=", "d/a e/a f", "", "conflict"},
		{"two folders of one name", "d/x/a=1 e/x/b=2 f/=", "-r d/x e/x f", "f/x/a=1 f/x/b=2", ""},
		{"two folders with a name in common", "d/x/a=1 e/x/a=2 f/=", "-r d/x e/x f", "", "conflict"},

		{"up", "a=1", "a s3://one/b", "s3://one/b=1", ""},
		{"up into a bucket", "a=1", "a s3://one", "s3://one/a=1", ""},
		{"up into a folder that need not be there", "a=1", "a s3://one/d/", "s3://one/d/a=1", ""},
		{"up, a folder", "d/a=1 d/s/b=2", "-r d s3://one/x/", "s3://one/x/d/a=1 s3://one/x/d/s/b=2", ""},
		{"up, a folder to a new name", "d/a=1", "-r d s3://one/x", "s3://one/x/a=1", ""},
		{"up, a folder into a folder", "d/a=1 s3://one/x/y=0", "-r d s3://one/x", "s3://one/x/d/a=1", ""},
		{"up, what is in a folder", "d/a=1 s3://one/x/y=0", "-r d/ s3://one/x", "s3://one/x/a=1", ""},
		{"up, an empty folder", "d/s/=", "-r d s3://one/", "s3://one/d/s/=", ""},
		{"down", "s3://one/k/a=1", "s3://one/k/a b", "b=1", ""},
		{"down, a folder", "s3://one/k/a=1 s3://one/k/s/b=2 d/=", "-r s3://one/k d", "d/k/a=1 d/k/s/b=2", ""},
		{"down, a bucket", "s3://one/k/a=1 s3://one/b=2", "-r s3://one d", "d/k/a=1 d/b=2", ""},
		{"down, a folder with a slash", "s3://one/k/a=1", "-r s3://one/k/ d", "d/a=1", ""},
		{"across", "s3://one/k/a=1 s3://two/x/=", "-r s3://one/k s3://two/x", "s3://two/x/k/a=1", ""},
		{"inside", "s3://one/k/a=1", "-r s3://one/k s3://one/l", "s3://one/l/a=1", ""},
		{"a bucket into itself", "s3://one/k/a=1", "-r s3://one s3://one/l", "", "into itself"},
		{"an object onto itself", "s3://one/a=1", "s3://one/a s3://one", "", "the same file"},

		{"pattern", "a1=1 a2=2 b=3 d/=", "a* d", "d/a1=1 d/a2=2", ""},
		{"pattern that one file matches", "a1=1 b=3", "a* c", "c=1", ""},
		{"pattern that several match, to a missing name", "a1=1 a2=2", "a* c", "", "put a slash behind it"},
		{"pattern that nothing matches", "a=1", "x* c", "", "matches nothing"},
		{"file that is called like a pattern", "a*=1 ab=2", "a* c", "c=1", ""},
		{"pattern and dots", ".x=1 x=2 y=3 d/=", "*x d", "d/x=2", ""},
		{"pattern across folders", "d/a.c=1 d/e/b.c=2 d/e/x=3", "d/**/*.c f/", "f/a.c=1 f/b.c=2", ""},
		{"pattern in the middle", "d/1/a=1 d/2/b=2", "d/*/? f/", "f/a=1 f/b=2", ""},
		{"pattern of a folder without -r", "d1/a=1", "d? f/", "", "copy it with -r"},
		{"pattern with braces", "a=1 b=2 c=3", "{a,b} f/", "f/a=1 f/b=2", ""},
		{"pattern in a bucket", "s3://one/k/a.jpg=1 s3://one/k/b.png=2 s3://one/k/s/c.jpg=3", "s3://one/k/*.jpg f/", "f/a.jpg=1", ""},
		{"pattern across folders of a bucket", "s3://one/k/a.jpg=1 s3://one/k/s/c.jpg=3", "s3://one/**/*.jpg f/", "f/a.jpg=1 f/c.jpg=3", ""},
		{"pattern that is no pattern", "a=1", "x[ c", "", "not a pattern"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, action := range []steps.Action{steps.Copy, steps.Move} {
				w.fresh().TB = t
				for _, f := range strings.Fields(c.files) {
					name, text, _ := strings.Cut(f, "=")
					w.write(name, text)
				}
				before := w.files()
				args := strings.Fields(c.args)
				recursive := args[0] == r
				if recursive {
					args = args[1:]
				}
				spec := w.spec(action, args...)
				spec.Options.Recursive = recursive
				if action == steps.Move && strings.Contains(c.err, "copy it with -r") {
					continue
				}
				p, err := w.plan(spec)
				if c.err != "" {
					if err == nil && p.sum.Conflicts > 0 {
						err = fmt.Errorf("conflict: %s", p.sum.ConflictList[0].Why)
					}
					if err == nil || !strings.Contains(err.Error(), c.err) {
						t.Errorf("%s: got %v, want an error with %q", action, err, c.err)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", action, err)
				}
				if n := p.sum.Conflicts + p.sum.Denied; n > 0 {
					t.Fatalf("%s: got conflicts %v, refused %v", action, p.sum.ConflictList, p.sum.DeniedList)
				}
				w.run(p)
				got := w.files()
				for _, f := range strings.Fields(c.adds) {
					name, text, _ := strings.Cut(f, "=")
					if at, ok := got[name]; !ok || at != text {
						t.Errorf("%s: got %s, want %s in it", action, listing(got), f)
					}
					delete(got, name)
				}
				for name, text := range got {
					if _, was := before[name]; !was && !strings.HasSuffix(name, "/") {
						t.Errorf("%s: made %s=%s, which nobody asked for", action, name, text)
					}
				}
				if action == steps.Copy {
					for name := range before {
						if _, is := got[name]; !is && !strings.HasSuffix(name, "/") && !strings.Contains(c.adds, name+"=") {
							t.Errorf("cp removed %s", name)
						}
					}
				} else if was, is := countFiles(before), countFiles(w.files()); was != is {
					t.Errorf("mv made %d files of %d: got %s", is, was, listing(w.files()))
				}
			}
		})
	}
}

func TestConflictErrorTells(t *testing.T) {
	w := newWorld(t)
	w.write("a", "1")
	_, err := w.plan(w.spec(steps.Copy, "a", "a"))
	conflict := new(plan.ConflictError)
	if !errors.As(err, &conflict) || len(conflict.List) != 1 || !strings.Contains(err.Error(), "/a: they are the same file") {
		t.Errorf("got %v, want a ConflictError about the file", err)
	}
}

func countFiles(files map[string]string) (n int) {
	for name := range files {
		if !strings.HasSuffix(name, "/") {
			n++
		}
	}
	return n
}
