package guardian

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sd/backends"
	"sd/library"
	"sd/library/catalog"
)

// plans are what a plan removes of each group, which stays first, and what it leaves out.
func (w *world) plans(q DuplicateQuery, keep Keep) (list [][2][]string, all []Resolution) {
	w.t.Helper()
	_, err := w.g.Resolve(w.t.Context(), q, keep, func(r Resolution) error {
		all = append(all, r)
		if len(r.Remove) > 0 {
			list = append(list, [2][]string{w.names(r.Keep[0].Names[0]), w.instances(r.Remove)})
		}
		return nil
	})
	w.must(err)
	return list, all
}

// free asks for nothing, so that the rule alone decides.
func (w *world) free() {
	w.t.Helper()
	w.policy(library.Policy{Place: w.here, Copies: 1})
}

func TestKeepRules(t *testing.T) {
	w := newWorld(t)
	w.free()
	w.write("m/middle", "same", 10)
	w.write("z", "same", 20)
	w.write("a/very/long/path", "same", 30)
	w.write("b/oldest", "same", 5)
	w.scan(all)
	for _, tt := range []struct {
		keep Keep
		want string
	}{
		{Keep{Rule: KeepOldest}, "b/oldest"},
		{Keep{Rule: KeepNewest}, "a/very/long/path"},
		{Keep{Rule: KeepShortest}, "z"},
		{Keep{Rule: KeepFirst}, "a/very/long/path"},
		{Keep{Rule: KeepIn, In: w.scope("m")}, "m/middle"},
	} {
		got, _ := w.plans(DuplicateQuery{}, tt.keep)
		rest := slices.DeleteFunc([]string{"a/very/long/path", "b/oldest", "m/middle", "z"}, func(s string) bool { return s == tt.want })
		want(t, "plan to keep the "+string(tt.keep.Rule), got, [][2][]string{{{tt.want}, rest}})
	}
	got, all := w.plans(DuplicateQuery{}, Keep{Rule: KeepIn, In: w.scope("nowhere")})
	want(t, "plan to keep what lies nowhere", got, nil)
	want(t, "copies that stay", len(all[0].Keep), 4)
}

