package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// meta is a folder that was made, and gets its attributes when all is in it.
type meta struct {
	from, to steps.Ref
	entry    attributes
}

type attributes struct {
	mode      uint32
	time      time.Time
	timeKnown bool
}

// addMetas adds the steps that give folders their attributes, those farthest down first: one
// above may then be closed to its owner.
func (c *copier) addMetas() error {
	for i, m := range slices.Backward(c.metas) {
		s := steps.Step{Op: steps.OpMeta, From: m.from, To: m.to, Kind: backends.Dir, Mode: m.entry.mode, Barrier: i == len(c.metas)-1}
		if m.entry.timeKnown {
			s.ModTime = m.entry.time.UnixNano()
		}
		c.local(1, 0)
		if _, err := c.w.Add(s); err != nil {
			return err
		}
	}
	c.metas = nil
	return nil
}

// marker is a folder of a volume in which nothing is, so that it has to be made.
type marker struct {
	from  stores.Store
	entry stores.Entry
	name  string
}

// addMarkers adds the steps that make them, when the folders that they lie in are there.
func (c *copier) addMarkers() error {
	slices.SortFunc(c.markers, func(a, b marker) int { return strings.Compare(a.name, b.name) }) // folders above come first
	for i := range c.markers {
		m := &c.markers[i]
		s := c.mkdirStep(c.to.st, m.name, &m.entry)
		s.Barrier = i == 0
		if _, err := c.w.Add(s); err != nil {
			return err
		}
	}
	c.markers = nil
	return nil
}

// empties notes a folder that is to go when a move has emptied it. In a volume those go by
// themselves that are there only because something lies in them.
func (c *copier) empties(st stores.Store, e *stores.Entry) {
	if !e.Bare {
		c.emptied = append(c.emptied, c.ref(st, e.Name))
	}
}

// addRmdirs adds the steps that remove folders, if they are empty by then: after all else, and
// level by level from below.
func (p *planner) addRmdirs(list []steps.Ref) error {
	depth := func(r steps.Ref) int { return strings.Count(r.Name, "/") }
	slices.SortStableFunc(list, func(a, b steps.Ref) int { return cmp.Compare(depth(b), depth(a)) })
	for i, r := range list {
		s := steps.Step{Op: steps.OpRmdir, From: r, Kind: backends.Dir, Barrier: i == 0 || depth(r) != depth(list[i-1])}
		if _, err := p.w.Add(s); err != nil {
			return err
		}
		if p.refs[r.Store].Kind == "local" {
			p.load.localFiles++
		} else {
			p.sum.Request("DELETE", 1)
			p.load.requests++
		}
	}
	return nil
}
