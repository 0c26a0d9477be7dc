package index

import "sd/library"

// inner is the locations that lie in a folder, as a tree of the names that lead to them. Nil
// is none.
type inner struct {
	below map[string]*inner
	here  bool // the folder is a location's root
	lost  bool // and what is there now is not that root, as when a drive is not plugged in
}

// add notes a location to which names lead from n.
func (n *inner) add(names []string, lost bool) {
	for _, name := range names {
		next := n.below[name]
		if next == nil {
			next = &inner{}
			if n.below == nil {
				n.below = map[string]*inner{}
			}
			n.below[name] = next
		}
		n = next
	}
	n.here, n.lost = true, lost
}

// at returns what lies in the folder called name.
func (n *inner) at(name string) *inner {
	if n == nil {
		return nil
	}
	return n.below[name]
}

// absent tells whether the folder is a location's that is not here at the moment.
func (n *inner) absent() bool { return n != nil && n.here && n.lost }

// away returns the part of n that leads to locations that are not here; nil: there are none.
func (n *inner) away() *inner {
	if n == nil {
		return nil
	}
	if n.absent() {
		return n
	}
	part := &inner{below: map[string]*inner{}}
	for name, b := range n.below {
		if b = b.away(); b != nil {
			part.below[name] = b
		}
	}
	if len(part.below) == 0 {
		return nil
	}
	return part
}

// neighbours are the other locations that share folders with one.
type neighbours struct {
	inner  *inner   // nil: none
	covers []covers // may want what this one leaves out
}

// covers is a location's rules, asked for single paths.
type covers struct {
	loc  library.Location
	asks func(path string, folder bool) bool
}

// any tells whether another location indexes path.
func (n *neighbours) any(path string, folder bool) bool {
	for _, c := range n.covers {
		if c.loc.Holds(c.loc.Place, path) && c.asks(path, folder) {
			return true
		}
	}
	return false
}
