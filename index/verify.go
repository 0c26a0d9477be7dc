package index

import (
	"context"

	"sd/identity"
	"sd/library"
	"sd/library/catalog"
)

// What tells how the catalog differs from what lies in a location.
type What string

// The differences. Of several the first in this order is told.
const (
	Missing       What = "missing" // it lies there, and the catalog has it not
	Stale         What = "stale"   // the catalog has it, and it is not there
	TypeDiffers   What = "type"
	SizeDiffers   What = "size"
	TimeDiffers   What = "mtime"
	InodeDiffers  What = "inode"   // another file of the same size and time
	StatusDiffers What = "version" // the ctime alone, or an object's version
)

// Difference is one file or folder of which the catalog does not say what is there.
type Difference struct {
	Path   string // as in catalog.Copy
	Folder bool   // with all below it if it is Stale
	What   What
	// Was is what the catalog has, Is what lies there; nil where there is none, and for
	// folders.
	Was, Is *catalog.File
}

// VerifyReport is what Verify found.
type VerifyReport struct {
	Report      // of the scan; with mend, what it says of changes was done
	Differences int64
	By          map[What]int64
}

// Verify scans the location and tells each how the catalog differs, from one goroutine. What
// a Difference points to is the callee's again after each returns; an error of each ends
// the work. With mend the catalog is put right as Scan does it, else it is left as it is.
func (x *Indexer) Verify(ctx context.Context, loc library.Location, mend bool, c Control, each func(Difference) error) (VerifyReport, error) {
	if each == nil {
		each = func(Difference) error { return nil }
	}
	p := &pass{x: x, loc: loc, steer: &steering{Control: c}, tally: newTally(), dry: !mend, each: each}
	r, err := p.whole(ctx)
	v := VerifyReport{Report: r, By: p.tally.diffs}
	for _, n := range v.By {
		v.Differences += n
	}
	return v, err
}

// difference tells how is differs from was.
func difference(was, is *catalog.File) What {
	switch {
	case was.Type != is.Type:
		return TypeDiffers
	case was.Size != is.Size:
		return SizeDiffers
	case was.ModTime != is.ModTime:
		return TimeDiffers
	}
	before, ok := identity.Inode(was.Version)
	now, also := identity.Inode(is.Version)
	if ok && also && before != now {
		return InodeDiffers
	}
	return StatusDiffers
}
