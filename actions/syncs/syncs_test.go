//go:build linux

package syncs_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"sd/actions/steps"
	"sd/actions/syncs"
)

// pairs are the kinds of pairs that each mode is tried on.
func pairs(t *testing.T, fn func(t *testing.T, w *world, a, b side)) {
	for _, tt := range []struct {
		name string
		make func(w *world) (a, b side)
	}{
		{"local to local", func(w *world) (a, b side) { return folder(w.dir + "/a"), folder(w.dir + "/b") }},
		{"local to volume", func(w *world) (a, b side) { return folder(w.dir + "/a"), prefix("some/where") }},
		{"volume to local", func(w *world) (a, b side) { return prefix(""), folder(w.dir + "/b") }},
		{"volume to volume", func(w *world) (a, b side) { return prefix("from"), prefix("to") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a, b := tt.make(w)
			fn(t, w, a, b)
		})
	}
}

func TestMirror(t *testing.T) {
	pairs(t, func(t *testing.T, w *world, a, b side) {
		s := spec(steps.Mirror, a, b)
		for i := range 20 {
			a.write(w, fmt.Sprintf("d%d/f%d", i%3, i), fmt.Sprint("text ", i))
		}
		a.write(w, "d1.txt", "beside a folder")
		a.mkdir(w, "empty")
		sum := w.mustSync(s)
		if sum.Total.Files != 21 || sum.Deletes.Files != 0 {
			t.Errorf("got %+v, want 21 files copied", sum)
		}
		w.inStep(s, a, b)

		a.write(w, "d1/f1", "changed")
		a.remove(w, "d2")
		a.write(w, "d2", "a file by now")
		a.remove(w, "d1.txt")
		a.write(w, "d1.txt/in", "a folder by now")
		a.write(w, "new", "")
		b.write(w, "d0/f0", "changed by somebody else, who has no say")
		b.write(w, "extra/x", "nor has he here")
		sum = w.mustSync(s)
		if sum.Deletes.Files != 8 || sum.Replaces.Files != 2 {
			t.Errorf("got %d removed, %d replaced, want 8 and 2", sum.Deletes.Files, sum.Replaces.Files)
		}
		w.inStep(s, a, b)
	})
}

func TestMirrorGuards(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), prefix("to")
	s := spec(steps.Mirror, a, b)
	if _, err := w.sync(s); err == nil {
		t.Error("a folder that is not there was mirrored")
	}
	for i := range 100 {
		a.write(w, fmt.Sprint("f", i), fmt.Sprint(i))
	}
	w.mustSync(s)
	for i := range 26 {
		a.remove(w, fmt.Sprint("f", i))
	}
	_, err := w.sync(s)
	var most *syncs.MaxDeleteError
	if !errors.As(err, &most) || most.Deletes != 26 || most.Max != 25 || most.Files != 100 {
		t.Errorf("got %v, want that 26 of 100 are too many", err)
	}
	for rule, fits := range map[string]bool{"25": false, "26": true, "26%": true, "0": false, "none": true, "x": false, "101%": false} {
		s.Options.MaxDelete = rule
		if _, _, err := w.plan(s); (err == nil) != fits {
			t.Errorf("--max-delete %s: got %v", rule, err)
		}
	}
	s.Options.MaxDelete = "26"
	w.mustSync(s)
	w.inStep(s, a, b)

	a.remove(w, "")
	a.mkdir(w, "")
	s.Options.MaxDelete = "99%"
	_, err = w.sync(s)
	var empty *syncs.EmptyError
	if !errors.As(err, &empty) || empty.Files != 74 {
		t.Errorf("got %v, want that the source is empty and was not", err)
	}
	s.Options.MaxDelete = "100%"
	w.mustSync(s)
	if got := b.tree(w); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
}

