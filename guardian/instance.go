package guardian

import (
	"sd/identity"
	"sd/library/catalog"
)

// Instance is one copy: one file under all its names (hard links), or one object, seen
// through one volume or several.
type Instance struct {
	Names []catalog.Copy // the first is how it is called; never empty
	Site  *Site
}

// first is how the copy is called.
func (i *Instance) first() *catalog.Copy { return &i.Names[0] }

// A gatherer makes copies out of names. Its result is good until the next call.
type gatherer struct {
	atlas *atlas

	list    []Instance
	byInode map[inodeKey]int
	byState map[stateKey]int
	byName  map[nameKey]int
	single  [1]catalog.Copy
}

// inodeKey tells one file from another in one file system.
type inodeKey struct {
	site  *Site
	inode uint64
}

// stateKey catches the same file in a folder that is mounted in two places: no two files
// have one inode number and one ctime, to the nanosecond.
type stateKey struct {
	place   catalog.Place
	version string
}

// nameKey is an object's, in a bucket that may have several volumes.
type nameKey struct {
	site *Site
	path string
}

// inode tells which file a local name stands for; false where the catalog does not.
func (a *atlas) inode(c catalog.Copy) (inodeKey, bool) {
	if a.cloud[c.Place] != nil {
		return inodeKey{}, false
	}
	n, ok := identity.Inode(c.File.Version)
	return inodeKey{a.site(c.Place, c.Path), n}, ok
}

func newGatherer(a *atlas) *gatherer {
	return &gatherer{atlas: a, byInode: map[inodeKey]int{}, byState: map[stateKey]int{}, byName: map[nameKey]int{}}
}

// gather makes Instances out of the proven ones of copies, in their order.
func (g *gatherer) gather(copies []catalog.Copy) []Instance {
	g.list = g.list[:0]
	if len(copies) == 1 { // as most are
		if c := copies[0]; c.File.Proof.Proven() {
			g.single[0] = c
			g.list = append(g.list, Instance{Names: g.single[:], Site: g.atlas.site(c.Place, c.Path)})
		}
		return g.list
	}
	clear(g.byInode)
	clear(g.byState)
	clear(g.byName)
	for _, c := range copies {
		if c.File.Proof.Proven() {
			g.add(c)
		}
	}
	return g.list
}

func (g *gatherer) add(c catalog.Copy) {
	site := g.atlas.site(c.Place, c.Path)
	inode, local := g.atlas.inode(c)
	state, name := stateKey{c.Place, c.File.Version}, nameKey{site, c.Path}
	at, known := g.byInode[inode]
	switch {
	case !local:
		at, known = g.byName[name]
	case !known:
		at, known = g.byState[state]
	}
	if known {
		g.list[at].Names = append(g.list[at].Names, c)
	} else {
		at = len(g.list)
		g.list = append(g.list, Instance{Names: []catalog.Copy{c}, Site: site})
	}
	if local {
		g.byInode[inode], g.byState[state] = at, at
	} else {
		g.byName[name] = at
	}
}
