package rename

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"sd/backends"
)

// tree is what a store must offer for a folder to be renamed in it.
type tree struct {
	verbs
	backends.Walker
	dirs backends.DirMaker // nil where folders exist by what is in them alone
}

func needsTree(b backends.Backend) (tree, error) {
	v, err := needs(b)
	w, ok := b.(backends.Walker)
	if err != nil || !ok {
		return tree{}, errors.ErrUnsupported
	}
	dirs, _ := b.(backends.DirMaker)
	return tree{v, w, dirs}, nil
}

// Dir renames a folder and all below it: from and to are whole names, and to must be
// absent or an empty folder. progress, which may be nil, is told how many of all
// copies and removals are done; it must not block.
//
// Where Holds(err) is false the old tree holds, and what was copied has been taken
// back or will be: so too when ctx ends before all is copied. After that the rename
// holds and is brought to its end whatever becomes of ctx.
func (j *Journal) Dir(ctx context.Context, volume string, b backends.Backend, from, to string, progress func(done, total int)) error {
	if err := j.enter(); err != nil {
		return fail(from, err)
	}
	defer j.work.Done()
	switch {
	case from == "" || to == "" || strings.HasPrefix(to, from+"/"):
		return fail(from, iofs.ErrInvalid)
	case from == to:
		return nil
	}
	if r, ok := b.(backends.Renamer); ok {
		return r.Rename(ctx, from, to, backends.Cond{})
	}
	v, err := needsTree(b)
	if err != nil {
		return fail(from, err)
	}
	t, err := j.begin(header{Volume: volume, From: []byte(from), To: []byte(to), Folder: true})
	if err != nil {
		return fail(from, err)
	}
	if err := j.list(ctx, v, t); err != nil {
		j.done(t)
		return err
	}
	step := t.steps(progress)
	if err = j.copyTree(ctx, v, t, step); err == nil {
		if err = t.phase(deleting); err == nil {
			err = t.sync()
		}
	}
	if err != nil {
		return j.undo(ctx, v, t, err)
	}
	return j.finish(ctx, v, t, step)
}

// steps counts what is done, and tells it to progress.
func (t *task) steps(progress func(done, total int)) func() {
	var mu sync.Mutex
	done, total := 0, 2*t.plan.total
	return func() {
		t.done.Add(1)
		if progress == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		done++
		progress(done, total)
	}
}

// copyTree copies all, the folders' own markers first: a store has no need to make one
// where something lies below already. When ctx ends or a copy fails, it begins no
// more and waits for those under way.
func (j *Journal) copyTree(ctx context.Context, v tree, t *task, step func()) error {
	requests, cancel := j.bound(ctx)
	defer cancel()
	if err := j.markers(ctx, t, false, func(index int, r record) error {
		defer step()
		return j.mark(requests, v, t, index, r)
	}); err != nil {
		return err
	}
	group, dispatch := errgroup.WithContext(ctx)
	group.SetLimit(j.cfg.Parallel)
	err := t.entries(func(index int, r record) error {
		if r.kind != isFile {
			return nil
		}
		if err := j.over(dispatch); err != nil {
			return err
		}
		group.Go(func() error {
			if err := j.over(dispatch); err != nil {
				return err
			}
			defer step()
			return j.copy(requests, v, t, index, r)
		})
		return nil
	})
	if first := group.Wait(); first != nil {
		return first
	}
	return err
}

// over tells whether nothing more is to be begun.
func (j *Journal) over(ctx context.Context) error {
	if j.ctx.Err() != nil {
		return iofs.ErrClosed
	}
	return ctx.Err()
}

// copy makes one copy and notes it.
func (j *Journal) copy(ctx context.Context, v tree, t *task, index int, r record) error {
	to, from := r.in(t.header.To), r.in(t.header.From)
	e, err := v.Copy(ctx, to, from, backends.CopyOptions{Source: r.version, Size: r.size, Cond: backends.Cond{Absent: true}})
	switch {
	case err == nil:
		return t.add(record{kind: copied, index: index, version: e.Version})
	case errors.Is(err, iofs.ErrExist):
		_ = t.add(record{kind: refused, index: index})
	case !sure(err):
		j.unsettled(t, r.size)
	}
	return err
}

// mark makes the marker of one folder and notes it. One that is there is good, and not
// ours to take back.
func (j *Journal) mark(ctx context.Context, v tree, t *task, index int, r record) error {
	if v.dirs == nil {
		return fail(r.in(t.header.From), errors.ErrUnsupported)
	}
	err := v.dirs.Mkdir(ctx, r.in(t.header.To))
	switch {
	case err == nil:
		return t.add(record{kind: copied, index: index})
	case errors.Is(err, iofs.ErrExist):
		return t.add(record{kind: refused, index: index})
	case !sure(err):
		j.unsettled(t, 0)
	}
	return err
}

// markers calls use with all planned folders, many at a time, but level by level: from
// the root on, or towards it.
func (j *Journal) markers(ctx context.Context, t *task, deepFirst bool, use func(index int, r record) error) error {
	levels := map[int][]marker{}
	deepest := -2
	for _, m := range t.plan.marked {
		levels[m.depth] = append(levels[m.depth], m)
		deepest = max(deepest, m.depth)
	}
	for i := range deepest + 2 {
		level := i - 1
		if deepFirst {
			level = deepest - i
		}
		group, dispatch := errgroup.WithContext(ctx)
		group.SetLimit(j.cfg.Parallel)
		for _, m := range levels[level] {
			group.Go(func() error {
				if err := j.over(dispatch); err != nil {
					return err
				}
				r, err := t.at(m.off)
				if err != nil {
					return err
				}
				return use(m.index, r)
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// in gives the whole name that r has below dir, which may be dir itself.
func (r record) in(dir []byte) string {
	if r.name == "" && r.kind == isMarker {
		return string(dir)
	}
	return string(dir) + "/" + r.name
}

// finish removes the old tree after the copies have been made.
func (j *Journal) finish(ctx context.Context, v tree, t *task, step func()) error {
	from := string(t.header.From)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(j.ctx, cancel)()
	stays, err := j.removeTree(ctx, v, t, nil, step)
	switch {
	case j.ctx.Err() != nil:
		return fail(from, &UnfinishedError{iofs.ErrClosed})
	case err != nil:
		j.later(t, err)
		return fail(from, &UnfinishedError{err})
	}
	j.done(t)
	if stays != nil {
		return fail(from, stays)
	}
	return nil
}

// undo takes the copies back because of cause, which it returns.
func (j *Journal) undo(ctx context.Context, v tree, t *task, cause error) error {
	if j.ctx.Err() != nil {
		return fail(string(t.header.From), iofs.ErrClosed)
	}
	_ = t.phase(undoing)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(j.ctx, cancel)()
	err := j.takeBack(ctx, v, t)
	switch {
	case j.ctx.Err() != nil:
		return fail(string(t.header.From), iofs.ErrClosed)
	case err == nil && j.settled(t):
		j.done(t)
	default:
		j.later(t, cause)
	}
	return cause
}
