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
	iofs "io/fs"
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
	Took       time.Duration `json:"took_ns"`
}

// Run identifies what is unproven in the location. It blocks until that is done, c.Check says
// no, or ctx ends; errors of single files are recorded as problems of the location and are
// not fatal. The location's mode is not looked at: whether to call Run, and with what
// Options, is the caller's choice.
func Run(ctx context.Context, cfg index.Config, loc library.Location, o Options, c index.Control) (Report, error) {
	r := newRun(cfg, loc, o, c)
	err := r.do(ctx)
	return r.tally.report(), err
}

// ErrChanged says that a file is no longer what the catalog says, so that nothing about it
// can be written down: scan its folder first.
var ErrChanged = errors.New("changed since it was scanned")

// File reads one local file now and writes down what it holds, whether it is proven already
// or not. The file must be in the catalog, else it is fs.ErrNotExist; one that is not the
// version in the catalog is ErrChanged. Of what holds no bytes nothing is written.
func File(ctx context.Context, cfg index.Config, place catalog.Place, path string) error {
	err := one(ctx, cfg, place, path)
	if err != nil {
		return &iofs.PathError{Op: "identify", Path: "/" + path, Err: err}
	}
	return nil
}

func one(ctx context.Context, cfg index.Config, place catalog.Place, path string) error {
	if place != catalog.DevicePlace(cfg.Resolver.ThisDevice().ID) {
		return errors.New("not on this device: identify it there")
	}
	c := cfg.Library.Catalog()
	id, f, err := c.FindFile(ctx, place, path)
	if err != nil || f.Type != catalog.Regular || f.Size == 0 {
		return err
	}
	found, err := examineOne(ctx, cfg.Library, place, path, &f)
	if err != nil {
		return err
	}
	found.dir = id
	return c.Update(ctx, func(tx *catalog.Tx) error {
		holds, err := apply(tx, &found)
		if err == nil && !holds {
			err = ErrChanged
		}
		return err
	})
}

// Estimate tells what Run with Deep would download now: how many objects, and their bytes.
// It may be less in the end, where something is proven without. Nothing is downloaded for a
// location on a device.
func Estimate(ctx context.Context, cfg index.Config, loc library.Location) (files, bytes int64, err error) {
	if loc.Place.Local() {
		return 0, 0, nil
	}
	c := cfg.Library.Catalog()
	top, err := c.FindFolder(ctx, loc.Place, loc.Path)
	if errors.Is(err, iofs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	n, err := c.Count(ctx, top.ID)
	return n.Unproven, n.UnprovenBytes, err
}
