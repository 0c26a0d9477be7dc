package backendtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"sd/backends"
)

// modelTests do random things to a store and to a map, and compare the two.
var modelTests = []test{
	{"RandomOperations", func(b backends.Backend) bool {
		return offers[backends.Putter](b) && offers[backends.Remover](b)
	}, func(s *store) {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 0))
		defer func() {
			if s.Failed() {
				s.Logf("seed of the random operations: %d", seed)
			}
		}()
		model := map[string]string{}
		name := func() string {
			return fmt.Sprintf("d%d/e%d/f%d", rng.IntN(2), rng.IntN(3), rng.IntN(3))
		}
		for i := range 200 {
			at := name()
			switch rng.IntN(5) {
			case 0, 1:
				model[at] = fmt.Sprintf("content %d", i)
				s.seed(at, model[at])
			case 2:
				if _, ok := model[at]; ok {
					if err := s.remove(at, backends.Cond{}); err != nil {
						s.Fatalf("Remove(%q): %v", at, err)
					}
					delete(model, at)
				}
			case 3:
				content, ok := model[at]
				if to := name(); ok && to != at && offers[backends.Copier](s.Backend) {
					if _, err := s.copy(to, at, backends.Cond{}); err != nil {
						s.Fatalf("Copy(%q, %q): %v", to, at, err)
					}
					model[to] = content
				}
			case 4:
				content, ok := model[at]
				if to := name(); ok && offers[backends.Renamer](s.Backend) {
					s.mustRename(at, to)
					delete(model, at)
					model[to] = content
				}
			}
			if i%20 == 19 {
				s.wantTree(model)
			}
		}
	}},
}

// wantTree compares all files of the store with want. Directories that hold no
// file may be there or not.
func (s *store) wantTree(want map[string]string) {
	s.Helper()
	got := map[string]string{}
	s.collect("", got)
	if !maps.Equal(got, want) {
		s.Fatalf("the store holds %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func (s *store) collect(dir string, files map[string]string) {
	s.Helper()
	for _, e := range s.list(dir) {
		name := strings.TrimPrefix(dir+"/"+e.Name, "/")
		if e.Kind == backends.Dir {
			s.collect(name, files)
		} else {
			files[name], _ = s.get(name, "", 0, -1)
		}
	}
}
