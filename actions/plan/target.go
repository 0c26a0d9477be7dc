package plan

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// target is where sources go.
type target struct {
	st    stores.Store
	name  string
	local *stores.Local  // st, if it is that
	vol   *stores.Volume // st, if it is that

	slash   bool
	isRoot  bool
	there   bool                // something is there
	unasked bool                // nobody has looked: a folder of a volume, that may be there or not
	entry   stores.Entry        // what is there
	window  timeWindow          // how exactly times are kept there
	fold    func(string) string // where names that differ in case alone are one: to what they are folded
	forbids string              // characters that names cannot have
	shares  bool                // files can share blocks
	plain   bool                // there are no links, owners and modes
	largest int64               // bytes of a file; 0: no limit
}

// into tells whether sources go into the target, under their own names.
func (t *target) into() bool {
	return t.slash || t.isRoot || t.there && t.entry.Kind == stores.Dir
}

// findTarget looks at the target. Several tells that there is more than one source.
func (p *planner) findTarget(ctx context.Context, several bool) (*target, error) {
	st, name, err := p.open(ctx, p.spec.Target)
	if err != nil {
		return nil, err
	}
	t := &target{st: st, name: name, slash: p.spec.Target.Slash}
	switch st := st.(type) {
	case *stores.Content:
		return nil, fmt.Errorf("%s is a content, which has no name to be written to: name a folder or a volume as the target", p.spec.Target.URI)
	case *stores.Local:
		t.local, t.isRoot = st, name == "/"
		p.knowFileSystem(t)
	case *stores.Volume:
		t.vol, t.isRoot = st, name == ""
		if _, ok := st.Backend().(backends.Putter); !ok {
			return nil, fmt.Errorf("%s cannot be written to: the service or your account there only reads", uri(st, ""))
		}
		t.window = compare.Window(string(st.Info().Service))
		if f, ok := st.Backend().(backends.CaseFolder); ok {
			t.fold = f.Fold
		}
		if u, ok := st.Backend().(backends.Uploader); ok {
			l := u.Limits()
			t.largest = max(l.MaxPut, l.MaxPart*int64(l.MaxParts))
		}
		if t.isRoot || t.slash {
			t.unasked = true // the listing tells
			return t, nil
		}
	}
	t.entry, err = st.Stat(ctx, name)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		err = nil
	case errors.Is(err, backends.ErrNotDir):
		return nil, refuse("", uri(st, name), "something above it is a file")
	case err == nil:
		t.there = true
		err = t.followLink()
	}
	if err != nil {
		return nil, err
	}
	return t, t.check(several)
}

// followLink makes a target that is a link to a folder that folder.
func (t *target) followLink() error {
	if t.local == nil || t.entry.Kind != stores.Symlink {
		return nil
	}
	info, err := os.Stat(t.name)
	if err != nil || !info.IsDir() {
		return nil // the link itself is replaced, or in the way
	}
	if t.name, err = filepath.EvalSymlinks(t.name); err != nil {
		return err
	}
	t.entry, err = t.st.Stat(context.Background(), t.name)
	return err
}

// check refuses a target that nothing can go to.
func (t *target) check(several bool) error {
	to := uri(t.st, t.name)
	switch {
	case t.there && t.entry.Kind == stores.Special:
		return refuse("", to, "a pipe, socket or device is there")
	case t.there && t.entry.Kind != stores.Dir && t.slash:
		return refuse("", to, "a file is there, and the slash means a folder")
	case t.there && t.entry.Kind != stores.Dir && several:
		return refuse("", to, "several sources need a folder, and this is a file")
	case !t.there && several && !t.slash:
		return fmt.Errorf("%s is not there, and several sources need a folder: put a slash behind it and it is made", to)
	}
	return nil
}

func refuse(from, to, why string) error {
	return &ConflictError{List: []steps.Conflict{{From: from, To: to, Why: why}}}
}

// prepare plans the folder that the sources go into, if that is missing, and refuses one that
// cannot be written to.
func (p *planner) prepare(ctx context.Context, t *target) error {
	if t.local == nil {
		return nil
	}
	dir := t.name
	if !t.into() {
		dir, _ = t.st.Split(t.name)
	}
	if t.there && t.entry.Kind == stores.Dir {
		return writable(t.st, dir)
	}
	if t.slash {
		return p.makeFolder(ctx, t.st, dir, true, map[string]bool{})
	}
	there, err := p.folderThere(ctx, t.st, dir)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%s: the folder that it is to lie in is not there: make it ('sd mkdir -p')", uri(t.st, t.name))
	}
	return writable(t.st, dir)
}
