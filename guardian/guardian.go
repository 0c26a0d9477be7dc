// Package guardian knows how many true copies there are of what a library has indexed,
// where they lie, and what would be lost with a disk, a machine or a bucket. It finds
// duplicates, measures against policies, plans, and reads files again to find bit rot.
//
// A copy counts if it was proven (catalog.Proof) to hold the very bytes. What only may be
// equal is told apart everywhere. The package plans and never acts: it changes no file, and
// in the catalog only what Verify finds out.
package guardian

import (
	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
)

// Guardian answers for one library. It is safe for concurrent use, keeps nothing between
// calls, and borrows what it was made of.
type Guardian struct {
	library  *library.Library
	catalog  *catalog.Catalog
	resolver *resolver.Resolver
}

// New returns the Guardian of lib, whose paths r resolves.
func New(lib *library.Library, r *resolver.Resolver) *Guardian {
	return &Guardian{library: lib, catalog: lib.Catalog(), resolver: r}
}

// Scope is what lies at a path of the catalog or below it.
type Scope struct {
	Place catalog.Place
	Path  string // as in catalog.Copy: no slash at either end, "" is the place's root
}

// Holds tells whether path of place lies in s.
func (s Scope) Holds(place catalog.Place, path string) bool {
	return place == s.Place && within(path, s.Path)
}

// holds tells whether one of the scopes holds it. No scope at all holds everything.
func holds(scopes []Scope, place catalog.Place, path string) bool {
	for _, s := range scopes {
		if s.Holds(place, path) {
			return true
		}
	}
	return len(scopes) == 0
}

// within tells whether path is dir or lies below it.
func within(path, dir string) bool {
	return dir == "" || len(path) >= len(dir) && path[:len(dir)] == dir && (len(path) == len(dir) || path[len(dir)] == '/')
}
