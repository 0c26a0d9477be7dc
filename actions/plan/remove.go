package plan

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"
	"strings"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// remover plans an rm.
type remover struct {
	*planner
	names   *names          // that were planned
	folders []string        // with their store's key in front, that were planned with all in them
	rmdirs  []steps.Ref     // when all else is done
	keeps   map[string]bool // volumes that keep versions of what is removed, by key
}

func (p *planner) remove(ctx context.Context) error {
	if len(p.spec.Sources) == 0 {
		return errors.New("name what to remove")
	}
	r := &remover{planner: p, names: newNames(nil), keeps: map[string]bool{}}
	if err := p.eachRoot(ctx, func(x root) error { return r.root(ctx, x) }); err != nil {
		return err
	}
	return r.addRmdirs(r.rmdirs)
}

// root plans the removal of one of the sources.
func (r *remover) root(ctx context.Context, x root) error {
	name := uri(x.st, x.entry.Name)
	if may, err := r.removable(ctx, x); err != nil || !may || r.covered(x) {
		return err
	}
	folder := x.entry.Kind == stores.Dir
	switch {
	case folder && !r.spec.Options.Recursive:
		return fmt.Errorf("%s is a folder: remove it with -r", name)
	case !folder:
		if !r.filter.Takes(x.base, false) {
			return nil
		}
		return r.file(ctx, x.st, &x.entry)
	}
	r.folders = append(r.folders, x.st.Key()+"\n"+x.entry.Name+"/")
	if isLocalStore(x.st) && r.filter == nil && !r.spec.Options.Permanent {
		return r.wholeFolder(ctx, x)
	}
	return r.tree(ctx, x)
}

// removable refuses what is never removed, and tells whether the user may remove it.
func (r *remover) removable(ctx context.Context, x root) (bool, error) {
	name := uri(x.st, x.entry.Name)
	switch st := x.st.(type) {
	case *stores.Content:
		return false, errors.New("a content is no file of its own: remove its copies ('sd resolve' lists them)")
	case *stores.Volume:
		if compare.Own(st, x.entry.Name) && !r.spec.Options.Permanent {
			return false, fmt.Errorf("%s is in the trash already: --permanent removes for good", name)
		}
		if x.entry.Name == "" {
			return false, fmt.Errorf("%s is a whole volume: to remove all that is in it, say so: sd rm -r '%s*'", name, strings.TrimSuffix(name, "/")+"/")
		}
		if _, ok := st.Backend().(backends.Remover); !ok {
			return false, refuse(name, "", "nothing can be removed there: the service or your account only reads")
		}
		return true, r.undoable(ctx, st)
	case *stores.Local:
		if why := r.protected(st, x.entry.Name); why != "" {
			return false, refuse(name, "", why)
		}
		dir, _ := st.Split(x.entry.Name)
		if err := writable(st, dir); err != nil {
			r.deny(name, "", reason(err))
			return false, nil
		}
	}
	return true, nil
}

// undoable makes sure that a volume can bring back what is removed there, unless that is for
// good.
func (r *remover) undoable(ctx context.Context, v *stores.Volume) error {
	if _, known := r.keeps[v.Key()]; known || r.spec.Options.Permanent {
		return nil
	}
	keeps := false
	if u, ok := v.Backend().(backends.Undeleter); ok {
		var err error
		if keeps, err = u.KeepsVersions(ctx); err != nil && !errors.Is(err, iofs.ErrPermission) {
			return err
		}
	}
	_, copies := v.Backend().(backends.Copier)
	_, renames := v.Backend().(backends.Renamer)
	if !keeps && !copies && !renames {
		return fmt.Errorf("%s has no trash: --permanent removes for good", uri(v, ""))
	}
	r.keeps[v.Key()] = keeps
	return nil
}

// covered tells whether x lies in a folder that is planned already, or is planned itself.
func (r *remover) covered(x root) bool {
	key := x.st.Key() + "\n" + x.entry.Name
	for _, f := range r.folders {
		if strings.HasPrefix(key+"/", f) {
			return true
		}
	}
	return !r.names.take(key, file)
}

