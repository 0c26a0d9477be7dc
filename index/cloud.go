package index

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sd/backends"
	"sd/library/catalog"
	"sd/sdpath"
)

// lists is how many ranges of a volume are listed at a time.
const lists = 8

// cloudFolder is a folder of a cloud volume that is being compared. Its keys come in order,
// with those of its subfolders among them.
type cloudFolder struct {
	target *target
	at     surroundings
	inner  *inner
	fresh  bool // the catalog does not have it
	out    bool // the rules leave it out
	rows   rowReader
	was    catalog.Folder
	subs   []catalog.Folder // in the catalog, by name
	seen   []bool           // of subs: it is there
	change *change          // what was found and not sent yet; nil: nothing
}

// load reads what the catalog has of a folder.
func (f *cloudFolder) load(ctx context.Context, c *catalog.Catalog) error {
	f.rows = rowReader{view: c.View, folder: f.target.row}
	if f.fresh = f.target.row == 0; f.fresh {
		return nil
	}
	return c.View(ctx, func(v *catalog.View) (err error) {
		if f.was, _, err = v.Folder(f.target.row); err != nil {
			return err
		}
		if f.subs, err = v.Folders(f.target.row); err != nil {
			return err
		}
		f.seen = make([]bool, len(f.subs))
		return f.rows.fill(v)
	})
}

// sub returns the position of a subfolder in subs.
func (f *cloudFolder) sub(name string) (int, bool) {
	return sort.Find(len(f.subs), func(i int) int { return strings.Compare(name, f.subs[i].Name) })
}

// changes returns the change that what is found in the folder goes into.
func (f *cloudFolder) changes() *change {
	if f.change == nil {
		f.change = &change{to: f.target}
	}
	return f.change
}

// cloud scans a part of a cloud volume by flat lists. It asks for nothing else: a thousand
// objects cost one request.
type cloud struct {
	*pass
	walker    backends.Walker
	documents backends.Backend // the same
	turn      sync.Mutex       // of telling Differences
}

// openCloud opens the location's volume, which costs no request.
func (p *pass) openCloud(ctx context.Context) (scanner, error) {
	uri, err := p.x.resolver.URI(p.loc.Place, p.loc.Path)
	if err != nil {
		return nil, fmt.Errorf("location %q: %w: %w", p.loc.Name, ErrRoot, err)
	}
	vol, _, err := p.x.resolver.Resolve(ctx, uri)
	if err != nil {
		return nil, fmt.Errorf("location %q: %w", p.loc.Name, err)
	}
	w, ok := vol.Backend.(backends.Walker)
	if !ok {
		return nil, fmt.Errorf("location %q: %s cannot be listed as a whole, so it cannot be indexed: %w", p.loc.Name, uri.(sdpath.Cloud).Service, errors.ErrUnsupported)
	}
	p.rules = p.x.newRules(p.loc, false)
	if p.neighbours, err = p.findNeighbours(ctx); err != nil {
		return nil, err
	}
	s := &cloud{pass: p, walker: w, documents: vol.Backend}
	if told := p.each; told != nil {
		p.each = func(d Difference) error {
			s.turn.Lock()
			defer s.turn.Unlock()
			return told(d)
		}
	}
	return s, nil
}

func (s *cloud) close() {}

// all scans the whole location, in several ranges at a time if it is known to be large.
func (s *cloud) all(ctx context.Context) error {
	top := &cloudFolder{target: &target{row: s.top}, inner: s.neighbours.inner}
	plan, err := s.plan(ctx)
	if err != nil {
		return err
	}
	return s.scan(ctx, s.loc.Path, top, plan)
}

// folder scans one folder with all below it.
func (s *cloud) folder(ctx context.Context, d Dirty) error {
	f := &cloudFolder{target: &target{row: s.top}, inner: s.neighbours.inner}
	if d.Dir != s.loc.Path {
		path := s.loc.Path
		var buf []byte
		for _, name := range namesBelow(d.Dir, s.loc.Path) {
			var out bool
			if out, buf = s.rules.leavesOut(&f.at, []byte(name), true, buf); out {
				return nil
			}
			path = joinPath(path, name)
			sub := &cloudFolder{target: &target{in: f.target, name: name}, at: f.at.below([]byte(name)), inner: f.inner.at(name)}
			if f.target.row != 0 {
				row, err := s.recorder.catalog.FindFolder(ctx, s.loc.Place, path)
				if err != nil && !errors.Is(err, iofs.ErrNotExist) {
					return err
				}
				sub.target.row = row.ID
			}
			f = sub
		}
	}
	return s.scan(ctx, d.Dir, f, []keyRange{{}})
}

// scan lists the folder at a path, range by range, and records what has changed.
func (s *cloud) scan(ctx context.Context, dir string, top *cloudFolder, plan []keyRange) error {
	shared := &sharedFolder{cloudFolder: top}
	if err := shared.load(ctx, s.recorder.catalog); err != nil {
		return err
	}
	changes := make(chan *change, 64)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(lists)
	done := make(chan error, 1)
	go func() {
		for _, r := range plan {
			group.Go(func() error { return s.list(inner, dir, shared, r, changes) })
		}
		err := group.Wait()
		if err == nil {
			err = shared.end(ctx, s, changes)
		}
		close(changes)
		done <- err
	}()
	err := s.record(ctx, changes)
	if failed := <-done; failed != nil {
		err = failed
	}
	if err != nil {
		return errors.Join(err, s.flush(context.WithoutCancel(ctx)))
	}
	return nil
}

// record writes changes as they come, until there are no more. After an error it only
// takes them.
func (s *cloud) record(ctx context.Context, changes <-chan *change) (err error) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case c, ok := <-changes:
			if !ok {
				return err
			}
			if err == nil {
				err = s.recorder.add(ctx, c)
			}
		case <-tick.C:
			s.told(false)
		}
		if due, ok := s.recorder.due(); ok && err == nil && !time.Now().Before(due) {
			err = s.flush(ctx)
		}
	}
}