func TestBidirectional(t *testing.T) {
	pairs(t, func(t *testing.T, w *world, a, b side) {
		s := spec(steps.Bidirectional, a, b)
		a.write(w, "x/a", "a")
		a.write(w, "both", "from a")
		b.write(w, "both", "from b!")
		b.write(w, "x/b", "b")
		b.write(w, "y/c", "c")
		w.mustSync(s)
		w.inStep(s, a, b)
		kept := 0
		for name, text := range a.tree(w) {
			if strings.HasPrefix(name, "both") && (text == "from a" || text == "from b!") {
				kept++
			}
		}
		if kept != 2 {
			t.Errorf("got %v, want both versions of \"both\"", a.tree(w))
		}

		a.write(w, "x/a", "a2")    // changed here
		b.write(w, "x/b", "b2")    // changed there
		b.remove(w, "y")           // deleted there
		a.write(w, "n/new", "new") // new here
		w.mustSync(s)
		w.inStep(s, a, b)
		tree := a.tree(w)
		for name, want := range map[string]string{"x/a": "a2", "x/b": "b2", "y/c": "", "n/new": "new"} {
			if tree[name] != want {
				t.Errorf("%s: got %q, want %q", name, tree[name], want)
			}
		}

		a.remove(w, "x/a") // a change weighs more
		b.write(w, "x/a", "a3")
		a.write(w, "x/b", "b3 of a") // conflict
		b.write(w, "x/b", "b3 of b, longer")
		a.remove(w, "n")
		b.remove(w, "n") // on both
		sum := w.mustSync(s)
		w.inStep(s, a, b)
		tree = b.tree(w)
		if tree["x/a"] != "a3" || len(sum.ConflictList) != 1 || sum.Conflicts != 0 {
			t.Errorf("got %v and %+v", tree, sum)
		}
		all := ""
		for _, text := range tree {
			all += text + "\n"
		}
		for _, want := range []string{"b3 of a\n", "b3 of b, longer\n"} {
			if !strings.Contains(all, want) {
				t.Errorf("%q is lost: %v", want, tree)
			}
		}
	})
}

// The order in which the two sides are named does not matter.
func TestBidirectionalTurned(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), prefix("to")
	a.write(w, "gone", "1")
	a.write(w, "stays", "2")
	w.mustSync(spec(steps.Bidirectional, a, b))
	a.remove(w, "gone")
	w.mustSync(spec(steps.Bidirectional, b, a))
	w.inStep(spec(steps.Bidirectional, a, b), a, b)
	if got := b.tree(w); len(got) != 1 {
		t.Errorf("got %v, want that the deletion was seen", got)
	}
}

// A file against a folder of the same name: both are kept.
func TestKindsClash(t *testing.T) {
	pairs(t, func(t *testing.T, w *world, a, b side) {
		if _, ok := a.(prefix); ok {
			if _, ok := b.(prefix); ok {
				return // a bucket can have both
			}
		}
		s := spec(steps.Bidirectional, a, b)
		a.write(w, "n", "a file")
		b.write(w, "n/in", "in a folder")
		a.write(w, "m/in", "in a folder")
		b.write(w, "m", "a file")
		b.write(w, "m.x", "between")
		w.mustSync(s)
		w.inStep(s, a, b)
		tree := a.tree(w)
		if tree["n/in"] != "in a folder" || tree["m/in"] != "in a folder" || tree["m.x"] != "between" || len(tree) != 7 {
			t.Errorf("got %v, want the folders and the files beside them", tree)
		}
	})
}

// A file that got another name on one side is not sent again.
func TestRenames(t *testing.T) {
	pairs(t, func(t *testing.T, w *world, a, b side) {
		w.sums = true
		for _, mode := range []steps.SyncMode{steps.Mirror, steps.Bidirectional} {
			s := spec(mode, a, b)
			old, now := fmt.Sprint("old-", mode), fmt.Sprint("new-", mode, "/name")
			a.write(w, old, strings.Repeat("long ", 1000)+string(mode))
			w.mustSync(s)
			w.mustSync(s) // now it is known which file it is on the other side
			a.rename(w, old, now)
			sum := w.mustSync(s)
			if sum.Through != 0 || sum.Deletes.Files != 0 {
				t.Errorf("%s: got %+v, want a rename", mode, sum)
			}
			w.inStep(s, a, b)
		}
	})
}

// A sync of what has not changed asks for lists alone, each page of them once, and reads
// nothing.
func TestUnchanged(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), prefix("to")
	s := spec(steps.Mirror, a, b)
	const files, page = 1200, 100
	for i := range files {
		a.write(w, fmt.Sprintf("d%d/f%04d", i%7, i), fmt.Sprint(i))
	}
	w.mustSync(s)
	var mu sync.Mutex
	asked := map[string]int{}
	w.before = func(op, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		asked[op]++
		return nil
	}
	sum := w.mustSync(s)
	if sum.Steps != 0 || sum.Same.Files != files || sum.Proven.Files != files {
		t.Errorf("got %+v, want that all is there and proven", sum)
	}
	lists := asked["LIST"]
	if delete(asked, "LIST"); len(asked) > 0 || lists > files/page+8 {
		t.Errorf("got %d lists and %v, want no more than %d lists", lists, asked, files/page+8)
	}
}
