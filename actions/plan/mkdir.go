package plan

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"syscall"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
	"sd/sdpath"
)

// mkdir plans the folders that the user named, as Sources or as Target.
func (p *planner) mkdir(ctx context.Context) error {
	list := p.spec.Sources
	if p.spec.Target.URI != "" {
		list = append(list[:len(list):len(list)], p.spec.Target)
	}
	if len(list) == 0 {
		return errors.New("name a folder to make")
	}
	planned := map[string]bool{}
	for _, s := range list {
		st, name, err := p.open(ctx, s)
		if err != nil {
			return err
		}
		if err := p.mkdirOne(ctx, st, name, planned); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) mkdirOne(ctx context.Context, st stores.Store, name string, planned map[string]bool) error {
	if v, ok := st.(*stores.Volume); ok {
		if _, makes := v.Backend().(backends.DirMaker); !makes {
			return fmt.Errorf("%s has no empty folders: a folder comes with its first file", uri(st, ""))
		}
	}
	parents := p.spec.Options.Parents
	there, err := p.folderThere(ctx, st, name)
	switch {
	case err != nil:
		return err
	case there && parents:
		p.sum.Same.Files++
		return nil
	case there:
		return &ConflictError{List: []steps.Conflict{{To: uri(st, name), Why: "it is there already ('mkdir -p' does not mind)"}}}
	}
	return p.makeFolder(ctx, st, name, parents, planned)
}

// makeFolder adds the step for a folder that is not there, and with parents those for what is
// missing above it.
func (p *planner) makeFolder(ctx context.Context, st stores.Store, name string, parents bool, planned map[string]bool) error {
	key := st.Key() + "\n" + name
	if planned[key] {
		return nil
	}
	if _, local := st.(*stores.Local); local {
		above, _ := st.Split(name)
		if !planned[st.Key()+"\n"+above] {
			there, err := p.folderThere(ctx, st, above)
			switch {
			case err != nil:
				return err
			case !there && !parents:
				return fmt.Errorf("%s: the folder that it is to lie in is not there: make that first ('sd mkdir -p')", uri(st, name))
			case !there:
				if err := p.makeFolder(ctx, st, above, true, planned); err != nil {
					return err
				}
			default:
				if err := writable(st, above); err != nil {
					return err
				}
			}
		}
	}
	planned[key] = true
	return p.addMkdir(st, name, nil)
}

// addMkdir adds the step that makes a folder, with the attributes of from, which may be nil.
func (p *planner) addMkdir(st stores.Store, name string, from *stores.Entry) error {
	_, err := p.w.Add(p.mkdirStep(st, name, from))
	return err
}

func (p *planner) mkdirStep(st stores.Store, name string, from *stores.Entry) steps.Step {
	s := steps.Step{Op: steps.OpMkdir, To: p.ref(st, name), Kind: backends.Dir}
	if from != nil && from.HasMode {
		s.Mode = from.Mode
	}
	p.sum.Folders++
	if isLocalStore(st) {
		p.local(1, 0)
	}
	p.request(st, "PUT", 1)
	return s
}

// folderThere tells whether a folder is there; something else of that name is an error.
func (p *planner) folderThere(ctx context.Context, st stores.Store, name string) (bool, error) {
	e, err := p.stat(ctx, st, name)
	if errors.Is(err, iofs.ErrNotExist) {
		return false, nil
	}
	if errors.Is(err, backends.ErrNotDir) || errors.Is(err, syscall.ENOTDIR) {
		return false, &ConflictError{List: []steps.Conflict{{To: uri(st, name), Why: "something above it is a file"}}}
	}
	if err != nil {
		return false, err
	}
	if e.Kind != stores.Dir {
		return false, &ConflictError{List: []steps.Conflict{{To: uri(st, name), Why: "a file of that name is there"}}}
	}
	return true, nil
}

// open returns the store and the name that an argument means. A content is refused: nothing can
// be made there.
func (p *planner) open(ctx context.Context, s steps.Source) (stores.Store, string, error) {
	uri, err := sdpath.Parse(s.URI)
	if err != nil {
		return nil, "", err
	}
	return p.env.Set.Of(ctx, uri)
}
