// Package identify gives files their content id: it finds out which bytes the files of a
// location hold, and writes that to the catalog.
//
// Local files are read. Small ones are proven by one read; of larger ones first the
// fingerprint is taken, which tells who may have a twin, and then they are read whole, those
// with a twin first. Objects of a cloud volume are proven without downloading them where that
// is possible, and else only where the caller allows it.
//
// All of it can be stopped at any time and begun again: what is proven is written down as it
// goes, and Run takes up what is not.
package identify

import (
	"context"
	"errors"
	"time"

	"sd/index"
	"sd/library"
	"sd/library/catalog"
)

// Options say how far Run may go. The zero value is mode content.
type Options struct {
	// Deep allows to download what cannot be proven otherwise: every byte of it, once.
	Deep bool
	// Workers is how many files are read at the same time; 0 chooses by the processors.
	Workers int
}

// Report is what Run did.
type Report struct {
	Files      int64         `json:"files"`      // looked at
	Bytes      int64         `json:"bytes"`      // read, locally or from a store
	Proven     int64         `json:"proven"`     // files that have a content id now and had none
	Probable   int64         `json:"probable"`   // files of which only a hint is known still
	Changed    int64         `json:"changed"`    // left for the next scan: not the version in the catalog, or just being written
	Problems   int64         `json:"problems"`   // files that cannot be read; recorded with the location
	Downloaded int64         `json:"downloaded"` // bytes of content that were fetched from a store
	Took       time.Duration `json:"took"`
}

var errNotYet = errors.New("not built yet")

// Run identifies what is unproven in the location. It blocks until that is done, c.Check says
// no, or ctx ends; errors of single files are recorded as problems of the location and are
// not fatal. The location's mode is not looked at: whether to call Run, and with what
// Options, is the caller's choice.
func Run(ctx context.Context, cfg index.Config, loc library.Location, o Options, c index.Control) (Report, error) {
	return Report{}, errNotYet
}

// File identifies one local file now, even if it is proven already. The file must be in the
// catalog. A file that is not the version in the catalog any more is ErrChanged.
func File(ctx context.Context, cfg index.Config, place catalog.Place, path string) error {
	return errNotYet
}

// ErrChanged says that a file is no longer what the catalog says, so that nothing about it
// can be written down: scan its folder first.
var ErrChanged = errors.New("changed since it was scanned")

// Estimate tells what Run with Deep would download now: how many objects, and their bytes.
// It may ask for less afterwards, where something is proven without.
func Estimate(ctx context.Context, cfg index.Config, loc library.Location) (files, bytes int64, err error) {
	return 0, 0, errNotYet
}
