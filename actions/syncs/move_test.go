//go:build linux

package syncs_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sd/actions/steps"
	"sd/library"
	"sd/sdpath"
)

func TestArchive(t *testing.T) {
	pairs(t, func(t *testing.T, w *world, a, b side) {
		s := spec(steps.Archive, a, b)
		a.write(w, "d/one", "1")
		a.write(w, "two", "22")
		a.write(w, "taken", "here")
		b.write(w, "taken", "there")
		b.write(w, "old", "of an earlier time")
		sum := w.mustSync(s)
		if sum.Conflicts != 1 || sum.Deletes.Files != 2 {
			t.Errorf("got %+v, want 2 moved and 1 in the way", sum)
		}
		if got := a.tree(w); got["taken"] != "here" || len(got) > 2 || len(got) == 2 && got["d/"] != "" {
			t.Errorf("got %v left, want what was in the way, and folders", got)
		}
		got := b.tree(w)
		if got["d/one"] != "1" || got["two"] != "22" || got["taken"] != "there" || got["old"] == "" {
			t.Errorf("got %v in the archive", got)
		}
		s.Options.Overwrite = steps.Always
		w.mustSync(s)
		if got := b.tree(w); got["taken"] != "here" {
			t.Errorf("got %q, want what replaces it", got["taken"])
		}
		// What is in the archive and not in the source was not deleted there.
		a.write(w, "new", "3")
		w.mustSync(spec(steps.Bidirectional, a, b))
		if got := a.tree(w); got["two"] != "22" || got["new"] != "3" {
			t.Errorf("got %v, want all that is archived", got)
		}
	})
}

// age makes a local file as old as that.
func (f folder) age(w *world, name string, days int) {
	w.Helper()
	at := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
	w.must(os.Chtimes(f.at(name), at, at))
}

func TestSelective(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), prefix("all")
	s := spec(steps.Selective, a, b)
	for name, days := range map[string]int{"old": 40, "d/old": 31, "d/pinned": 50, "recent": 2} {
		a.write(w, name, "text of "+name)
		a.age(w, name, days)
	}
	b.write(w, "only there", "there")
	place, path, err := w.resolver.Placed(sdpath.NewPhysical("local", a.at("d/pinned")))
	w.must(err)
	w.must(w.lib.AddPin(context.Background(), library.Pin{Place: place, Path: path}))
	here := func(want ...string) {
		t.Helper()
		got := a.tree(w)
		for name := range got {
			if strings.HasSuffix(name, "/") {
				delete(got, name)
			}
		}
		if len(got) != len(want) {
			t.Errorf("got %v here, want %v", got, want)
		}
		for _, name := range want {
			if _, ok := got[name]; !ok {
				t.Errorf("got %v here, want %q", got, name)
			}
		}
		all := b.tree(w)
		for _, name := range []string{"old", "d/old", "d/pinned", "recent", "only there"} {
			if _, ok := all[name]; !ok {
				t.Errorf("got %v in the store, want %q", all, name)
			}
		}
	}
	quiet := func() {
		t.Helper()
		if sum, list, err := w.plan(s); err != nil || sum.Steps > 0 {
			t.Errorf("got %+v, error %v, want nothing to do", list, err)
		}
	}
	w.mustSync(s)
	here("recent", "d/pinned")
	quiet()

	// A pin of what is only in the store brings it back; so does one by pattern.
	place, path, err = w.resolver.Placed(sdpath.Cloud{Service: sdpath.S3, Identifier: "bucket", Path: "all/o*"})
	w.must(err)
	glob := library.Pin{Place: place, Path: path, Glob: true}
	w.must(w.lib.AddPin(context.Background(), glob))
	w.mustSync(s)
	here("recent", "d/pinned", "old", "only there")
	quiet()
	w.must(w.lib.RemovePin(context.Background(), glob))
	w.mustSync(s)
	here("recent", "d/pinned", "only there") // that one was written today

	// What changes in the store comes to a file that is here, and both versions are kept of
	// one that was changed twice.
	b.write(w, "recent", "changed there")
	w.mustSync(s)
	if got := a.tree(w)["recent"]; got != "changed there" {
		t.Errorf("got %q, want what was changed in the store", got)
	}
	b.write(w, "d/pinned", "changed in the store")
	a.write(w, "d/pinned", "changed here as well")
	w.mustSync(s)
	texts := fmt.Sprint(a.tree(w))
	if !strings.Contains(texts, "changed in the store") || !strings.Contains(texts, "changed here as well") {
		t.Errorf("got %s, want both versions", texts)
	}
	// What is deleted in the store and still here is stored again.
	b.remove(w, "recent")
	w.mustSync(s)
	if got := b.tree(w)["recent"]; got != "changed there" {
		t.Errorf("got %q, want it stored again", got)
	}
}

func TestSelectiveMaxLocal(t *testing.T) {
	w := newWorld(t)
	a, b := folder(w.dir+"/a"), prefix("all")
	s := spec(steps.Selective, a, b)
	for i := range 10 {
		name := fmt.Sprint("f", i)
		a.write(w, name, strings.Repeat("x", 100))
		a.age(w, name, i)
	}
	s.Options.MaxLocal = 350
	w.mustSync(s)
	if got := a.tree(w); len(got) != 3 || got["f0"] == "" || got["f1"] == "" || got["f2"] == "" {
		t.Errorf("got %v here, want the 3 that were changed last", got)
	}
	if got := b.tree(w); len(got) != 10 {
		t.Errorf("got %d files in the store, want 10", len(got))
	}
	// A file of which nothing proves that the store has it stays.
	w.sums = false
	a.write(w, "big", strings.Repeat("y", 9<<20))
	a.age(w, "big", 100)
	info, err := os.Stat(a.at("big"))
	w.must(err)
	b.write(w, "big", strings.Repeat("z", 9<<20))
	_ = info
	w.mustSync(s)
	if got := a.tree(w)["big"]; !strings.HasPrefix(got, "yyy") {
		t.Errorf("got %q: a file was removed that the store does not have", short(got))
	}
}
