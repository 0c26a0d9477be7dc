package azblob

import (
	"context"
	iofs "io/fs"
	"strings"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// anything is the condition that there is something, or with "none", nothing.
var anything = azcore.ETagAny

// request asks for one page of a listing.
type request struct {
	prefix, marker string
	flat           bool // everything below, instead of one level
	most           int32
}

var noListing = &rest.ProtocolError{Text: "a listing without blobs"}

// page is what one answer lists.
type page struct {
	items    []*container.BlobItem
	prefixes []string
}

// List yields the children of dir; see the package comment for odd ones. A page of
// the server is one call of yield, and the next page is asked for meanwhile. Entries have
// the Meta that their blobs carry. A directory has no time.
func (b *Backend) List(ctx context.Context, dir string, yield func([]backends.Entry) error) error {
	if err := askable(dir); err != nil {
		return pathError("list", dir, err)
	}
	slash := false // the root holds names that begin with a slash
	found, err := b.children(ctx, prefix(dir), len(prefix(dir)), func(page []backends.Entry) error {
		if dir == "" {
			if page, slash = withoutNameless(page, slash); len(page) == 0 {
				return nil
			}
		}
		return yield(page)
	})
	if err == nil && slash {
		_, err = b.children(ctx, "/", 0, yield)
	}
	if err == nil && !found && dir != "" {
		found, err = b.marked(ctx, dir)
	}
	if err == nil && !found && dir != "" {
		err = iofs.ErrNotExist
	}
	return listError("list", dir, err)
}

// marked tells whether a directory without entries exists by its marker.
func (b *Backend) marked(ctx context.Context, dir string) (bool, error) {
	e, err := b.stat(ctx, dir, true)
	return err == nil && e.Kind == backends.Dir, err
}

// children lists one level below prefix. Names are those of blobs from byte cut on. found
// tells whether there is anything at all, if only a marker with a slash.
func (b *Backend) children(ctx context.Context, prefix string, cut int, yield func([]backends.Entry) error) (found bool, err error) {
	dirs := map[string]bool{}
	err = b.pages(ctx, request{prefix: prefix}, func(p page) error {
		found = found || len(p.items)+len(p.prefixes) > 0
		entries := make([]backends.Entry, 0, len(p.items)+len(p.prefixes))
		addDir := func(name string) {
			if !dirs[name] {
				dirs[name] = true
				entries = append(entries, backends.Entry{Name: name, Kind: backends.Dir})
			}
		}
		for _, item := range p.items {
			name := *item.Name
			if i := strings.IndexByte(name[len(prefix):], '/'); i >= 0 { // deeper than asked for
				addDir(name[cut : len(prefix)+i])
				continue
			}
			switch e, marker := listed(name[cut:], item); {
			case !marker:
				entries = append(entries, e)
			case len(name) > len(prefix):
				addDir(e.Name)
			}
		}
		for _, below := range p.prefixes {
			if len(below) > len(prefix) {
				addDir(strings.TrimSuffix(below, "/")[cut:])
			}
		}
		return yieldSome(entries, yield)
	})
	return found, err
}

// withoutNameless takes the directory for the prefix "/" out of a page of the root.
func withoutNameless(page []backends.Entry, found bool) ([]backends.Entry, bool) {
	for i, e := range page {
		if e.Name == "" {
			return append(page[:i:i], page[i+1:]...), true
		}
	}
	return page, found
}

// yieldError is yield's own error on its way out.
type yieldError struct{ error }

func yieldSome(page []backends.Entry, yield func([]backends.Entry) error) error {
	if len(page) == 0 {
		return nil
	}
	if err := yield(page); err != nil {
		return yieldError{err}
	}
	return nil
}

func listError(op, dir string, err error) error {
	if own, ok := err.(yieldError); ok {
		return own.error
	}
	return pathError(op, dir, err)
}

// pages asks for a listing page by page, the next one while use has the present one.
func (b *Backend) pages(ctx context.Context, r request, use func(page) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		page
		next string
		err  error
	}
	ask := func(marker string) <-chan reply {
		ch := make(chan reply, 1)
		r.marker = marker
		go func(r request) {
			p, next, err := b.list(ctx, r)
			ch <- reply{p, next, err}
		}(r)
		return ch
	}
	for waiting, marker := ask(""), ""; waiting != nil; {
		got := <-waiting
		if got.err != nil {
			return got.err
		}
		waiting = nil
		if got.next != "" {
			if got.next == marker {
				return &rest.ProtocolError{Text: "a listing that does not end"}
			}
			marker, waiting = got.next, ask(got.next)
		}
		if err := use(got.page); err != nil {
			if waiting != nil {
				cancel()
				<-waiting
			}
			return err
		}
	}
	return nil
}

// list asks for one page. All names in it begin with the prefix, or it is an error.
func (b *Backend) list(ctx context.Context, r request) (p page, next string, err error) {
	most := r.most
	if most == 0 && b.cfg.PageSize > 0 {
		most = int32(b.cfg.PageSize)
	}
	include := container.ListBlobsInclude{Metadata: true}
	err = b.meta(ctx, "LIST", func(ctx context.Context, c *container.Client) error {
		p, next = page{}, ""
		if r.flat || r.most > 0 {
			o := &container.ListBlobsFlatOptions{Include: include, Prefix: &r.prefix, Marker: some(r.marker), MaxResults: some(most)}
			out, err := c.NewListBlobsFlatPager(o).NextPage(ctx)
			if err == nil && out.Segment == nil {
				err = noListing
			}
			if err == nil {
				p.items, next = out.Segment.BlobItems, deref(out.NextMarker)
			}
			return err
		}
		o := &container.ListBlobsHierarchyOptions{Include: include, Prefix: &r.prefix, Marker: some(r.marker), MaxResults: some(most)}
		out, err := c.NewListBlobsHierarchyPager("/", o).NextPage(ctx)
		if err == nil && out.Segment == nil {
			err = noListing
		}
		if err == nil {
			p.items, next = out.Segment.BlobItems, deref(out.NextMarker)
			for _, below := range out.Segment.BlobPrefixes {
				p.prefixes = append(p.prefixes, deref(below.Name))
			}
		}
		return err
	})
	if err != nil {
		return page{}, "", err
	}
	strange := &rest.ProtocolError{Text: "it lists names that were not asked for"}
	for _, item := range p.items {
		if item == nil || item.Name == nil || item.Properties == nil || !strings.HasPrefix(*item.Name, r.prefix) {
			return page{}, "", strange
		}
	}
	for _, below := range p.prefixes {
		if !strings.HasPrefix(below, r.prefix) || !strings.HasSuffix(below, "/") {
			return page{}, "", strange
		}
	}
	return p, next, nil
}

// some returns nil for the zero value.
func some[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
