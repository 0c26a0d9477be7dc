package index

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sd/library"
	"sd/library/catalog"
	"sd/resolver"
)

// local scans folders of this device.
type local struct {
	*pass
	walker *walker
	top    *folder
	fd     int
}

// openLocal opens the location's root, and makes sure that it is the one that was scanned
// before.
func (p *pass) openLocal(ctx context.Context) (scanner, error) {
	if here := catalog.DevicePlace(p.x.resolver.ThisDevice().ID); p.loc.Place != here {
		return nil, fmt.Errorf("location %q: %w: it is on another device", p.loc.Name, ErrRoot)
	}
	path := localPath(p.loc.Path)
	real, err := filepath.EvalSymlinks(path)
	var fd int
	if err == nil {
		fd, err = openRoot(path)
	}
	switch {
	case isGone(err):
		return nil, fmt.Errorf("location %q: %w: there is no folder %s; if it is on a drive, plug that in", p.loc.Name, ErrRoot, path)
	case err != nil:
		return nil, fmt.Errorf("location %q: %s: %w", p.loc.Name, path, bare(err))
	}
	if p.locals, err = p.x.resolver.Locals(); err == nil {
		err = p.checkRoot(real)
	}
	if err != nil {
		closeFD(fd)
		return nil, err
	}
	p.rules = p.x.newRules(p.loc, true)
	if p.neighbours, err = p.findNeighbours(ctx); err != nil {
		closeFD(fd)
		return nil, err
	}
	w := &walker{
		rules: p.rules, mounts: newMounts(p.x.resolver, p.locals, real), tree: newTree(fd), steer: p.steer,
		free: &sync.Pool{}, keep: len(p.neighbours.covers) > 0,
	}
	return &local{pass: p, walker: w, fd: fd}, nil
}

func (s *local) close() { closeFD(s.fd) }

// checkRoot tells the file system of the location's root from the one that was there before.
func (p *pass) checkRoot(real string) error {
	root, pseudo := fileSystem(p.locals, real)
	switch {
	case pseudo && p.loc.Root == "":
		return fmt.Errorf("location %q: %s holds no files of yours but what the system shows there", p.loc.Name, real)
	case p.loc.Root != "" && root != p.loc.Root: // as in /run, when a drive is no longer mounted there
		return fmt.Errorf("location %q: %w: %s is on another file system than before; plug the drive in, or remove the location and add it again",
			p.loc.Name, ErrRoot, real)
	}
	p.root = root
	return nil
}

// fileSystem tells the file system that a path is on from all others; "" is not known.
func fileSystem(locals *resolver.Locals, path string) (id string, pseudo bool) {
	v, pseudo := locals.At(path)
	if v == nil {
		return "", pseudo
	}
	return v.Fingerprint, pseudo
}

// findNeighbours finds the locations that lie in this one or around it.
func (p *pass) findNeighbours(ctx context.Context) (n neighbours, err error) {
	loc := p.loc
	all, err := p.x.lib.Locations(ctx)
	if err != nil {
		return n, err
	}
	for _, o := range all {
		inside := loc.Holds(o.Place, o.Path)
		if o.ID == loc.ID || !inside && !o.Holds(loc.Place, loc.Path) {
			continue
		}
		n.covers = append(n.covers, covers{o, func(path string, folder bool) bool { return p.x.covers(o, path, folder) }})
		if inside && o.Path != loc.Path {
			if n.inner == nil {
				n.inner = &inner{}
			}
			n.inner.add(namesBelow(o.Path, loc.Path), p.lost(o))
		}
	}
	return n, nil
}

