//go:build !linux

package index

import "sd/resolver"

// newMounts knows no places beforehand: a mount is noticed when it is come to.
func newMounts(r *resolver.Resolver, locals *resolver.Locals, root string) *mounts {
	return &mounts{resolver: r, locals: locals, root: root}
}
