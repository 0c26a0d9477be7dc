package index

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"

	"sd/backends"
	"sd/library/catalog"
)

// changeRows is how many files of one folder are written as one change, at least.
const changeRows = 1000

// errRangeEnd ends a list that has come to the end of its range.
var errRangeEnd = errors.New("end of the range")

// keyStream compares one range of a flat list with the catalog, as it comes. The folders that
// the present key is in are on a stack. All that the catalog has between two keys is gone.
type keyStream struct {
	*cloud
	ctx     context.Context
	changes chan<- *change
	shared  *sharedFolder
	base    string // what all keys of the location begin with
	span    keyRange
	stack   []*cloudFolder
	last    string
	buf     []byte
}

// list lists one range and finds what has changed there. What is in the catalog and not in
// the list is dropped only as far as the list has come.
func (s *cloud) list(ctx context.Context, dir string, shared *sharedFolder, span keyRange, changes chan<- *change) error {
	k := &keyStream{cloud: s, ctx: ctx, changes: changes, shared: shared, span: span}
	if s.loc.Path != "" {
		k.base = s.loc.Path + "/"
	}
	top := *shared.cloudFolder
	top.subs, top.seen, top.change = nil, nil, nil
	top.rows = rowReader{view: s.recorder.catalog.View, folder: top.target.row, from: span.from, end: span.end}
	k.stack = []*cloudFolder{&top}
	err := s.walker.Walk(ctx, dir, span.after, k.page)
	switch {
	case errors.Is(err, errRangeEnd) || err == nil:
	case errors.Is(err, iofs.ErrNotExist):
		return fmt.Errorf("location %q: %w: %w", s.loc.Name, ErrRoot, err)
	default:
		return fmt.Errorf("location %q: %w", s.loc.Name, err)
	}
	for len(k.stack) > 1 {
		if err := k.leave(); err != nil {
			return err
		}
	}
	if err := k.restGone(&top); err != nil {
		return err
	}
	return k.send(&top)
}

