package rename

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"

	"sd/backends"
)

// plan is where in the journal of a folder's rename the entries to move stand, in key
// order, numbered from 0. Memory does not hold them: 1 GiB of names is fine.
type plan struct {
	start  int64 // of the first entry
	total  int
	marked []marker // folders of their own, which go before or after what is in them
	made   bool     // all entries are there
	// large is the size of the largest object.
	large int64
}

// marker is a planned folder.
type marker struct {
	index, depth int
	off          int64
}

// errStop ends a walk whose rest nobody needs.
var errStop = errors.New("seen enough")

// list writes the plan of a folder into the journal. Nothing at the provider changes.
// The walk begins in the folder above, right before the first key that this one has:
// else it would not tell whether there is a marker of the folder itself.
func (j *Journal) list(ctx context.Context, v tree, t *task) error {
	from, above := string(t.header.From), ""
	if i := strings.LastIndexByte(from, '/'); i > 0 {
		above = from[:i]
	}
	var page []record
	err := v.Walk(ctx, above, from+lastBeforeSlash, func(entries []backends.Entry) error {
		page = page[:0]
		over := false
		for _, e := range entries {
			rel, ok := strings.CutPrefix(e.Name, from+"/")
			switch {
			case e.Kind == backends.Dir && e.Name == from:
				page = append(page, record{kind: isMarker})
				if _, err := v.Stat(ctx, string(t.header.To)); err == nil {
					page = append(page, record{kind: refused}) // there is an empty one
				} else if !errors.Is(err, iofs.ErrNotExist) {
					return err
				}
				continue
			case !ok && e.Name < from+"/":
				continue
			case !ok:
				over = true
			case e.Kind == backends.Dir:
				page = append(page, record{kind: isMarker, name: rel})
				continue
			case e.Version == "":
				return fail(e.Name, errors.ErrUnsupported) // it could not be told from another
			default:
				page = append(page, record{kind: isFile, name: rel, size: e.Size, version: e.Version})
				continue
			}
			break
		}
		if err := t.add(page...); err != nil {
			return err
		}
		if over {
			return errStop
		}
		return nil
	})
	if err != nil && err != errStop && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if _, err := t.load(); err != nil {
		return err
	}
	if t.plan.total == 0 {
		return fail(from, iofs.ErrNotExist)
	}
	if err := t.phase(planned); err != nil {
		return err
	}
	t.set(func() { t.plan.made = true })
	return errors.Join(t.sync(), j.home.sync())
}

// lastBeforeSlash sorts before a slash, and hardly anything in between.
const lastBeforeSlash = ".\U0010FFFF"

// load reads the journal: the plan, the phase, and what is known of each entry. That
// is settled (-1: there is nothing to do about it, or it is not ours), or where the
// record of its copy stands, or 0.
func (t *task) load() (known []int64, err error) {
	var p plan
	state := byte(0)
	_, err = scan(t.reader(0), 0, func(off int64, r record) error {
		switch r.kind {
		case isHeader:
			return nil
		case isFile, isMarker:
			if p.total == 0 {
				p.start = off
			}
			if r.kind == isMarker {
				p.marked = append(p.marked, marker{p.total, depth(r.name), off})
			}
			p.total++
			p.large = max(p.large, r.size)
			known = append(known, 0)
			return nil
		case planned, deleting, undoing:
			p.made, state = true, r.kind
			return nil
		}
		if !t.header.Folder { // there is one entry, which is not written out
			state = deleting
			return nil
		}
		if r.index < 0 || r.index >= len(known) {
			return errDamaged
		}
		if known[r.index] = off; r.kind != copied {
			known[r.index] = -1
		}
		return nil
	})
	t.set(func() { t.plan, t.state = p, state })
	return known, err
}

// depth is that of a folder below the one that is renamed, which itself is at -1.
func depth(rel string) int {
	if rel == "" {
		return -1
	}
	return strings.Count(rel, "/")
}

// entries calls use with the entries of the plan in their order, until it errs.
func (t *task) entries(use func(index int, r record) error) error {
	next := t.pull()
	for {
		index, r, ok := next()
		if !ok {
			return nil
		}
		if err := use(index, r); err != nil {
			return err
		}
	}
}

// pull reads the entries of the plan one by one.
func (t *task) pull() func() (int, record, bool) {
	r, index := t.reader(t.plan.start), -1
	return func() (int, record, bool) {
		for index+1 < t.plan.total {
			rec, _, err := read(r)
			if err != nil {
				break
			}
			if rec.kind == isFile || rec.kind == isMarker {
				index++
				return index, rec, true
			}
		}
		return 0, record{}, false
	}
}

// beside walks the folder at and calls use with each of its entries that the plan has
// too. Both are in key order. at's own marker is not among them.
func (t *task) beside(ctx context.Context, w backends.Walker, at string, use func(index int, r record, e backends.Entry) error) error {
	next := t.pull()
	index, r, ok := next()
	if ok && r.kind == isMarker && r.name == "" {
		index, r, ok = next()
	}
	err := w.Walk(ctx, at, "", func(entries []backends.Entry) error {
		for _, e := range entries {
			rel, below := strings.CutPrefix(e.Name, at+"/")
			if !below {
				continue
			}
			key := place(rel, e.Kind == backends.Dir)
			for ok && place(r.name, r.kind == isMarker) < key {
				index, r, ok = next()
			}
			if ok && place(r.name, r.kind == isMarker) == key {
				if err := use(index, r, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}

// place is what key order orders by.
func place(rel string, folder bool) string {
	if folder {
		return rel + "/"
	}
	return rel
}
