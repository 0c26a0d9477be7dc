package index

import (
	"context"
	"sort"
	"strings"

	"sd/identity"
	"sd/library/catalog"
)

// comparer finds out what listings have that the catalog has not, and the other way round.
// It is for one goroutine.
type comparer struct {
	rules      *rules
	neighbours *neighbours
	each       func(Difference) error // nil: nobody wants to know
	tally      *tally
	rows       rowReader // of the present folder; kept for its memory
}

// compare returns what is to be written of a folder, or nil.
func (c *comparer) compare(v *catalog.View, l *listing) (*change, error) {
	f := l.dir
	if f.up != nil && f.up.rows != nil {
		f.row = f.up.rows[f.pos]
	}
	c.tally.problems(l.problems)
	switch l.state {
	case vanished:
		return c.vanished(f)
	case unreadable:
		c.tally.folders.Add(1)
		if f.row != 0 {
			return nil, nil
		}
		return &change{to: &f.target}, c.folder(f, Missing)
	}
	c.tally.folders.Add(1)
	ch := &change{to: &f.target}
	if f.row == 0 {
		f.rows = make([]catalog.FolderID, len(f.ends))
		if err := c.folder(f, Missing); err != nil {
			return nil, err
		}
		ch.set = l.row()
		return ch, c.files(ch, l, &rowReader{})
	}
	was, found, err := v.Folder(f.row)
	if err != nil {
		return nil, err
	}
	if set := l.row(); !found || was.ModTime != set.ModTime || was.Version != set.Version || !was.Listed {
		ch.set = set
	}
	subs, err := v.Folders(f.row)
	if err != nil {
		return nil, err
	}
	if err := c.folders(ch, l, subs); err != nil {
		return nil, err
	}
	c.rows = rowReader{folder: f.row, rows: c.rows.rows[:0]}
	c.rows.view = func(_ context.Context, fn func(*catalog.View) error) error { return fn(v) }
	if err := c.files(ch, l, &c.rows); err != nil {
		return nil, err
	}
	if ch.set == nil && ch.rows() == 1 {
		return nil, nil
	}
	return ch, nil
}

// row describes the listed folder as the catalog does.
func (l *listing) row() *catalog.Folder {
	return &catalog.Folder{ModTime: l.mtime, Version: identity.LocalVersion(l.ctime, l.dir.id.ino), Listed: true}
}

// vanished drops a folder that is not there any more.
func (c *comparer) vanished(f *folder) (*change, error) {
	if f.row == 0 || f.in == nil || f.inner.absent() {
		return nil, nil
	}
	ch := &change{to: f.in}
	ch.dropFolders = append(ch.dropFolders, dropped{f.row, f.inner.away()})
	return ch, c.folder(f, Stale)
}

// folders finds the rows of the subfolders, and those that are gone.
func (c *comparer) folders(ch *change, l *listing, was []catalog.Folder) error {
	f := l.dir
	f.rows = make([]catalog.FolderID, len(f.ends))
	i := 0
	for _, w := range was {
		for i < len(f.ends) && nameOf(f.sub(i)) < w.Name {
			i++
		}
		if i < len(f.ends) && nameOf(f.sub(i)) == w.Name {
			f.rows[i] = w.ID
			continue
		}
		keep := f.inner.at(w.Name)
		if l.leaves(l.left, w.Name) {
			if keep != nil && keep.here || c.neighbours.any(c.rules.place(f, []byte(w.Name)), true) {
				continue
			}
		} else if keep.absent() {
			continue
		} else {
			keep = keep.away()
		}
		ch.dropFolders = append(ch.dropFolders, dropped{w.ID, keep})
		if c.each != nil {
			if err := c.tell(c.rules.place(f, []byte(w.Name)), true, Stale, nil, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// nameOf is a name without the 0 behind it.
func nameOf(name []byte) string { return string(name[:len(name)-1]) }

// leaves tells whether the rules leave out a name that is there.
func (l *listing) leaves(list []entry, name string) bool {
	i := sort.Search(len(list), func(i int) bool { return string(l.name(&list[i])) >= name })
	return i < len(list) && string(l.name(&list[i])) == name
}

// files finds the files that are new, changed or gone.
func (c *comparer) files(ch *change, l *listing, was *rowReader) error {
	var names string // all of l.names, for those that are kept
	var files, bytes int64
	for i := range l.files {
		e := &l.files[i]
		name := l.name(e)
		old, err := c.upTo(ch, l, was, name)
		if err != nil {
			return err
		}
		if e.state == leftOut {
			if old != nil && !c.neighbours.any(c.rules.place(l.dir, name), false) {
				if err := c.gone(ch, l, old); err != nil {
					return err
				}
			}
			continue
		}
		files++
		if e.state == odd {
			continue
		}
		if e.typ == catalog.Regular {
			bytes += e.size
		}
		if old != nil && e.same(old) {
			continue
		}
		if names == "" {
			names = string(l.names)
		}
		ch.put = append(ch.put, e.file(names[e.off:e.off+uint32(e.n)]))
		what := Missing
		if old == nil {
			c.tally.added.Add(1)
		} else {
			c.tally.changed.Add(1)
		}
		if c.each != nil {
			is := &ch.put[len(ch.put)-1]
			if old != nil {
				what = difference(old, is)
			}
			if err := c.tell(c.rules.place(l.dir, name), false, what, old, is); err != nil {
				return err
			}
		}
	}
	c.tally.files.Add(files)
	c.tally.bytes.Add(bytes)
	for {
		w, err := was.peek(context.Background())
		if err != nil || w == nil {
			return err
		}
		if err := c.gone(ch, l, w); err != nil {
			return err
		}
		was.skip()
	}
}

// upTo drops the files before name, and returns what the catalog has of that name. It is
// good until the next call.
func (c *comparer) upTo(ch *change, l *listing, was *rowReader, name []byte) (*catalog.File, error) {
	for {
		w, err := was.peek(context.Background())
		if err != nil || w == nil || w.Name > string(name) {
			return nil, err
		}
		if w.Name == string(name) {
			was.skip()
			return w, nil
		}
		if err := c.gone(ch, l, w); err != nil {
			return nil, err
		}
		was.skip()
	}
}

// gone drops a file.
func (c *comparer) gone(ch *change, l *listing, was *catalog.File) error {
	ch.drop = append(ch.drop, was.Name)
	c.tally.removed.Add(1)
	if c.each == nil {
		return nil
	}
	return c.tell(c.rules.place(l.dir, []byte(was.Name)), false, Stale, was, nil)
}

// folder tells of a folder as a whole.
func (c *comparer) folder(f *folder, what What) error {
	if c.each == nil {
		return nil
	}
	return c.tell(c.rules.place(f, nil), true, what, nil, nil)
}

func (c *comparer) tell(path string, folder bool, what What, was, is *catalog.File) error {
	c.tally.differs(what)
	return c.each(Difference{Path: strings.Clone(path), Folder: folder, What: what, Was: was, Is: is})
}
