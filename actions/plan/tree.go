package plan

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// treeWalk plans one folder and all below it.
type treeWalk struct {
	*copier
	from    stores.Store
	dir     string // the target's name for it
	whole   bool   // what is missing at the target can be renamed, folders with all in them
	blocked string // what begins so is not planned: it goes with its folder, or cannot go
	open    []folder
}

// folder is one that the present file is in.
type folder struct {
	rel    string
	entry  stores.Entry
	name   string // at the target
	there  bool   // at the target
	taken  bool   // by itself, whether something is in it or not
	made   bool
	filled bool // something goes into it
}

// tree plans the folder r, which becomes the folder called name.
func (c *copier) tree(ctx context.Context, r root, name string) error {
	t := &treeWalk{copier: c, from: r.st, dir: name}
	there, missing, err := t.state(ctx, r, name)
	if err != nil {
		return err
	}
	if there != nil && there.Kind != stores.Dir {
		c.conflict(uri(r.st, r.entry.Name), uri(c.to.st, name), "a file is where the folder is to go")
		return nil
	}
	t.whole = c.moving() && c.filter == nil && !c.isStoreRoot(r)
	if t.whole && missing && !c.shared[r.base] && c.renames(r.st, &r.entry) && c.names.take(name, wholeFolder) {
		return c.addRename(ctx, job{from: r.st, entry: r.entry, to: name})
	}
	if !c.names.take(name, someFolder) {
		c.conflict(uri(r.st, r.entry.Name), uri(c.to.st, name), c.names.why())
		return nil
	}
	t.open = append(t.open, folder{
		entry: r.entry, name: name, there: there != nil || c.to.isRoot && name == c.to.name, taken: !c.filter.Chooses(),
	})
	if c.moving() && !c.isStoreRoot(r) {
		c.empties(r.st, &r.entry)
	}
	if err := t.make(ctx, false); err != nil {
		return err
	}
	// Folders of either side that cannot be listed are told of, and the rest is planned.
	from := compare.Side{Store: r.st, Dir: r.entry.Name, Filter: c.filter, Needed: true, Walk: stores.WalkOptions{Problem: c.unlisted(r.st)}}
	to := compare.Side{Store: c.to.st, Dir: name, Missing: missing, Walk: stores.WalkOptions{Problem: c.unlisted(c.to.st)}}
	if err := compare.Follow(ctx, from, to, func(rel string, x, y *stores.Entry) error { return t.visit(ctx, rel, x, y) }); err != nil {
		return err
	}
	t.leave("", true)
	return nil
}

// state tells what is at the target of a folder: the entry where one was asked for, and whether
// it is known that nothing is there.
func (t *treeWalk) state(ctx context.Context, r root, name string) (there *stores.Entry, missing bool, err error) {
	switch {
	case name == t.to.name && t.to.unasked:
		return nil, false, nil
	case name == t.to.name:
		if t.to.there {
			e := t.to.entry
			there = &e
		}
	case t.to.local == nil:
		return nil, false, nil // the listing tells
	default:
		if there, err = t.lookup.entry(ctx, name); err != nil {
			return nil, false, err
		}
	}
	return there, there == nil, nil
}

func (c *copier) isStoreRoot(r root) bool { return r.entry.Name == "" || r.entry.Name == "/" }

// visit plans one entry, and what comes with it.
func (t *treeWalk) visit(ctx context.Context, rel string, x, y *stores.Entry) error {
	t.look(x.Size)
	if t.blocked != "" && strings.HasPrefix(rel, t.blocked) {
		return nil
	}
	t.leave(rel, false)
	name := t.to.st.Join(t.dir, rel)
	if x.Kind != stores.Dir {
		return t.file(ctx, x, y, name)
	}
	if y != nil && y.Kind != stores.Dir {
		t.conflict(uri(t.from, x.Name), uri(t.to.st, name), "a file is where the folder is to go")
		t.blocked = rel + "/"
		return nil
	}
	if !t.names.take(name, someFolder) {
		t.conflict(uri(t.from, x.Name), uri(t.to.st, name), t.names.why())
		t.blocked = rel + "/"
		return nil
	}
	if !t.named(t.from, x, name) {
		t.blocked = rel + "/"
		return nil
	}
	if t.whole && y == nil && t.names == nil && t.renames(t.from, x) {
		if err := t.make(ctx, true); err != nil {
			return err
		}
		t.blocked = rel + "/"
		return t.addRename(ctx, job{from: t.from, entry: *x, to: name})
	}
	t.open = append(t.open, folder{rel: rel, entry: *x, name: name, there: y != nil, taken: t.filter.Takes(rel, true)})
	if t.moving() {
		t.empties(t.from, x)
	}
	return t.make(ctx, false)
}

