package compare

import (
	"context"
	"strings"

	"sd/actions/stores"
)

// Follow walks tree a and looks up each name in tree b, for a copy from a to b: fn gets each
// entry of a, and that of b or nil. What only b has is not given, and folders that only b has
// are not entered. Folders that no include pattern is about are given as well.
//
// A file where b has a folder of the name, and a folder where b has a file, are given with
// that, so kinds may differ; what lies in such a folder follows, with nil. All else is as with
// Merge, but for the order: a file may come after names that begin with its own.
func Follow(ctx context.Context, a, b Side, fn func(rel string, x, y *stores.Entry) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.Folders = true
	b.Filter = nil
	left, right := a.start(ctx, mixed(a, b), false), b.start(ctx, mixed(a, b), true)
	defer left.stop(cancel)
	defer right.stop(cancel)
	f := follower{fn: fn}
	return unlessAll(f.run(left, right))
}

// follower knows the files of either side that the other might still have a folder for. Their
// names are the beginnings of the present one, so they are few.
type follower struct {
	fn    func(rel string, x, y *stores.Entry) error
	held  []item // files of a, that b has no file for
	files []item // files of b, that a has no file for
}

func (f *follower) run(a, b *stream) error {
	x, err := a.next()
	if err != nil {
		return err
	}
	y, err := b.next()
	if err != nil {
		return err
	}
	for x != nil || y != nil && len(f.held) > 0 {
		order := compareItems(x, y)
		if err := f.pass(x, y, order); err != nil {
			return err
		}
		if order >= 0 && b.enter != nil && y.folder() && !y.odd {
			b.enter <- order == 0
		}
		if order <= 0 {
			if x, err = a.next(); err != nil {
				return err
			}
		}
		if order >= 0 {
			if y, err = b.next(); err != nil {
				return err
			}
		}
	}
	for len(f.held) > 0 {
		if err := f.release(nil); err != nil {
			return err
		}
	}
	return nil
}

// pass takes the next name: x, y or both.
func (f *follower) pass(x, y *item, order int) error {
	now := x
	if order > 0 {
		now = y
	}
	for len(f.held) > 0 && !mayFollow(&f.held[len(f.held)-1], now) {
		var folder *stores.Entry
		if last := &f.held[len(f.held)-1]; order > 0 && y.folder() && y.rel == last.rel {
			folder = &y.entry
		}
		if err := f.release(folder); err != nil {
			return err
		}
	}
	var file *stores.Entry
	for n := len(f.files); n > 0 && !mayFollow(&f.files[n-1], now); n-- {
		if last := &f.files[n-1]; order < 0 && x.folder() && x.rel == last.rel {
			entry := last.entry
			file = &entry
		}
		f.files = f.files[:n-1]
	}
	switch {
	case order > 0:
		if !y.folder() {
			f.files = append(f.files, *y)
		}
		return nil
	case order == 0:
		return f.fn(x.rel, &x.entry, &y.entry)
	case !x.folder():
		f.held = append(f.held, *x)
		return nil
	}
	return f.fn(x.rel, &x.entry, file)
}

// release gives the last file that was held.
func (f *follower) release(folder *stores.Entry) error {
	last := f.held[len(f.held)-1]
	f.held = f.held[:len(f.held)-1]
	return f.fn(last.rel, &last.entry, folder)
}

// mayFollow tells whether a folder of a file's name may still come after now.
func mayFollow(file, now *item) bool {
	rest, ok := strings.CutPrefix(now.rel, file.rel)
	return ok && rest != "" && rest[0] < '/' && file.odd == now.odd
}
