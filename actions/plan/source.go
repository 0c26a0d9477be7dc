package plan

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"path"
	"path/filepath"
	"strings"

	"sd/actions/compare"
	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/sdpath"
)

// root is one file or folder that the user has named, or that a pattern of his has.
type root struct {
	st    stores.Store
	entry stores.Entry
	// base is its name in a target folder; "" is a folder of which only what is in it is meant.
	base string
	// matched: a pattern has named it.
	matched bool
}

// eachRoot finds what the sources mean and calls fn for each, in the user's order.
func (p *planner) eachRoot(ctx context.Context, fn func(root) error) error {
	for _, s := range p.spec.Sources {
		st, name, err := p.open(ctx, s)
		if err != nil {
			return err
		}
		if c, ok := st.(*stores.Content); ok {
			r, err := contentRoot(ctx, c, name)
			if err == nil {
				err = fn(r)
			}
			if err != nil {
				return err
			}
			continue
		}
		r, err := p.namedRoot(ctx, st, name, s)
		if errors.Is(err, iofs.ErrNotExist) && compare.HasMeta(name) {
			err = p.glob(ctx, st, name, s, fn)
		} else if err == nil {
			err = fn(r)
		} else if errors.Is(err, iofs.ErrNotExist) {
			err = fmt.Errorf("%s: %w", uri(st, name), iofs.ErrNotExist)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// namedRoot looks at a name that is taken as it stands.
func (p *planner) namedRoot(ctx context.Context, st stores.Store, name string, s steps.Source) (root, error) {
	v, volume := st.(*stores.Volume)
	if volume && name == "" {
		return root{st: st, entry: stores.Entry{Kind: stores.Dir, Bare: true}}, nil
	}
	e, err := st.Stat(ctx, name)
	if err != nil {
		return root{}, err
	}
	_, base := st.Split(name)
	r := root{st: st, entry: e, base: base}
	if s.Slash && p.spec.Action != steps.Remove {
		r.base = "" // if it is a folder
	}
	if !s.Slash || e.Kind == stores.Dir {
		return r, nil
	}
	switch {
	case volume:
		return r, p.folderBeside(ctx, v, &r.entry)
	case e.Kind == stores.Symlink && p.spec.Action == steps.Copy:
		real, err := filepath.EvalSymlinks(name)
		if err != nil {
			return root{}, err
		}
		r.entry, err = st.Stat(ctx, real)
		if err != nil || r.entry.Kind == stores.Dir {
			return r, err
		}
	}
	return root{}, fmt.Errorf("%s is no folder: leave out the slash behind it", uri(st, name))
}

// folderBeside makes e, a file of a volume that was named with a slash, the folder of that name.
func (p *planner) folderBeside(ctx context.Context, v *stores.Volume, e *stores.Entry) error {
	there := false
	err := v.Children(ctx, e.Name, func(*stores.Entry) error {
		there = true
		return iofs.SkipAll
	})
	if err != nil && !errors.Is(err, iofs.ErrNotExist) && !errors.Is(err, backends.ErrNotDir) {
		return err
	}
	if !there {
		return fmt.Errorf("%s is no folder: leave out the slash behind it", uri(v, e.Name))
	}
	*e = stores.Entry{Name: e.Name, Kind: stores.Dir, Bare: true}
	return nil
}

// contentRoot finds a content, and what its best copy is called.
func contentRoot(ctx context.Context, c *stores.Content, name string) (root, error) {
	e, err := c.Stat(ctx, name)
	if errors.Is(err, iofs.ErrNotExist) {
		return root{}, fmt.Errorf("no file is known to be content://%s: index what holds it ('sd location add', 'sd search')", name)
	}
	if err != nil {
		return root{}, err
	}
	r := root{st: c, entry: e, base: name}
	_, list, err := c.Sources(ctx, name)
	if err != nil {
		return root{}, err
	}
	for i := range list {
		if list[i].Path == nil {
			continue
		}
		if base := path.Base(strings.TrimSuffix(pathOf(list[i].Path), "/")); base != "." && base != "/" {
			r.base = base
			break
		}
	}
	return r, nil
}

// pathOf is the part of an SdPath that ends with the file's name.
func pathOf(p sdpath.Path) string {
	switch p := p.(type) {
	case sdpath.Physical:
		return p.Path
	case sdpath.Cloud:
		return p.Path
	}
	return ""
}