// lost tells whether the root of a location of this device is not the one that was scanned.
func (p *pass) lost(loc library.Location) bool {
	if loc.Root == "" || p.locals == nil {
		return false
	}
	path := localPath(loc.Path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	root, _ := fileSystem(p.locals, path)
	return root != "" && root != loc.Root
}

// rootFolder returns the folder of the location's root.
func (s *local) rootFolder() *folder {
	if s.top == nil {
		s.top = &folder{target: target{row: s.pass.top}, ignores: nil, inner: s.neighbours.inner, fd: -1}
		if s.loc.Path != "" {
			s.top.depth = strings.Count(s.loc.Path, "/") + 1
		}
	}
	return s.top
}

// all scans the whole location.
func (s *local) all(ctx context.Context) error {
	return s.scan(ctx, []*folder{s.rootFolder()}, true)
}

// folder scans one folder.
func (s *local) folder(ctx context.Context, d Dirty) error {
	f, out, err := s.descend(ctx, d.Dir)
	if err != nil || out {
		return err
	}
	return s.scan(ctx, []*folder{f}, d.Recursive)
}

// scan reads folders and those below them, and records what has changed. With !deep, of
// those below only the new ones are read.
func (s *local) scan(ctx context.Context, list []*folder, deep bool) error {
	w := *s.walker
	w.tree = newTree(s.walker.tree.top)
	w.out = make(chan *listing, 64)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	walked := make(chan error, 1)
	v := &visitor{walker: &w, lister: newLister()}
	c := &comparer{rules: s.rules, neighbours: &s.neighbours, each: s.each, tally: s.tally}
	for _, f := range list {
		if err := s.first(ctx, v, c, f, deep); err != nil {
			w.tree.drop()
			return err
		}
	}
	go func() {
		err := w.run(ctx)
		close(w.out)
		walked <- err
	}()
	err := s.record(ctx, c, &w)
	if err != nil {
		cancel(err)
		w.tree.end()
	}
	for l := range w.out { // nobody may wait for us
		w.free.Put(l)
	}
	if failed := <-walked; err == nil {
		err = failed
	}
	w.tree.drop()
	if err != nil {
		// What was found so far is right, whatever ended the scan.
		saved := s.flush(context.WithoutCancel(ctx))
		return errors.Join(err, saved)
	}
	return nil
}

// first reads a folder where a scan begins, and leaves those below it to the walker.
func (s *local) first(ctx context.Context, v *visitor, c *comparer, f *folder, deep bool) error {
	if err := s.steer.check(ctx); err != nil {
		return err
	}
	fd, err := v.tree.reopen(v.lister, f)
	for isGone(err) && f.up != nil { // maybe one above it is gone
		var up int
		if up, err = v.tree.reopen(v.lister, f.up); err == nil {
			closeFD(up)
			err = iofs.ErrNotExist
			break
		}
		f = f.up
	}
	var l *listing
	if err == nil {
		if l, err = v.list(f, fd); errors.Is(err, errSkip) {
			closeFD(fd)
			return nil
		}
	}
	if err != nil {
		if fd >= 0 {
			closeFD(fd)
		}
		if f.up == nil {
			return fmt.Errorf("location %q: %s: %w", s.loc.Name, localPath(s.loc.Path), bare(err))
		}
		l = v.failed(f, err)
	}
	if err := s.compare(ctx, c, []*listing{l}); err != nil || l.state != listed {
		if l.state == listed {
			closeFD(fd)
		}
		return err
	}
	if !deep {
		f.onlyNew()
	}
	if len(f.ends) == 0 {
		closeFD(fd)
		return nil
	}
	v.tree.push(f, fd)
	return nil
}

// onlyNew drops the subfolders that the catalog has.
func (f *folder) onlyNew() {
	var names []byte
	var ends []uint32
	var rows []catalog.FolderID
	for i, row := range f.rows {
		if row == 0 {
			names = append(names, f.sub(i)...)
			ends = append(ends, uint32(len(names)))
			rows = append(rows, 0)
		}
	}
	f.names, f.ends, f.rows = names, ends, rows
}

// record takes what the walker finds until there is no more.
func (s *local) record(ctx context.Context, c *comparer, w *walker) error {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	batch := make([]*listing, 0, cap(w.out))
	for {
		batch = batch[:0]
		select {
		case l, ok := <-w.out:
			if !ok {
				return nil
			}
			batch = append(batch, l)
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		for more := len(batch) > 0; more && len(batch) < cap(batch); {
			select {
			case l, ok := <-w.out:
				if more = ok; ok {
					batch = append(batch, l)
				}
			default:
				more = false
			}
		}
		if err := s.compare(ctx, c, batch); err != nil {
			return err
		}
		for _, l := range batch {
			w.free.Put(l)
		}
		s.told(false)
	}
}

// compare looks for changes in what listings tell, and writes them when it is time.
func (s *local) compare(ctx context.Context, c *comparer, batch []*listing) error {
	var found []*change
	if len(batch) > 0 {
		err := s.recorder.catalog.View(ctx, func(v *catalog.View) error {
			for _, l := range batch {
				ch, err := c.compare(v, l)
				if err != nil {
					return err
				}
				if ch != nil {
					found = append(found, ch)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, ch := range found {
		if err := s.recorder.add(ctx, ch); err != nil {
			return err
		}
	}
	if due, ok := s.recorder.due(); ok && !time.Now().Before(due) {
		return s.flush(ctx)
	}
	return nil
}

// localPath is the absolute path of what has that path in the catalog of this device.
func localPath(path string) string { return "/" + path }

// bare is an error without the path that it names.
func bare(err error) error {
	var path *iofs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