// page takes one page of the list.
func (k *keyStream) page(list []backends.Entry) error {
	if err := k.steer.check(k.ctx); err != nil {
		return err
	}
	for i := range list {
		if err := k.entry(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (k *keyStream) entry(e *backends.Entry) error {
	key := e.Name
	if e.Kind == backends.Dir {
		key += "/"
	}
	if !strings.HasPrefix(key, k.base) || k.last != "" && key <= k.last {
		return fmt.Errorf("the store lists %q after %q, which is out of order: nothing behind it was changed", key, k.last)
	}
	k.last = key
	rest := key[len(k.base):]
	switch {
	case rest < k.span.from:
		return nil
	case k.span.end != "" && rest >= k.span.end:
		return errRangeEnd
	}
	for len(k.stack) > 1 && !k.inside(rest) {
		if err := k.leave(); err != nil {
			return err
		}
	}
	k.shared.find()
	rest = rest[len(k.stack[len(k.stack)-1].at.path):]
	for {
		skip := 0
		if k.base == "" && len(k.stack[len(k.stack)-1].at.path) == 0 && rest != "" {
			skip = 1 // a slash in front is part of the name in the root
		}
		i := strings.IndexByte(rest[skip:], '/')
		if i < 0 {
			break
		}
		if err := k.enter(rest[:skip+i]); err != nil {
			return err
		}
		rest = rest[skip+i+1:]
	}
	if e.Kind == backends.Dir {
		return nil
	}
	return k.file(rest, e)
}

// inside tells whether a key lies in the folder on top of the stack.
func (k *keyStream) inside(rest string) bool {
	path := k.stack[len(k.stack)-1].at.path
	return len(rest) >= len(path) && rest[:len(path)] == string(path)
}

// enter puts a subfolder of the present folder on the stack.
func (k *keyStream) enter(name string) error {
	name = strings.Clone(name)
	up := k.stack[len(k.stack)-1]
	f := &cloudFolder{target: &target{in: up.target, name: name}, at: up.at.below([]byte(name)), inner: up.inner.at(name)}
	k.stack = append(k.stack, f)
	if f.out = up.out || k.leavesOut(up, name, true); f.out {
		return nil
	}
	k.tally.folders.Add(1)
	if len(k.stack) == 2 {
		f.target.row = k.shared.enter(name)
	} else if i, ok := up.sub(name); ok {
		up.seen[i] = true
		f.target.row = up.subs[i].ID
	}
	if err := f.load(k.ctx, k.recorder.catalog); err != nil || !f.fresh {
		return err
	}
	return k.tell(func() string { return k.self(f) }, true, Missing, nil, nil)
}

// leave takes the folder on top off the stack: all that there is of it has come.
func (k *keyStream) leave() error {
	f := k.stack[len(k.stack)-1]
	k.stack = k.stack[:len(k.stack)-1]
	if f.out {
		return nil
	}
	if err := k.restGone(f); err != nil {
		return err
	}
	return k.complete(f)
}

// complete drops the subfolders that are gone, and says that the folder was listed.
func (k *keyStream) complete(f *cloudFolder) error {
	for i, sub := range f.subs {
		if f.seen[i] {
			continue
		}
		keep := f.inner.at(sub.Name)
		if k.leavesOut(f, sub.Name, true) {
			if keep != nil && keep.here || k.neighbours.any(k.path(f, sub.Name), true) {
				continue
			}
		} else {
			keep = nil
		}
		c := f.changes()
		c.dropFolders = append(c.dropFolders, dropped{sub.ID, keep})
		if err := k.tell(func() string { return k.path(f, sub.Name) }, true, Stale, nil, nil); err != nil {
			return err
		}
	}
	if f.fresh || !f.was.Listed {
		f.changes().set = &catalog.Folder{ModTime: f.was.ModTime, Version: f.was.Version, Listed: true}
	}
	return k.send(f)
}

// restGone drops the files of f from the present row on.
func (k *keyStream) restGone(f *cloudFolder) error {
	for {
		row, err := f.rows.peek(k.ctx)
		if err != nil || row == nil {
			return err
		}
		if err := k.gone(f, row); err != nil {
			return err
		}
		f.rows.skip()
	}
}

// file compares one file of the present folder.
func (k *keyStream) file(name string, e *backends.Entry) error {
	f := k.stack[len(k.stack)-1]
	if f.out || k.leavesOut(f, name, false) {
		return nil
	}
	var old *catalog.File
	for {
		row, err := f.rows.peek(k.ctx)
		if err != nil {
			return err
		}
		if row == nil || row.Name > name {
			break
		}
		if row.Name == name {
			old = row
			f.rows.skip()
			break
		}
		if err := k.gone(f, row); err != nil {
			return err
		}
		f.rows.skip()
	}
	k.tally.files.Add(1)
	is, err := k.described(name, e, old)
	if err != nil {
		return err
	}
	k.tally.bytes.Add(is.Size)
	same := false
	if old != nil {
		if same = old.Size == is.Size && old.Version == is.Version && old.Type == is.Type; same {
			is.Content, is.Proof, is.Hint, is.Kind = old.Content, old.Proof, old.Hint, old.Kind // the same bytes
			if is.Sums == "" {
				is.Sums = old.Sums
			}
		}
		if is == *old {
			return nil
		}
	}
	is.Name = strings.Clone(name)
	what := Missing
	switch {
	case same: // that version is known; when the service got it, only the service knows for sure
	case old == nil:
		k.tally.added.Add(1)
	default:
		k.tally.changed.Add(1)
		what = difference(old, &is)
	}
	c := f.changes()
	c.put = append(c.put, is)
	if !same {
		if err := k.tell(func() string { return k.path(f, name) }, false, what, old, &is); err != nil {
			return err
		}
	}
	if len(c.put)+len(c.drop) < changeRows {
		return nil
	}
	return k.send(f)
}

// described is the row of an object. A document whose size the list does not tell is asked for,
// unless it was changed last when the catalog says and could be had then; one that cannot be had
// stays as it was.
func (k *keyStream) described(name string, e *backends.Entry, old *catalog.File) (catalog.File, error) {
	if !e.Unsized {
		return cloudFile(name, e), nil
	}
	if old != nil && old.Version != "" && !e.ModTime.IsZero() && old.ModTime == e.ModTime.UnixNano() {
		return *old, nil
	}
	now, err := k.documents.Stat(k.ctx, e.Name)
	switch {
	case err == nil:
		return cloudFile(name, &now), nil
	case k.ctx.Err() != nil || errors.Is(err, backends.ErrOffline):
		return catalog.File{}, err
	case old != nil:
		return *old, nil
	}
	return cloudFile(name, e), nil
}

// cloudFile describes an object as the catalog does.
func cloudFile(name string, e *backends.Entry) catalog.File {
	f := catalog.File{Name: name, Size: e.Size, Version: e.Version, Kind: catalog.KindOf(name)}
	if e.Kind == backends.Symlink {
		f.Type, f.Kind = catalog.Symlink, catalog.KindUnknown
	}
	if !e.ModTime.IsZero() {
		f.ModTime = e.ModTime.UnixNano()
	}
	if len(e.Sums) == 1 {
		f.Sums = e.Sums[0].Algorithm + ":" + e.Sums[0].Hex
		return f
	}
	sums := make([]string, len(e.Sums))
	for i, s := range e.Sums {
		sums[i] = s.Algorithm + ":" + s.Hex
	}
	f.Sums = strings.Join(sums, "\n")
	return f
}

// gone drops a file, unless another location wants what this one leaves out.
func (k *keyStream) gone(f *cloudFolder, row *catalog.File) error {
	if len(k.neighbours.covers) > 0 && k.leavesOut(f, row.Name, false) && k.neighbours.any(k.path(f, row.Name), false) {
		return nil
	}
	k.tally.removed.Add(1)
	c := f.changes()
	c.drop = append(c.drop, row.Name)
	if err := k.tell(func() string { return k.path(f, row.Name) }, false, Stale, row, nil); err != nil || len(c.put)+len(c.drop) < changeRows {
		return err
	}
	return k.send(f)
}

func (k *keyStream) leavesOut(f *cloudFolder, name string, folder bool) (out bool) {
	out, k.buf = k.rules.leavesOut(&f.at, []byte(name), folder, k.buf)
	return out
}

// path is the path in the catalog of a file or folder in f.
func (k *keyStream) path(f *cloudFolder, name string) string {
	if k.loc.Path == "" {
		return string(f.at.path) + name
	}
	return k.loc.Path + "/" + string(f.at.path) + name
}

// self is the path in the catalog of f.
func (k *keyStream) self(f *cloudFolder) string {
	return joinPath(k.loc.Path, strings.TrimSuffix(string(f.at.path), "/"))
}

func (k *keyStream) tell(path func() string, folder bool, what What, was, is *catalog.File) error {
	if k.pass.each == nil {
		return nil
	}
	k.tally.differs(what)
	return k.pass.each(Difference{Path: path(), Folder: folder, What: what, Was: was, Is: is})
}

// send has written what has changed in f so far.
func (k *keyStream) send(f *cloudFolder) error {
	if f.change == nil {
		return nil
	}
	select {
	case k.changes <- f.change:
		f.change = nil
		return nil
	case <-k.ctx.Done():
		return k.ctx.Err()
	}
}
