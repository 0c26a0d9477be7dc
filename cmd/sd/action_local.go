package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/identity"
	"sd/index"
	"sd/index/identify"
	"sd/index/search"
	"sd/library"
	"sd/library/catalog"
)

const (
	manyFolders = 10_000 // more of a location that changed, and all of it is scanned
	manyProofs  = 10_000 // that are written in one transaction

	identifyTime = 10 * time.Second // how long a command reads files after its work
)

// proofOf is what a copy has shown of a local file: its bytes' BLAKE3.
type proofOf struct {
	name    string // absolute
	version string // as stores know it
	sum     identity.Sum
}

// localChanges gathers what was changed in this device's locations.
type localChanges struct {
	here      catalog.Place
	locations []library.Location
	folders   []map[string]struct{} // by location: those in which something changed
	proofs    [][]proofOf           // by location
}

func (p *places) newLocalChanges(ctx context.Context) (*localChanges, error) {
	all, err := p.library.Locations(ctx)
	if err != nil {
		return nil, err
	}
	c := &localChanges{here: catalog.DevicePlace(p.library.ThisDevice().ID)}
	for _, loc := range all {
		if loc.Place == c.here {
			c.locations = append(c.locations, loc)
		}
	}
	c.folders = make([]map[string]struct{}, len(c.locations))
	c.proofs = make([][]proofOf, len(c.locations))
	return c, nil
}

// add notes that something is, or was, called name; of a file that was copied also what it is.
func (c *localChanges) add(name string, proof *proofOf) {
	path := strings.Trim(name, "/")
	dir, _ := catalog.Split(path)
	for i, loc := range c.locations {
		if !loc.Holds(c.here, path) {
			continue
		}
		if c.folders[i] == nil {
			c.folders[i] = map[string]struct{}{}
		}
		if len(c.folders[i]) <= manyFolders {
			c.folders[i][dir] = struct{}{}
		}
		if proof != nil {
			c.proofs[i] = append(c.proofs[i], *proof)
		}
	}
}

// indexJob brings the folders of this device's locations that a job has changed up to date,
// with the contents of the files whose bytes went through it. Without such a location it does
// nothing.
func (w *work) indexJob(ctx context.Context, job int64) error {
	c, err := w.places.newLocalChanges(ctx)
	if err != nil || len(c.locations) == 0 {
		return err
	}
	err = w.eachDone(ctx, job, func(s *steps.Step, r *steps.Record, name string, made bool) {
		var proof *proofOf
		if made && s.Op == steps.OpCopy && s.Size > 0 {
			if sum, err := identity.ParseSum(r.Sum); err == nil {
				proof = &proofOf{name, r.Version, sum}
			}
		}
		c.add(name, proof)
	})
	if err != nil {
		return err
	}
	return w.index(ctx, c)
}

// index scans what was changed.
func (w *work) index(ctx context.Context, c *localChanges) error {
	var failures []error
	changed := false
	for i, loc := range c.locations {
		if len(c.folders[i]) > 0 {
			changed = true
			failures = append(failures, w.scan(ctx, loc, c.folders[i], c.proofs[i]))
		}
	}
	if changed {
		failures = append(failures, search.Pack(ctx, w.places.library, false))
	}
	return errors.Join(failures...)
}

// scan looks at folders of a location again.
func (w *work) scan(ctx context.Context, loc library.Location, folders map[string]struct{}, proofs []proofOf) error {
	x := index.New(w.places.indexConfig())
	list := make([]index.Dirty, 0, len(folders))
	for dir := range folders {
		if !loc.Holds(loc.Place, dir) {
			dir = loc.Path // what changed is the location itself
		}
		list = append(list, index.Dirty{Dir: dir})
	}
	if len(folders) > manyFolders {
		list = []index.Dirty{{Dir: loc.Path, Recursive: true}}
	}
	if _, err := x.ScanFolders(ctx, loc, list); err != nil {
		return err
	}
	if loc.Mode == library.Shallow {
		return nil
	}
	for len(proofs) > 0 {
		some := proofs[:min(len(proofs), manyProofs)]
		proofs = proofs[len(some):]
		if err := w.prove(ctx, loc, some); err != nil {
			return err
		}
	}
	if w.hurry {
		return nil
	}
	return w.identify(ctx, loc)
}

// identify reads files whose content is not known yet, such as those that the file system has
// copied by itself. It takes identifyTime at most; a mount or a rescan does the rest.
func (w *work) identify(ctx context.Context, loc library.Location) error {
	short, cancel := context.WithTimeout(ctx, identifyTime)
	defer cancel()
	_, err := identify.Run(short, w.places.indexConfig(), loc, identify.Options{}, index.Control{})
	if short.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("the contents of files in %s are not all known", quote(loc.Name))
	}
	return err
}

// prove notes contents of files that are as they were copied.
func (w *work) prove(ctx context.Context, loc library.Location, proofs []proofOf) error {
	st, _, err := w.engine.Stores().Of(ctx, w.places.thisDevicePath("/"))
	if err != nil {
		return err
	}
	return w.places.library.Catalog().Update(ctx, func(tx *catalog.Tx) error {
		for _, p := range proofs {
			now, err := st.Stat(ctx, p.name)
			if err != nil || !stores.SameVersion(p.version, now.Version) {
				continue // somebody else has it now
			}
			dir, base := filepath.Split(p.name)
			id, err := tx.MakePath(loc.Place, strings.Trim(dir, "/"))
			if err != nil {
				return err
			}
			was := catalog.FileVersion{Size: now.Size, ModTime: now.ModTime.UnixNano(), Version: identity.LocalVersion(now.Changed, now.Inode)}
			if _, err := tx.Identify(id, base, was, p.sum, 0, catalog.Passed); err != nil && !errors.Is(err, identity.ErrEmpty) {
				return err
			}
		}
		return nil
	})
}

// eachDone calls fn with the local names that a job's steps have changed; made tells that the
// step has made what is there, else it has taken it away.
func (w *work) eachDone(ctx context.Context, job int64, fn func(s *steps.Step, r *steps.Record, name string, made bool)) error {
	plan, err := w.engine.Header(job)
	if err != nil {
		return err
	}
	refs := plan.Stores
	local := func(ref steps.Ref) bool {
		return ref.Name != "" && ref.Store < len(refs) && refs[ref.Store].Kind == "local"
	}
	return w.engine.Outcomes(ctx, job, func(s *steps.Step, r *steps.Record) error {
		if r.State != steps.Done && r.State != steps.Skipped {
			return nil
		}
		switch s.Op {
		case steps.OpMkdir, steps.OpCopy, steps.OpLink, steps.OpRestore:
			if local(s.To) {
				fn(s, r, s.To.Name, true)
			}
		case steps.OpRename:
			if local(s.From) {
				fn(s, r, s.From.Name, false)
				fn(s, r, s.To.Name, true)
			}
		case steps.OpRemove, steps.OpRmdir, steps.OpTrash:
			if local(s.From) {
				fn(s, r, s.From.Name, false)
			}
		}
		return nil
	})
}