func TestParseRule(t *testing.T) {
	for in, want := range map[string]string{
		"oldest": "oldest ", "shortest-path": "shortest-path ", "in:/a:b": "in /a:b", "in:": "", "in": "", "biggest": "", "": "",
	} {
		rule, path, err := ParseRule(in)
		got := string(rule) + " " + path
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
}

// What is not on its disk as it was identified is named, and neither counted on nor removed.
func TestPlanLooksAtTheDisk(t *testing.T) {
	w := newWorld(t)
	w.free()
	for i, name := range []string{"gone", "rewritten", "touched", "replaced", "good1", "good2"} {
		w.write(name, "same", i)
	}
	w.scan(all)
	w.must(os.Remove(filepath.Join(w.dir, "gone")))
	w.write("rewritten", "else", 1) // of the same size and time
	w.must(os.Chmod(filepath.Join(w.dir, "touched"), 0o600))
	w.must(os.Remove(filepath.Join(w.dir, "replaced")))
	w.must(os.Symlink("good1", filepath.Join(w.dir, "replaced")))

	got, all := w.plans(DuplicateQuery{}, Keep{Rule: KeepOldest})
	want(t, "plan", got, [][2][]string{{{"good1"}, {"good2"}}})
	var left []string
	for _, l := range all[0].LeftOut {
		left = append(left, w.names(l.Copy)[0])
		if l.Why == "" {
			t.Errorf("%s is left out without a reason", l.Path)
		}
	}
	want(t, "left out", left, []string{"gone", "replaced", "rewritten", "touched"})

	w.must(os.Remove(filepath.Join(w.dir, "good1")))
	got, _ = w.plans(DuplicateQuery{}, Keep{Rule: KeepOldest})
	want(t, "plan for the only copy", got, nil)
}

func TestPlanAndHardLinks(t *testing.T) {
	w := newWorld(t)
	w.free()
	w.write("keep", "same", 1)
	w.write("go", "same", 2)
	w.link("go", "go2")
	w.write("pinned", "same", 3)
	w.write("in/half", "same", 4)
	w.write("out/other", "other", 4)
	w.link("in/half", "out/half")
	w.scan(all)
	w.must(os.Link(filepath.Join(w.dir, "pinned"), filepath.Join(w.dir, "not indexed")))
	w.scanOnly("pinned") // the new name has changed its ctime

	got, all := w.plans(DuplicateQuery{Under: []Scope{w.scope("keep"), w.scope("go"), w.scope("go2"), w.scope("pinned"), w.scope("in")}}, Keep{Rule: KeepOldest})
	want(t, "plan", got, [][2][]string{{{"keep"}, {"go=go2"}}})
	var stay []string
	for _, k := range all[0].Keep {
		stay = append(stay, w.names(k.Names[0])[0]+": "+k.Why)
	}
	want(t, "what stays", stay, []string{
		"keep: the oldest",
		"pinned: 1 more of its names (hard links) are not indexed, so removing it would free nothing",
		"in/half: one of its names is outside of what was asked for",
	})
}

// Policies, and without one the default, keep what they ask for, if it is there.
func TestPlanHeedsPolicies(t *testing.T) {
	w := newWorld(t)
	w.write("a", "same", 1)
	w.write("b", "same", 2)
	w.write("photos/c", "same", 3)
	w.scan(all)
	box := w.bucket("box", nil)
	w.put("box", box, "d", "same")
	w.put("box", box, "e", "same")
	everything := func() []string {
		_, all := w.plans(DuplicateQuery{}, Keep{Rule: KeepOldest})
		return w.instances(all[0].Remove)
	}
	// Two devices have copies; one copy on each stays.
	want(t, "removed by default", everything(), []string{"b", "photos/c", "s3://box/e"})

	w.policy(library.Policy{Place: w.here, Path: w.path("photos"), Copies: 4})
	want(t, "removed with 4 copies", everything(), []string{"s3://box/e"})

	// What a policy asks for and never was there is no reason against it; what is there stays.
	w.policy(library.Policy{Place: w.here, Path: w.path("photos"), Copies: 9, Different: library.DifferentVolume})
	want(t, "removed with 9 volumes wanted", everything(), []string{"b", "photos/c", "s3://box/e"})

	w.policy(library.Policy{Place: w.here, Path: w.path("photos"), Copies: 1})
	want(t, "removed where one folder needs nothing", everything(), []string{"b", "photos/c", "s3://box/e"})
	w.policy(library.Policy{Place: w.here, Copies: 1})
	w.policy(library.Policy{Place: box, Copies: 1})
	want(t, "removed with no need", everything(), []string{"b", "photos/c", "s3://box/d", "s3://box/e"})
}

// Copies in volumes are asked for, and those of devices that are away never count.
func TestPlanAsksVolumes(t *testing.T) {
	w := newWorld(t)
	w.free()
	w.write("a", "same", 1)
	w.scan(all)
	box := w.bucket("box", nil)
	w.policy(library.Policy{Place: box, Copies: 1})
	w.put("box", box, "b", "same")
	w.put("box", box, "c", "same")
	desktop := w.device("desktop")
	w.away(desktop, "d", "same")
	w.must(w.stores["box"].Remove(t.Context(), "c", backends.Cond{}))
	keep := Keep{Rule: KeepIn, In: Scope{box, ""}}
	// The default policy of the desktop's file asks for two devices, which are here and the
	// bucket, since nobody knows whether the desktop still has it.
	got, all := w.plans(DuplicateQuery{}, keep)
	want(t, "plan", got, nil)
	want(t, "left out", len(all[0].LeftOut), 2)
	w.policy(library.Policy{Place: desktop, Copies: 1})
	got, _ = w.plans(DuplicateQuery{}, keep)
	want(t, "plan where the desktop needs nothing", got, [][2][]string{{{"s3://box/b"}, {"a"}}})
}

// Whatever is planned, a proven copy that is on its disk stays, the policies hold, and
// nothing goes that was not asked for.
func TestRandomPlans(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for round := range 8 {
		w := newWorld(t)
		box := w.bucket("box", nil)
		dirs := []string{"a", "b", "c/d"}
		for i := range 30 {
			content := fmt.Sprintf("content %d", random.IntN(6))
			name := fmt.Sprintf("%s/f%d", dirs[random.IntN(len(dirs))], i)
			if random.IntN(5) == 0 {
				w.put("box", box, name, content)
			} else {
				w.write(name, content, random.IntN(100))
				if random.IntN(4) == 0 {
					w.link(name, name+"-link")
				}
			}
		}
		w.scan(all)
		for _, dir := range dirs {
			if random.IntN(2) == 0 {
				w.policy(library.Policy{Place: w.here, Path: w.path(dir), Copies: 1 + random.IntN(3), Different: library.Difference(random.IntN(8))})
			}
		}
		entries, err := filepath.Glob(w.dir + "/*/*")
		w.must(err)
		for _, e := range entries {
			if random.IntN(10) == 0 {
				w.must(os.RemoveAll(e))
			}
		}
		q := DuplicateQuery{}
		if random.IntN(2) == 0 {
			q.Under = []Scope{w.scope(dirs[random.IntN(3)]), w.scope(dirs[random.IntN(3)])}
		}
		rules := []Rule{KeepOldest, KeepNewest, KeepShortest, KeepFirst, KeepIn}
		_, plans := w.plans(q, Keep{Rule: rules[random.IntN(5)], In: w.scope(dirs[random.IntN(3)])})
		for _, r := range plans {
			w.checkPlan(round, q, r)
		}
	}
}

func (w *world) checkPlan(round int, q DuplicateQuery, r Resolution) {
	w.t.Helper()
	a, err := w.g.atlas(w.t.Context())
	w.must(err)
	list, err := w.lib.Policies(w.t.Context())
	w.must(err)
	policies := newPolicies(list)
	removed := map[string]bool{}
	for _, i := range r.Remove {
		for _, n := range i.Names {
			removed[string(n.Place)+n.Path] = true
			if !holds(q.Under, n.Place, n.Path) {
				w.t.Errorf("round %d: %s goes, which is out of scope", round, n.Path)
			}
		}
	}
	copies, err := w.lib.Catalog().Copies(w.t.Context(), r.Content.Key)
	w.must(err)
	check, err := w.g.checker(w.t.Context())
	w.must(err)
	var there, stays []catalog.Copy
	for _, c := range copies {
		if _, err := check.check(w.t.Context(), &c); err != nil {
			if removed[string(c.Place)+c.Path] {
				w.t.Errorf("round %d: %s goes, which is not there", round, c.Path)
			}
			continue
		}
		there = append(there, c)
		if !removed[string(c.Place)+c.Path] {
			stays = append(stays, c)
		}
	}
	count := func(copies []catalog.Copy) *census {
		var c census
		for _, i := range newGatherer(a).gather(copies) {
			c.add(i.Site, 1)
		}
		return &c
	}
	before, after := count(there), count(stays)
	if len(there) > 0 && len(stays) == 0 {
		w.t.Errorf("round %d: no copy of %s stays", round, r.Content.ID())
	}
	for _, c := range there {
		p := policies.of(c.Place, c.Path)
		if met(p, before) && !met(p, after) {
			w.t.Errorf("round %d: the plan breaks the policy of %s for %q", round, Describe(*p), strings.Join(w.names(c), ""))
		}
	}
}
