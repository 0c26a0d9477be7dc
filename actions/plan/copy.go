package plan

import (
	"context"
	"errors"
	"fmt"
	"path"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
)

// copier plans a cp or mv.
type copier struct {
	*planner
	to      *target
	lookup  *lookup // of what lies in the target folder
	queue   []job   // what waits until enough is known about it
	links   links
	names   *names // of what goes to the target, where two could be alike
	metas   []meta // folders that get their attributes when all is in them
	markers []marker
	emptied []steps.Ref
	shared  map[string]bool // names that several sources have
	need    int64           // bytes that are written to the target
	window  timeWindow      // how exactly times are kept where the present source is
	denied  string          // the folder that was last found not to be writable
	allowed string          // and the last one that was
	dev     uint64
	mount   string
}

// copy plans cp and mv.
func (p *planner) copy(ctx context.Context) error {
	if len(p.spec.Sources) == 0 || p.spec.Target.URI == "" {
		return errors.New("name what to copy and where to")
	}
	c := &copier{planner: p, shared: sharedNames(p.spec.Sources)}
	several := len(p.spec.Sources) > 1
	var first *root
	begin := func() error {
		var err error
		if c.to, err = p.findTarget(ctx, several); err != nil {
			return err
		}
		if err := p.prepare(ctx, c.to); err != nil {
			return err
		}
		c.lookup = &lookup{st: c.to.st, dir: c.to.name, empty: c.to.local != nil && !c.to.there}
		if several || c.to.fold != nil {
			c.names = newNames(c.to.fold)
		}
		c.whereabouts(ctx)
		return nil
	}
	// The first of what a pattern matches waits until it is known whether there are more: that
	// decides about the target.
	err := p.eachRoot(ctx, func(r root) error {
		switch {
		case c.to != nil:
		case first == nil && r.matched && !several:
			first = &r
			return nil
		default:
			several = several || first != nil
			if err := begin(); err != nil {
				return err
			}
		}
		if first != nil {
			held := *first
			first = nil
			if err := c.root(ctx, held); err != nil {
				return err
			}
		}
		return c.root(ctx, r)
	})
	if err != nil {
		return err
	}
	if first != nil {
		if err := begin(); err != nil {
			return err
		}
		if err := c.root(ctx, *first); err != nil {
			return err
		}
	}
	return c.end(ctx)
}

// sharedNames are the names that more than one source would have in a folder.
func sharedNames(list []steps.Source) map[string]bool {
	shared, seen := map[string]bool{}, map[string]bool{}
	for _, s := range list {
		base := path.Base(s.URI)
		if s.Slash {
			base = ""
		}
		shared[base] = seen[base]
		seen[base] = true
	}
	return shared
}

// root plans one of the sources.
func (c *copier) root(ctx context.Context, r root) error {
	from := uri(r.st, r.entry.Name)
	switch {
	case r.entry.Kind == stores.Special:
		c.special(r.st, &r.entry)
		return nil
	case r.entry.Kind == stores.Dir && !c.moving() && !c.spec.Options.Recursive:
		return fmt.Errorf("%s is a folder: copy it with -r", from)
	}
	if c.moving() {
		if err := c.movable(ctx, r.st, &r.entry); err != nil {
			return err
		}
	}
	c.window = 0
	if l, ok := r.st.(*stores.Local); ok {
		c.window = compare.Window(fsType(l, r.entry.Name))
	}
	name := c.to.name
	if c.to.into() && r.base != "" {
		name = c.to.st.Join(c.to.name, r.base)
	}
	if r.entry.Kind != stores.Dir {
		return c.oneFile(ctx, r, name)
	}
	if err := c.apart(ctx, r, name); err != nil {
		return err
	}
	return c.tree(ctx, r, name)
}

// oneFile plans a source that is a file or link.
func (c *copier) oneFile(ctx context.Context, r root, name string) error {
	if !c.filter.Takes(r.base, false) {
		return nil
	}
	there, err := c.present(ctx, name)
	if err != nil {
		return err
	}
	if there != nil && c.same(r.st, &r.entry, there) && !c.linked(&r.entry, there, name) {
		return refuse(uri(r.st, r.entry.Name), uri(c.to.st, name), "they are the same file")
	}
	return c.add(ctx, job{from: r.st, entry: r.entry, to: name, there: there})
}

// present tells what is there under the name that a source is to get; nil is nothing.
func (c *copier) present(ctx context.Context, name string) (*stores.Entry, error) {
	if name != c.to.name {
		return c.lookup.entry(ctx, name)
	}
	if !c.to.there {
		return nil, nil
	}
	e := c.to.entry
	return &e, nil
}

// same tells whether two entries are one file.
func (c *copier) same(st stores.Store, x, y *stores.Entry) bool {
	if !sameStore(st, c.to.st) {
		return false
	}
	return x.Name == y.Name || y.Inode != 0 && x.Dev == y.Dev && x.Inode == y.Inode
}

// linked tells whether two names are two hard links to one file.
func (c *copier) linked(x, y *stores.Entry, name string) bool {
	return x.Links > 1 && x.Inode == y.Inode && x.Dev == y.Dev && x.Name != name && x.Kind == y.Kind && !sameName(x.Name, name)
}

// end plans what comes when all files are in place: attributes of folders, then the removal of
// folders that a move has emptied.
func (c *copier) end(ctx context.Context) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	if err := c.addMarkers(); err != nil {
		return err
	}
	if err := c.addMetas(); err != nil {
		return err
	}
	if err := c.addRmdirs(c.emptied); err != nil {
		return err
	}
	c.links.warn(c.planner)
	return c.checkSpace(ctx)
}
