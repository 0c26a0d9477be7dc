package index

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"sd/library/catalog"
)

// keyRange is the keys from from on and before end, below the location; "" is no bound. To list
// what comes after the key after, which is a whole one, gives all of it.
type keyRange struct{ from, after, end string }

// sharedFolder is the one where the lists of all ranges begin.
type sharedFolder struct {
	*cloudFolder

	mu   sync.Mutex // guards seen and some
	some bool       // something is in it
}

func (f *sharedFolder) find() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.some = true
}

// enter notes that a subfolder is there, and returns its row or 0.
func (f *sharedFolder) enter(name string) catalog.FolderID {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, ok := f.sub(name)
	if !ok {
		return 0
	}
	f.seen[i] = true
	return f.subs[i].ID
}

// end drops what is gone of the folder itself, when all ranges were listed to their ends.
func (f *sharedFolder) end(ctx context.Context, s *cloud, changes chan<- *change) error {
	k := &keyStream{cloud: s, ctx: ctx, changes: changes}
	if f.some || f.target.in == nil {
		s.tally.folders.Add(1)
		return k.complete(f.cloudFolder)
	}
	if f.fresh {
		return nil
	}
	// A folder is there as long as something is in it.
	f.change = &change{to: f.target.in, dropFolders: []dropped{{row: f.target.row}}}
	return errors.Join(k.tell(func() string { return k.self(f.cloudFolder) }, true, Stale, nil, nil), k.send(f.cloudFolder))
}

// plan cuts a location that is known to be large into ranges that can be listed at the same
// time. Each costs up to two requests more than its objects do.
func (s *cloud) plan(ctx context.Context) ([]keyRange, error) {
	if s.top == 0 || s.loc.Scanned.IsZero() {
		return []keyRange{{}}, nil
	}
	c := s.recorder.catalog
	n, err := c.Count(ctx, s.top)
	if err != nil || n.Files < 2*rangeKeys {
		return []keyRange{{}}, err
	}
	subs, err := c.Folders(ctx, s.top)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(subs, func(a, b catalog.Folder) int { return strings.Compare(a.Name+"/", b.Name+"/") })
	base := s.loc.Path
	if base != "" {
		base += "/"
	}
	var plan []keyRange
	var at keyRange
	var have int64
	for _, sub := range subs {
		n, err := c.Count(ctx, sub.ID)
		if err != nil {
			return nil, err
		}
		if have += n.Files; have < rangeKeys {
			continue
		}
		at.end = sub.Name + afterSlash
		plan = append(plan, at)
		at = keyRange{from: at.end, after: base + sub.Name + "/\U0010ffff"}
		have = 0
	}
	return append(plan, at), nil
}

const (
	rangeKeys  = 200_000 // objects of a range, at least
	afterSlash = "0"     // comes right after "/"
)
