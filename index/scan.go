package index

import (
	"context"
	"errors"

	"sd/library"
)

var errNotYet = errors.New("not built yet")

// Scan makes the catalog equal to the whole location. What it finds is written in batches
// while it runs; files that are gone are dropped, and moved ones keep what is known of
// their content. Errors of single files and folders are recorded as problems of the
// location. A location that is not there is ErrRoot.
func (x *Indexer) Scan(ctx context.Context, loc library.Location, c Control) (Report, error) {
	return Report{}, errNotYet
}

// ScanFolder is Scan for one folder of the location, for a caller that knows that only this
// one has changed. A folder that is gone is dropped from the catalog.
func (x *Indexer) ScanFolder(ctx context.Context, loc library.Location, dir string, recursive bool) (Report, error) {
	return x.ScanFolders(ctx, loc, []Dirty{{Dir: dir, Recursive: recursive}})
}

// ScanFolders is ScanFolder for several folders at once. Give it all folders that changed at
// the same time: a file that was moved from one to another then keeps its identity.
func (x *Indexer) ScanFolders(ctx context.Context, loc library.Location, list []Dirty) (Report, error) {
	return Report{}, errNotYet
}

// Covers tells whether the location's rules have path indexed. A path that is not on the
// disk, and any of a cloud volume, is taken for a file.
func (x *Indexer) Covers(loc library.Location, path string) bool { return false }

// Lock waits until no scan of the location, or of one that it lies in, is under way in any
// process, and keeps new ones waiting until unlock is called. A scan may put back what
// others wrote to the catalog while it ran, so those who know better write under this lock.
func (x *Indexer) Lock(ctx context.Context, loc library.Location) (unlock func(), err error) {
	return nil, errNotYet
}
