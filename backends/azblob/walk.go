package azblob

import (
	"container/heap"
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Walk yields everything below the directory called prefix in key order, of directories at
// least those that have a marker. It takes one listing, unless the account has a
// hierarchical namespace, which lists in another order, or names have characters beyond the
// first 65,536, which may be listed in another order: then there is one for each directory,
// which is held in memory. Azure cannot begin a listing at a key: what comes before
// "after" is listed and left out.
func (b *Backend) Walk(ctx context.Context, dir, after string, yield func([]backends.Entry) error) error {
	err := askable(dir)
	switch {
	case err == nil:
		err = b.walk(ctx, prefix(dir), after, b.hierarchical(ctx), yield)
	case errors.Is(err, iofs.ErrNotExist):
		err = nil // there is nothing below
	}
	return listError("walk", dir, err)
}

// walk is Walk for all that begins with a prefix, which is empty or ends in a slash.
func (b *Backend) walk(ctx context.Context, below, after string, hierarchical bool, yield func([]backends.Entry) error) error {
	if !hierarchical {
		var err error
		if after, err = b.walkFlat(ctx, below, after, yield); !errors.Is(err, errOrder) {
			return err
		}
	}
	return b.walkLevel(ctx, below, after, hierarchical, yield)
}

// errOrder ends a flat listing where the order of the server may not be that of keys.
var errOrder = errors.New("listed in another order than that of keys")

// high tells whether a name has characters that UTF-16 sorts before some that come first
// in UTF-8.
func high(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return r > 0xFFFF })
}

// keyOf is the key of an entry with its whole name.
func keyOf(e *backends.Entry) string {
	if e.Kind == backends.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// walkFlat asks for one listing of everything, and returns the key up to which all was
// yielded. The marker of a directory is listed before its key has its turn, because its
// name has no slash; so it is kept until then.
func (b *Backend) walkFlat(ctx context.Context, below, after string, yield func([]backends.Entry) error) (done string, err error) {
	var early dirHeap
	last := ""
	done = after
	send := func(entries []backends.Entry) error {
		if len(entries) > 0 {
			done = keyOf(&entries[len(entries)-1])
		}
		return yieldSome(entries, yield)
	}
	err = b.pages(ctx, request{prefix: below, flat: true}, func(p page) error {
		entries := make([]backends.Entry, 0, len(p.items))
		for _, item := range p.items {
			name := *item.Name
			switch {
			case high(name[len(below):]):
				if err := send(entries); err != nil {
					return err
				}
				return errOrder
			case name < last:
				return &rest.ProtocolError{Text: "it lists names in no order"}
			}
			last = name
			entries = early.until(entries, name, after)
			e, marker := listed(name, item)
			switch {
			case !marker:
				if name > after {
					entries = append(entries, e)
				}
			case e.Name+"/" != below && e.Name != "":
				heap.Push(&early, e.Name)
			}
		}
		return send(entries)
	})
	if err == nil {
		err = send(early.until(nil, "", after))
	}
	return done, err
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
func (h *dirHeap) until(entries []backends.Entry, key, after string) []backends.Entry {
	for len(*h) > 0 && (key == "" || (*h)[0]+"/" < key) {
		name := heap.Pop(h).(string)
		for len(*h) > 0 && (*h)[0] == name { // it has both kinds of markers
			heap.Pop(h)
		}
		if name+"/" > after {
			entries = append(entries, backends.Entry{Name: name, Kind: backends.Dir})
		}
	}
	return entries
}

// walkLevel asks for the entries of one directory, and then walks each directory among
// them.
func (b *Backend) walkLevel(ctx context.Context, below, after string, hierarchical bool, yield func([]backends.Entry) error) error {
	var entries []backends.Entry
	_, err := b.children(ctx, below, 0, func(page []backends.Entry) error {
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
		if key > after && (e.Name != "" || e.Kind != backends.Dir) {
			ready = append(ready, *e)
		}
		if e.Kind != backends.Dir || key <= after && !strings.HasPrefix(after, key) {
			continue
		}
		if err := yieldSome(ready, yield); err != nil {
			return err
		}
		ready = nil
		if err := b.walk(ctx, key, after, hierarchical, yield); err != nil {
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
