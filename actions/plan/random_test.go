package plan_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sd/actions/steps"
)

// thing is a file of the model. Files of one size and time have the same bytes.
type thing struct {
	size int
	at   int // seconds
}

func (f thing) text() string { return strings.Repeat(string(rune('a'+f.at)), f.size) }

// randomTree has files and empty folders; names with a slash behind are folders.
func randomTree(r *rand.Rand) map[string]thing {
	tree := map[string]thing{}
	names := []string{"a", "b", "a-", "a.b", "c"}
	for range r.IntN(14) {
		segments := make([]string, 1+r.IntN(3))
		for i := range segments {
			segments[i] = names[r.IntN(len(names))]
		}
		name := path.Join(segments...)
		if r.IntN(6) == 0 {
			name += "/"
		}
		if !blocked(tree, name) && !isFolder(tree, strings.TrimSuffix(name, "/")) {
			tree[name] = thing{r.IntN(3), r.IntN(3)}
		}
	}
	maps.DeleteFunc(tree, func(name string, _ thing) bool {
		rel := strings.TrimSuffix(name, "/")
		return rel != name && slices.ContainsFunc(slices.Collect(maps.Keys(tree)), func(other string) bool {
			return other != name && strings.HasPrefix(other, name)
		})
	})
	return tree
}

// blocked tells whether a file is where a folder of name would be, or name itself.
func blocked(tree map[string]thing, name string) bool {
	name = strings.TrimSuffix(name, "/")
	for ; name != "."; name = path.Dir(name) {
		if _, is := tree[name]; is {
			return true
		}
	}
	return false
}

func isFolder(tree map[string]thing, name string) bool {
	for other := range tree {
		if strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

// model does what cp -r FROM/ TO is to do, to maps. It tells how many conflicts there are.
func model(from, to map[string]thing, rule steps.Overwrite) (result map[string]thing, conflicts int) {
	result = maps.Clone(to)
	clashes := map[string]bool{}
	for name, f := range from {
		rel := strings.TrimSuffix(name, "/")
		clash := ""
		for dir := path.Dir(rel); dir != "."; dir = path.Dir(dir) {
			if _, is := to[dir]; is {
				clash = dir
			}
		}
		if _, is := to[rel]; is && rel != name {
			clash = rel
		}
		old, there := to[name]
		switch {
		case clash != "":
			clashes[clash] = true
		case rel != name:
			if !isFolder(to, rel) {
				result[name] = thing{}
			}
		case isFolder(to, name):
			conflicts++
		case !there:
			result[name] = f
		case old == f || old.size == 0 && f.size == 0:
			if rule == steps.Always && old.size > 0 {
				result[name] = f
			}
		case rule == steps.Always, rule == steps.Changed, rule == steps.Newer && f.at > old.at:
			result[name] = f
		case rule == steps.Refuse:
			conflicts++
		}
	}
	for name := range result { // a folder in which something lies by now
		if rel := strings.TrimSuffix(name, "/"); rel != name {
			delete(result, name)
			if !isFolder(result, rel) {
				result[name] = thing{}
			}
		}
	}
	return result, conflicts + len(clashes)
}

func (w *world) makeTree(at string, tree map[string]thing) {
	w.Helper()
	w.write(at+"/", "")
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		f := tree[name]
		when := time.Unix(1_700_000_000+int64(f.at), 0)
		if rest, ok := strings.CutPrefix(at, "s3://"); ok && !strings.HasSuffix(name, "/") {
			bucket, dir, _ := strings.Cut(rest, "/")
			w.put(bucket, dir+"/"+name, f.text(), when)
			continue
		}
		w.write(at+"/"+name, f.text())
		if !strings.HasPrefix(at, "s3://") {
			w.must(os.Chtimes(filepath.Join(w.dir, at, name), when, when))
		}
	}
}

// tree reads back what makeTree has made.
func (w *world) tree(at string) map[string]string {
	w.Helper()
	found := map[string]string{}
	for name, text := range w.files() {
		if rel, ok := strings.CutPrefix(name, at+"/"); ok && rel != "" {
			found[rel] = text
		}
	}
	return found
}

func texts(tree map[string]thing) map[string]string {
	found := map[string]string{}
	for name, f := range tree {
		if found[name] = f.text(); strings.HasSuffix(name, "/") {
			found[name] = ""
		}
	}
	return found
}

// TestCopyIsAsInTheModel copies random trees into each other.
func TestCopyIsAsInTheModel(t *testing.T) {
	w := newWorld(t)
	rules := []steps.Overwrite{steps.Refuse, steps.Never, steps.Newer, steps.Changed, steps.Always}
	places := []string{"from", "s3://one/from", "to", "s3://one/to", "s3://two/to"}
	top := w.dir
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		w.dir = filepath.Join(top, fmt.Sprint(seed))
		w.must(os.Mkdir(w.dir, 0o755))
		w.fresh()
		from, to := randomTree(r), randomTree(r)
		at, there, rule := places[r.IntN(2)], places[2+r.IntN(3)], rules[r.IntN(len(rules))]
		w.makeTree(at, from)
		w.makeTree(there, to)
		move := r.IntN(4) == 0
		action := steps.Copy
		if move {
			action, rule = steps.Move, steps.Changed
			for name, f := range to { // what looks the same is not believed by a move
				if g, both := from[name]; both && g == f && f.size > 0 {
					delete(from, name)
					to[name] = f
				}
			}
			w.fresh()
			w.makeTree(at, from)
			w.makeTree(there, to)
		}
		spec := w.spec(action, at+"/", there+"/")
		spec.Options.Recursive, spec.Options.Overwrite = true, rule
		p, err := w.plan(spec)
		w.must(err)
		want, conflicts := model(from, to, rule)
		w.run(p)
		got := w.tree(there)
		story := fmt.Sprintf("seed %d, %s %s to %s, --overwrite %q\nfrom %v\nto   %v", seed, action, at, there, rule, from, to)
		if p.sum.Conflicts != int64(conflicts) {
			t.Fatalf("%s\ngot %d conflicts %v, want %d", story, p.sum.Conflicts, p.sum.ConflictList, conflicts)
		}
		if listing(got) != listing(texts(want)) {
			t.Fatalf("%s\nsteps %q\ngot  %s\nwant %s", story, w.text(p), listing(got), listing(texts(want)))
		}
		if !move {
			if left := w.tree(at); listing(left) != listing(texts(from)) {
				t.Fatalf("%s\nthe source is %s", story, listing(left))
			}
		} else if left := countFiles(w.tree(at)); left > 0 && conflicts == 0 {
			t.Fatalf("%s\nsteps %q\n%d files are left of the source", story, w.text(p), left)
		}
	}
}