// wholeFolder plans a local folder that goes to the trash as it is. It is walked to tell what is
// in it.
func (r *remover) wholeFolder(ctx context.Context, x root) error {
	var inside steps.Count
	mounted := ""
	o := stores.WalkOptions{Problem: func(name string, err error) error {
		if errors.Is(err, stores.ErrForeign) {
			mounted = name
			return nil
		}
		return r.unlisted(x.st)(name, err)
	}}
	err := x.st.Walk(ctx, x.entry.Name, o, func(e *stores.Entry) error {
		r.look(e.Size)
		if e.Dev != x.entry.Dev && e.Dev != 0 {
			mounted = e.Name
			return skipFolder(e)
		}
		if e.Kind != stores.Dir {
			inside.Add(e.Size)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if mounted != "" {
		return refuse(uri(x.st, x.entry.Name), "", fmt.Sprintf("something is mounted in it, at %s: unmount that first", uri(x.st, mounted)))
	}
	for _, c := range []*steps.Count{&r.sum.Deletes, &r.sum.Trash} {
		c.Files += inside.Files
		c.Bytes += inside.Bytes
	}
	r.local(1, 0)
	_, err = r.w.Add(steps.Step{Op: steps.OpTrash, From: r.ref(x.st, x.entry.Name), Kind: stores.Dir, Size: inside.Bytes})
	return err
}

// tree plans all that lies in a folder, file by file, and at the end the folders.
func (r *remover) tree(ctx context.Context, x root) error {
	if x.entry.Name != "" && (isLocalStore(x.st) || !x.entry.Bare) {
		r.rmdirs = append(r.rmdirs, r.ref(x.st, x.entry.Name))
	}
	side := compare.Side{Store: x.st, Dir: x.entry.Name, Filter: r.filter, Walk: stores.WalkOptions{Problem: r.unlisted(x.st)}}
	return compare.Merge(ctx, side, compare.Side{Store: x.st, Missing: true}, func(_ string, e, _ *stores.Entry) error {
		if e.Kind != stores.Dir {
			return r.file(ctx, x.st, e)
		}
		r.look(0)
		if isLocalStore(x.st) || !e.Bare {
			r.rmdirs = append(r.rmdirs, r.ref(x.st, e.Name))
		}
		return nil
	})
}

// file plans one file.
func (r *remover) file(_ context.Context, st stores.Store, e *stores.Entry) error {
	r.look(e.Size)
	s := steps.Step{Op: steps.OpTrash, From: r.ref(st, e.Name), Kind: e.Kind, Size: e.Size, Version: e.Version, Link: e.Link}
	if e.TimeKnown {
		s.ModTime = e.ModTime.UnixNano()
	}
	if e.HasMode {
		s.Mode = e.Mode
	}
	if e.Proven {
		s.Sum = e.Sum.String()
	}
	r.sum.Deletes.Add(e.Size)
	if r.spec.Options.Permanent {
		s.Op = steps.OpRemove
	} else {
		r.sum.Trash.Add(e.Size)
	}
	if isLocalStore(st) {
		r.local(1, 0)
	} else {
		if s.Op == steps.OpTrash && !r.keeps[st.Key()] {
			r.request(st, "COPY", 1)
		}
		r.request(st, "DELETE", 1)
	}
	_, err := r.w.Add(s)
	return err
}

// protected says why a local file or folder is neither removed nor moved; "" if it may be.
func (p *planner) protected(st *stores.Local, name string) string {
	if name == "/" {
		return "it is the root of the file system"
	}
	real := name
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
		real = filepath.Join(dir, filepath.Base(name))
	}
	holds := func(path string) bool {
		return path == name || path == real || within(path, name, true) || within(path, real, true)
	}
	if p.env.Library != nil {
		dir := p.env.Library.Dir()
		switch {
		case holds(dir):
			return "the open library lies in it (" + dir + ")"
		case within(real, dir, true):
			return "it belongs to the open library"
		}
	}
	for _, path := range p.env.Protected {
		if holds(path) {
			return path + " lies in it, which sd needs"
		}
	}
	if p.pseudo == nil {
		p.pseudo = []string{}
		if mounts, err := p.env.Resolver.Locals(); err == nil {
			p.pseudo = mounts.Pseudo()
		}
	}
	for _, path := range p.pseudo {
		if holds(path) {
			return fmt.Sprintf("%s is mounted there: unmount it first", path)
		}
	}
	return ""
}
