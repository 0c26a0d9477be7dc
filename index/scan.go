package index

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"time"

	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
)

// Scan makes the catalog equal to the whole location. What it finds is written in batches
// while it runs; files that are gone are dropped, and moved ones keep what is known of
// their content. Errors of single files and folders are recorded as problems of the
// location. A location that is not there is ErrRoot.
func (x *Indexer) Scan(ctx context.Context, loc library.Location, c Control) (Report, error) {
	p := &pass{x: x, loc: loc, steer: &steering{Control: c}, tally: newTally()}
	return p.whole(ctx)
}

// ScanFolder is Scan for one folder of the location, for a caller that knows that only this
// one has changed; with recursive, for all below it too, else only for those below it that
// are new. A folder that is gone is dropped from the catalog.
func (x *Indexer) ScanFolder(ctx context.Context, loc library.Location, dir string, recursive bool) (Report, error) {
	return x.ScanFolders(ctx, loc, []Dirty{{Dir: dir, Recursive: recursive}})
}

// ScanFolders is ScanFolder for several folders at once. A folder of a cloud volume is
// always scanned with all below it.
func (x *Indexer) ScanFolders(ctx context.Context, loc library.Location, list []Dirty) (Report, error) {
	p := &pass{x: x, loc: loc, steer: &steering{}, tally: newTally()}
	return p.folders(ctx, list)
}

// pass is one run over a location or some folders of it.
type pass struct {
	x     *Indexer
	loc   library.Location
	steer *steering
	tally *tally
	dry   bool                   // nothing is written
	each  func(Difference) error // nil: nobody wants to know

	rules      *rules
	neighbours neighbours
	top        catalog.FolderID // of the location; 0: none yet
	root       string           // for Location.Root
	locals     *resolver.Locals // the mount table; nil: of a cloud volume
	recorder   *recorder
}

// whole is Scan and Verify.
func (p *pass) whole(ctx context.Context) (Report, error) {
	unlock, err := p.begin(ctx)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	began := time.Now()
	scan, err := p.store(ctx)
	if err != nil {
		return Report{}, err
	}
	defer scan.close()
	if err := p.makeTop(ctx); err != nil {
		return Report{}, err
	}
	if !p.loc.Scanned.IsZero() && p.top != 0 {
		counting, stop := context.WithCancel(ctx)
		wait := p.tally.expect(counting, p.recorder.catalog, p.top)
		defer func() { stop(); wait() }()
	}
	if err := scan.all(ctx); err != nil {
		return p.tally.report(), err
	}
	r, err := p.end(ctx, Dirty{Dir: p.loc.Path, Recursive: true})
	if err != nil || p.dry {
		return r, err
	}
	if err := p.x.lib.SetScanned(ctx, p.loc.ID, began, p.root); err != nil {
		return r, err
	}
	if _, err := p.recorder.catalog.Sweep(ctx); err != nil {
		p.x.log.Warn("what the index no longer needs was not dropped; that is tried again tomorrow", "err", err)
	}
	return r, nil
}

// folders is ScanFolders.
func (p *pass) folders(ctx context.Context, list []Dirty) (Report, error) {
	unlock, err := p.begin(ctx)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	scan, err := p.store(ctx)
	if err != nil {
		return Report{}, err
	}
	defer scan.close()
	if err := p.makeTop(ctx); err != nil {
		return Report{}, err
	}
	for _, d := range list {
		if !p.loc.Holds(p.loc.Place, d.Dir) {
			return p.tally.report(), fmt.Errorf("%q is not in location %q", d.Dir, p.loc.Name)
		}
		if err := scan.folder(ctx, d); err != nil {
			return p.tally.report(), err
		}
	}
	return p.end(ctx, list...)
}

// scanner is how a location's kind of store is scanned.
type scanner interface {
	all(ctx context.Context) error
	folder(ctx context.Context, d Dirty) error
	close()
}

// begin waits for the location's lock and prepares what every pass needs.
func (p *pass) begin(ctx context.Context) (unlock func(), err error) {
	unlock, err = p.x.Lock(ctx, p.loc)
	if err != nil {
		return nil, err
	}
	p.tally.began = time.Now()
	p.recorder = &recorder{catalog: p.x.lib.Catalog(), dry: p.dry}
	return unlock, nil
}

// store opens what is to be scanned.
func (p *pass) store(ctx context.Context) (scanner, error) {
	if p.loc.Place.Local() {
		return p.openLocal(ctx)
	}
	return p.openCloud(ctx)
}

// makeTop finds the location's folder in the catalog, and makes it where something is to be written.
func (p *pass) makeTop(ctx context.Context) error {
	if p.dry {
		f, err := p.recorder.catalog.FindFolder(ctx, p.loc.Place, p.loc.Path)
		p.top = f.ID
		if errors.Is(err, iofs.ErrNotExist) {
			return nil
		}
		return err
	}
	f, err := p.recorder.catalog.FindFolder(ctx, p.loc.Place, p.loc.Path)
	if err == nil {
		p.top = f.ID
		return nil
	}
	return p.recorder.catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
		p.top, err = tx.MakePath(p.loc.Place, p.loc.Path)
		return err
	})
}

// end writes what is pending, finds what was moved, and records the problems.
func (p *pass) end(ctx context.Context, under ...Dirty) (Report, error) {
	if p.dry {
		p.told(true)
		return p.tally.report(), nil
	}
	if err := p.flush(ctx); err != nil {
		return p.tally.report(), err
	}
	var moved int64
	err := p.recorder.catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
		moved, err = tx.Adopt(p.top)
		return err
	})
	if err != nil {
		return p.tally.report(), err
	}
	if err := p.problems(ctx, under); err != nil {
		return p.tally.report(), err
	}
	p.told(true)
	r := p.tally.report()
	r.Moved = moved
	return r, nil
}

// flush writes what is pending, and counts the files that went with their folders.
func (p *pass) flush(ctx context.Context) error {
	err := p.recorder.flush(ctx)
	p.tally.removed.Add(p.recorder.removed)
	p.recorder.removed = 0
	return err
}

// told tells how far the pass is, if it is time.
func (p *pass) told(end bool) {
	if progress, due := p.tally.progress(); due || end {
		p.steer.report(progress)
	}
}

// problems records what could not be scanned, in place of what could not before.
func (p *pass) problems(ctx context.Context, under []Dirty) error {
	lib := p.x.lib
	known, total, err := lib.Problems(ctx, p.loc.ID, 0)
	if err != nil || total == 0 && len(p.tally.list) == 0 {
		return err
	}
	for _, d := range under {
		var list []library.Problem
		for _, l := range p.tally.list {
			if within(l.Path, d.Dir) {
				list = append(list, l)
			}
		}
		for _, k := range known {
			if !d.Recursive && slices.Contains(Ops, k.Op) && within(k.Path, d.Dir) && deeper(k.Path, d.Dir) {
				list = append(list, k)
			}
		}
		if err := lib.ReplaceProblems(ctx, p.loc.ID, d.Dir, list, Ops...); err != nil {
			return err
		}
	}
	return nil
}

// within tells whether path is dir or below it.
func within(path, dir string) bool {
	return library.Location{Path: dir}.Holds("", path)
}

// deeper tells whether path, which is in dir or below, is not directly in it.
func deeper(path, dir string) bool {
	return path != dir && len(namesBelow(path, dir)) > 1
}
