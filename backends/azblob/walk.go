package azblob

import (
	"container/heap"
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"

	"sd/backends"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Walk yields everything below the directory called prefix in key order, of directories
// those that have a marker. An account with a hierarchical namespace lists in another
// order, so there it asks for each directory by itself, and holds one in memory. Azure
// cannot begin a listing at a key: what comes before "after" is listed and left out.
func (b *Backend) Walk(ctx context.Context, dir, after string, yield func([]backends.Entry) error) error {
	err := askable(dir)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		err = nil // there is nothing below
	case err != nil:
	case b.hierarchical(ctx):
		err = b.walkTree(ctx, dir, after, yield)
	default:
		err = b.walkFlat(ctx, dir, after, yield)
	}
	return listError("walk", dir, err)
}

// keyOf is the key of an entry with its whole name.
func keyOf(e *backends.Entry) string {
	if e.Kind == backends.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// walkFlat asks for one listing of everything. The marker of a directory is listed before
// its key has its turn, because its name has no slash; so it is kept until then.
func (b *Backend) walkFlat(ctx context.Context, dir, after string, yield func([]backends.Entry) error) error {
	var (
		early dirHeap
		last  string // name listed
		told  string // key of a directory yielded
	)
	err := b.pages(ctx, request{prefix: prefix(dir), flat: true}, func(p page) error {
		entries := make([]backends.Entry, 0, len(p.items))
		for _, item := range p.items {
			name := *item.Name
			if name < last {
				return &protocolError{"it lists names in no order"}
			}
			last = name
			entries = early.until(entries, name, after, &told)
			e, marker := listed(name, item)
			switch {
			case !marker:
				if name > after {
					entries = append(entries, e)
				}
			case e.Name != dir && e.Name != "":
				heap.Push(&early, e.Name)
			}
		}
		// The last name again, to let go of the marker with a slash that it may be.
		entries = early.until(entries, last+"\x00", after, &told)
		return yieldSome(entries, yield)
	})
	if err != nil {
		return err
	}
	return yieldSome(early.until(nil, "", after, &told), yield)
}

// dirHeap holds names of directories; the one with the least key is on top.
type dirHeap []string

func (h dirHeap) Len() int           { return len(h) }
func (h dirHeap) Less(i, j int) bool { return h[i]+"/" < h[j]+"/" }
func (h dirHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dirHeap) Push(x any)        { *h = append(*h, x.(string)) }
func (h *dirHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// until appends the directories whose keys come before key ("" is the end of all) and
// after another, each once.
func (h *dirHeap) until(entries []backends.Entry, key, after string, told *string) []backends.Entry {
	for len(*h) > 0 && (key == "" || (*h)[0]+"/" < key) {
		name := heap.Pop(h).(string)
		if k := name + "/"; k > after && k != *told {
			*told = k
			entries = append(entries, backends.Entry{Name: name, Kind: backends.Dir})
		}
	}
	return entries
}

// walkTree asks for each directory by itself.
func (b *Backend) walkTree(ctx context.Context, dir, after string, yield func([]backends.Entry) error) error {
	var entries []backends.Entry
	_, err := b.children(ctx, prefix(dir), 0, func(page []backends.Entry) error {
		entries = append(entries, page...)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(x, y backends.Entry) int { return strings.Compare(keyOf(&x), keyOf(&y)) })
	var ready []backends.Entry
	for i := range entries {
		e := &entries[i]
		key := keyOf(e)
		if key > after {
			ready = append(ready, *e)
		}
		if e.Kind != backends.Dir || key <= after && !strings.HasPrefix(after, key) {
			continue
		}
		if err := yieldSome(ready, yield); err != nil {
			return err
		}
		ready = nil
		if err := b.walkTree(ctx, e.Name, after, yield); err != nil {
			return err
		}
	}
	return yieldSome(ready, yield)
}

// tree is what is known of the account's namespace.
type tree struct{ known, hierarchical bool }

// hierarchical tells whether the account has directories of its own. Who may not ask is
// taken to have none: the order of a listing shows it otherwise.
func (b *Backend) hierarchical(ctx context.Context) bool {
	b.mu.Lock()
	t := b.tree
	b.mu.Unlock()
	if t.known || b.cfg.Auth == AuthAnonymous {
		return t.hierarchical
	}
	err := b.meta(ctx, "ACCOUNT", func(ctx context.Context, c *container.Client) error {
		out, err := c.GetAccountInfo(ctx, nil)
		t.hierarchical = deref(out.IsHierarchicalNamespaceEnabled)
		return err
	})
	if t.known = err == nil || errors.Is(err, iofs.ErrPermission) && !b.expired.Load(); t.known {
		b.mu.Lock()
		b.tree = t
		b.mu.Unlock()
	}
	return t.hierarchical
}
