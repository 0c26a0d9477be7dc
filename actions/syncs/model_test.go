//go:build linux

package syncs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"sd/actions"
	"sd/actions/steps"
	"sd/actions/syncs"
)

// model does what users do on two sides, and knows which texts nobody has deleted or
// overwritten: those must not get lost.
type model struct {
	*world
	rng   *rand.Rand
	sides [2]side
	alive map[string]bool
	texts int
	log   []string
}

func (m *model) note(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }

// name is one of few names, so that the same are met again and again.
func (m *model) name() string {
	depth, name := 1+m.rng.IntN(3), ""
	for range depth {
		name += "/" + []string{"a", "b", "a b", "a-", "b.c", "ä", "%%"}[m.rng.IntN(7)]
	}
	return name[1:]
}

// kill forgets the texts at name and below it.
func (m *model) kill(tree map[string]string, name string) {
	for at, text := range tree {
		if at == name || strings.HasPrefix(at, name+"/") {
			delete(m.alive, text)
		}
	}
}

// fits tells whether a file or folder can have the name: no file is above it.
func fits(tree map[string]string, name string) bool {
	for dir := range parents(name) {
		if _, file := tree[dir]; file {
			return false
		}
	}
	return true
}

func parents(name string) map[string]bool {
	list := map[string]bool{}
	for at := strings.LastIndexByte(name, '/'); at > 0; at = strings.LastIndexByte(name[:at], '/') {
		list[name[:at]] = true
	}
	return list
}

// edit changes one thing on one side.
func (m *model) edit(i int) {
	s := m.sides[i]
	tree := s.tree(m.world)
	names := slices.Sorted(maps.Keys(tree))
	pick := func() string { return strings.TrimSuffix(names[m.rng.IntN(len(names))], "/") }
	switch op := m.rng.IntN(10); {
	case op < 5 || len(names) == 0: // a file, new or another
		name := m.name()
		if len(names) > 0 && m.rng.IntN(3) == 0 {
			name = pick()
		}
		if _, dir := tree[name+"/"]; dir || !fits(tree, name) {
			return
		}
		m.kill(tree, name)
		m.texts++
		text := fmt.Sprintf("text %d %s", m.texts, strings.Repeat("x", m.rng.IntN(200)))
		m.alive[text] = true
		m.note("%d write %q %d", i, name, m.texts)
		s.write(m.world, name, text)
	case op < 7:
		name := pick()
		m.kill(tree, name)
		m.note("%d remove %q", i, name)
		s.remove(m.world, name)
	case op < 9:
		old, new := pick(), m.name()
		_, dir := tree[new+"/"]
		_, file := tree[new]
		if dir || file || !fits(tree, new) || strings.HasPrefix(new+"/", old+"/") {
			return
		}
		m.note("%d rename %q %q", i, old, new)
		s.rename(m.world, old, new)
	default:
		name := m.name()
		if _, file := tree[name]; file || !fits(tree, name) {
			return
		}
		m.note("%d mkdir %q", i, name)
		s.mkdir(m.world, name)
	}
}

// run syncs, and now and then ends the run at some step; then the job is resumed, or canceled.
func (m *model) run(s steps.Spec) {
	m.Helper()
	s.Options.Found = syncs.NewFound()
	e := actions.New(actions.Config{Library: m.lib, Resolver: m.resolver})
	defer e.Close()
	d, err := e.Plan(context.Background(), s, nil)
	m.must(err)
	defer d.Discard()
	if d.Summary().Steps == 0 {
		return
	}
	job, err := d.Commit(context.Background(), false)
	m.must(err)
	for {
		ctx, cancel := context.WithCancel(context.Background())
		var left atomic.Int64
		left.Store(1 << 40)
		if m.rng.IntN(2) == 0 {
			left.Store(m.rng.Int64N(12))
		}
		m.before = func(op, name string) error {
			if left.Add(-1) == 0 {
				cancel()
			}
			return nil
		}
		_, err = e.Run(ctx, job, nil)
		m.before = nil
		cut := ctx.Err() != nil
		cancel()
		var part *actions.PartError
		if err == nil || errors.As(err, &part) {
			return // what was not done is to be done by the next sync
		}
		if !cut {
			m.Fatal(err)
		}
		if m.rng.IntN(2) == 0 {
			m.note("cancel job %d", job.ID)
			m.must(e.Cancel(context.Background(), job.ID))
			return
		}
		m.note("resume job %d", job.ID)
	}
}

// check looks that the sides are in step, and that no text was lost.
func (m *model) check(s steps.Spec) {
	m.Helper()
	have := map[string]bool{}
	for _, text := range m.sides[1].tree(m.world) {
		have[text] = true
	}
	for text := range m.alive {
		if !have[text] {
			m.Errorf("%q is lost", short(text))
		}
	}
	m.inStep(s, m.sides[0], m.sides[1])
}

func newModel(t *testing.T, seed uint64, local bool) *model {
	w := newWorld(t)
	m := &model{world: w, rng: rand.New(rand.NewPCG(seed, 1)), alive: map[string]bool{}}
	m.sides = [2]side{folder(w.dir + "/a"), prefix("p")}
	if local {
		m.sides[1] = folder(w.dir + "/b")
	}
	m.sides[0].mkdir(w, "")
	return m
}

// Whatever two people do on the two sides, and wherever a run is cut off: in the end both have the
// same, and nothing that nobody deleted is gone.
func TestBidirectionalModel(t *testing.T) {
	for seed := range uint64(*modelSeeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := newModel(t, seed, seed%3 == 0)
			s := spec(steps.Bidirectional, m.sides[0], m.sides[1])
			s.Options.MaxDelete = "none"
			for round := 0; round < *modelRounds && !t.Failed(); round++ {
				m.note("round %d", round)
				for range m.rng.IntN(8) {
					m.edit(m.rng.IntN(2))
				}
				m.run(s)
				if m.rng.IntN(3) > 0 {
					continue // people go on, whatever state that was
				}
				for range 4 {
					m.run(s)
				}
				m.mustSync(s)
				m.mustSync(s)
				m.check(s)
			}
			if t.Failed() {
				t.Logf("%s", strings.Join(m.log, "\n"))
			}
		})
	}
}

// A mirror ends as its source, whatever was there.
func TestMirrorModel(t *testing.T) {
	for seed := range uint64(*modelSeeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := newModel(t, 1000+seed, seed%3 == 0)
			s := spec(steps.Mirror, m.sides[0], m.sides[1])
			s.Options.MaxDelete = "none"
			for round := 0; round < *modelRounds && !t.Failed(); round++ {
				m.note("round %d", round)
				for range 1 + m.rng.IntN(8) {
					m.edit(min(m.rng.IntN(4), 1) ^ 1) // mostly the source
				}
				before := m.sides[0].tree(m.world)
				m.run(s)
				m.mustSync(s)
				m.mustSync(s)
				m.inStep(s, m.sides[0], m.sides[1])
				if !maps.Equal(before, m.sides[0].tree(m.world)) {
					t.Error("the source was changed")
				}
			}
			if t.Failed() {
				t.Logf("%s", strings.Join(m.log, "\n"))
			}
		})
	}
}
