package plan

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/actions/stores"
	"sd/backends"
)

const (
	askedSingly = 4      // names in a volume's folder that are asked for one by one
	listedMost  = 50_000 // entries of a folder that are kept in memory
)

// lookup finds what lies in the target folder under the names of several sources. In a volume
// the folder is listed when more than some are asked for.
type lookup struct {
	st    stores.Store
	dir   string
	empty bool // the folder is not there

	asked  int
	listed map[string]stores.Entry // by name, once the folder is listed
	large  bool                    // too many entries to be kept
}

// entry returns what is called name, in dir; nil is nothing. A file comes before a folder.
func (l *lookup) entry(ctx context.Context, name string) (*stores.Entry, error) {
	if l.empty {
		return nil, nil
	}
	if l.listed == nil && !l.large && l.asked >= askedSingly && !isLocalStore(l.st) {
		if err := l.list(ctx); err != nil {
			return nil, err
		}
	}
	if l.listed != nil {
		if e, ok := l.listed[name]; ok {
			return &e, nil
		}
		return nil, nil
	}
	l.asked++
	e, err := l.st.Stat(ctx, name)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, nil
	}
	if errors.Is(err, backends.ErrNotDir) {
		return nil, refuse("", uri(l.st, name), "something above it is a file")
	}
	return &e, err
}

func (l *lookup) list(ctx context.Context) error {
	listed := map[string]stores.Entry{}
	err := l.st.Children(ctx, l.dir, func(e *stores.Entry) error {
		if len(listed) == listedMost {
			l.large = true
			return iofs.SkipAll
		}
		if old, ok := listed[e.Name]; !ok || old.Kind == stores.Dir {
			listed[e.Name] = *e
		}
		return nil
	})
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if !l.large {
		l.listed = listed
	}
	return nil
}
