package guardian

import (
	"slices"

	"sd/library"
	"sd/resolver"
)

// Site is a place that is lost as one. Two copies on one Site are two copies still, but
// whatever takes the Site takes both.
type Site struct {
	// Device is a machine's slug, a file server, or a bucket's URI; "" is one that the
	// library no longer knows.
	Device string
	// Medium is "ssd", "hdd", "network", "ram" or "cloud"; "" is a disk of unknown kind.
	Medium string
	// Volume is the fingerprint of a file system, or a bucket; of what lies on another
	// device it is one for all.
	Volume string
}

// Lasting tells whether a copy there can be got at and outlives a restart. One that does
// not protects nothing.
func (s *Site) Lasting() bool { return s.Medium != mediumRAM && s.Device != "" }

// A census counts the copies of one content by where they lie.
type census struct {
	sites []*Site // distinct
	count []int
}

func (c *census) reset() { c.sites, c.count = c.sites[:0], c.count[:0] }

// add counts n more copies at s, or fewer for n < 0.
func (c *census) add(s *Site, n int) {
	for i, have := range c.sites {
		if have == s || *have == *s {
			c.count[i] += n
			return
		}
	}
	c.sites, c.count = append(c.sites, s), append(c.count, n)
}

// spread is the largest number of lasting copies of which any two differ in all of d.
func (c *census) spread(d library.Difference) int {
	if d == 0 {
		n := 0
		for i, s := range c.sites {
			if s.Lasting() {
				n += c.count[i]
			}
		}
		return n
	}
	// What lies on another device or medium lies on another volume, too. So the copies are
	// the edges between devices and media, and what is looked for is a matching.
	var p pairs
	disk := c.medium()
	for i, s := range c.sites {
		if c.count[i] < 1 || !s.Lasting() {
			continue
		}
		medium := s.Medium
		if medium == "" {
			if medium = disk; medium == "" && d&library.DifferentMedium != 0 {
				continue
			}
		}
		switch {
		case d&library.DifferentMedium != 0 && d&library.DifferentDevice != 0:
			p.add(s.Device, medium)
		case d&library.DifferentMedium != 0:
			p.add(medium, medium)
		case d&library.DifferentDevice != 0:
			p.add(s.Device, s.Device)
		default:
			p.add(s.Volume, s.Volume)
		}
	}
	return p.matching()
}

// medium is what a disk of unknown kind is taken for: a kind of its own beside servers and
// buckets, and nothing, "", beside disks that are known.
func (c *census) medium() string {
	for i, s := range c.sites {
		if c.count[i] > 0 && s.Lasting() && (s.Medium == resolver.MediumSSD || s.Medium == resolver.MediumHDD) {
			return ""
		}
	}
	return "disk"
}

// pairs are the edges between the two things in which copies must differ. Where it is one
// thing only, the other is the same thing again.
type pairs struct {
	left, right []string
	edges       [][2]int
}

func (p *pairs) add(a, b string) {
	p.edges = append(p.edges, [2]int{intern(&p.left, a), intern(&p.right, b)})
}

func intern(list *[]string, s string) int {
	for i, have := range *list {
		if have == s {
			return i
		}
	}
	*list = append(*list, s)
	return len(*list) - 1
}

// matching is the size of a largest set of edges without a common end.
func (p *pairs) matching() int {
	to := make([]int, len(p.right)) // the left end that each right one is matched with, from 1 on
	size := 0
	for l := range p.left {
		if p.augment(l, to, make([]bool, len(p.right))) {
			size++
		}
	}
	return size
}

func (p *pairs) augment(l int, to []int, seen []bool) bool {
	for _, e := range p.edges {
		if e[0] != l || seen[e[1]] {
			continue
		}
		seen[e[1]] = true
		if to[e[1]] == 0 || p.augment(to[e[1]]-1, to, seen) {
			to[e[1]] = l + 1
			return true
		}
	}
	return false
}

func (c *census) clone() *census {
	return &census{sites: slices.Clone(c.sites), count: slices.Clone(c.count)}
}
