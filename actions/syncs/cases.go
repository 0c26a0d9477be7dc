package syncs

import (
	"context"
	"hash/maphash"
	"strings"

	"sd/actions/compare"
	"sd/actions/stores"
	"sd/backends"
)

// cases knows the names that a side takes for one, since it does not tell apart names that differ
// in case alone. It keeps no names, only hashes: there may be millions.
type cases struct {
	fold  func(string) string
	uri   string // of the side
	seed  maphash.Seed
	exact map[uint64]uint64 // the name, by what it is folded to
	clash map[uint64]bool   // several names are folded to it
}

// folder is how a side folds names, nil if it does not.
func (s *side) folder() func(string) string {
	if v, ok := s.store.(*stores.Volume); ok {
		if f, ok := v.Backend().(backends.CaseFolder); ok {
			return f.Fold
		}
	}
	return nil
}

// openCases lists both sides, where one folds, to know all such names before the first is decided
// about.
func (p *planner) openCases(ctx context.Context) error {
	for i := range p.sides {
		fold := p.sides[i].folder()
		if fold == nil {
			continue
		}
		p.cases = &cases{
			fold: fold, uri: p.sides[i].uri(""), seed: maphash.MakeSeed(), exact: map[uint64]uint64{}, clash: map[uint64]bool{},
		}
		break
	}
	if p.cases == nil {
		return nil
	}
	left, right := p.walk(0), p.walk(1)
	for _, side := range []*compare.Side{&left, &right} {
		side.Walk.Problem = func(name string, err error) error { return nil } // told when it is listed again
	}
	return compare.Merge(ctx, left, right, func(rel string, x, y *stores.Entry) error {
		p.cases.note(rel)
		return nil
	})
}

func (c *cases) note(rel string) {
	key, name := maphash.String(c.seed, c.fold(rel)), maphash.String(c.seed, rel)
	if was, ok := c.exact[key]; ok && was != name {
		c.clash[key] = true
	}
	c.exact[key] = name
}

// oneOfSeveral tells whether there is another name that differs from rel, or from a folder that
// it lies in, in case alone.
func (c *cases) oneOfSeveral(rel string) bool {
	if c == nil || len(c.clash) == 0 {
		return false
	}
	for at := 0; at < len(rel); {
		next := strings.IndexByte(rel[at:], '/')
		if next < 0 {
			break
		}
		at += next
		if c.clash[maphash.String(c.seed, c.fold(rel[:at]))] {
			return true
		}
		at++
	}
	return c.clash[maphash.String(c.seed, c.fold(rel))]
}