// file plans a file and the folders that it goes into.
func (t *treeWalk) file(ctx context.Context, x, y *stores.Entry, name string) error {
	if x.Kind == stores.Special {
		t.special(t.from, x)
		return nil
	}
	if err := t.make(ctx, true); err != nil {
		return err
	}
	j := job{from: t.from, entry: *x, to: name}
	if y != nil {
		there := *y
		j.there = &there
	}
	return t.add(ctx, j)
}

// leave closes the folders that rel does not lie in; all of them with all. In a volume one in
// which nothing is gets a marker, so that it is there.
func (t *treeWalk) leave(rel string, all bool) {
	for n := len(t.open); n > 0; n-- {
		last := &t.open[n-1]
		if !all && (last.rel == "" || strings.HasPrefix(rel, last.rel) && len(rel) > len(last.rel) && rel[len(last.rel)] == '/') {
			return
		}
		if t.to.vol != nil && last.taken && !last.filled && !last.there && last.name != "" {
			if _, ok := t.to.vol.Backend().(backends.DirMaker); ok {
				t.markers = append(t.markers, marker{t.from, last.entry, last.name})
			}
		}
		t.open = t.open[:n-1]
	}
}

// make plans the open folders that are missing, now that something is to go into them, or if
// they are taken by themselves. In a volume folders come with their files.
func (t *treeWalk) make(ctx context.Context, fill bool) error {
	for i := range t.open {
		t.open[i].filled = t.open[i].filled || fill
	}
	if t.to.local == nil || !fill && !t.open[len(t.open)-1].taken {
		return nil
	}
	for i := range t.open {
		f := &t.open[i]
		if f.there || f.made {
			continue
		}
		f.made = true
		if err := t.add(ctx, job{mkdir: true, from: t.from, entry: f.entry, to: f.name}); err != nil {
			return err
		}
		if f.entry.HasMode || f.entry.TimeKnown {
			t.metas = append(t.metas, meta{from: t.ref(t.from, f.entry.Name), to: t.ref(t.to.st, f.name), entry: attributes{
				mode: f.entry.Mode, time: f.entry.ModTime, timeKnown: f.entry.TimeKnown,
			}})
		}
	}
	return nil
}

// unlisted notes folders of a store that cannot be listed.
func (p *planner) unlisted(st stores.Store) func(name string, err error) error {
	return func(name string, err error) error {
		switch {
		case errors.Is(err, stores.ErrForeign):
			p.sum.Warn("foreign", "pseudo file systems and mounts of sd are left out", uri(st, name))
		case errors.Is(err, iofs.ErrPermission):
			p.deny(uri(st, name), "", "this folder may not be listed")
		case errors.Is(err, iofs.ErrNotExist):
			return err
		case isLocalStore(st):
			p.deny(uri(st, name), "", fmt.Sprintf("this folder cannot be listed: %v", reason(err)))
		default:
			return err // a service that does not answer has no empty folders
		}
		return nil
	}
}

// addRename adds the step that moves a file, or a folder with all in it.
func (c *copier) addRename(ctx context.Context, j job) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	s := c.step(steps.OpRename, &j)
	s.Method, s.Absent, s.Note = steps.Rename, true, "with all that is in it"
	c.sum.Renamed(j.entry.Kind, j.entry.Size)
	c.local(1, 0)
	c.request(c.to.st, "COPY", 1)
	_, err := c.w.Add(s)
	return err
}
