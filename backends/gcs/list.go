package gcs

import (
	"context"
	iofs "io/fs"
	"strings"

	"sd/backends"
	"sd/backends/internal/rest"

	"google.golang.org/api/googleapi"
	sdk "google.golang.org/api/storage/v1"
)

// List yields the children of dir, with what they carry; see the package comment for odd
// ones. A page of the server is one call of yield, and the next page is asked for
// meanwhile. A directory's marker is not yielded, unless it has bytes; a directory has no
// time.
func (b *Backend) List(ctx context.Context, dir string, yield func([]backends.Entry) error) error {
	if hidden(dir) {
		return pathError("list", dir, iofs.ErrNotExist)
	}
	slash := false // the root holds keys that begin with a slash
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
		err = iofs.ErrNotExist
	}
	return listError("list", dir, err)
}

// children lists one level below prefix. Names are keys from byte cut on. found tells
// whether there is anything at all, if only a marker.
func (b *Backend) children(ctx context.Context, prefix string, cut int, yield func([]backends.Entry) error) (found bool, err error) {
	seen := map[string]bool{}
	err = b.pages(ctx, listing{prefix: prefix, delimiter: "/"}, func(objects []*sdk.Object, prefixes []string) error {
		found = found || len(objects)+len(prefixes) > 0
		page := make([]backends.Entry, 0, len(objects)+len(prefixes))
		for _, o := range objects {
			if len(o.Name) > len(prefix) || o.Size > 0 {
				page = append(page, entry(o.Name[cut:], o))
			}
		}
		for _, p := range prefixes {
			if !seen[p] && len(p) > len(prefix) {
				seen[p] = true
				page = append(page, backends.Entry{Name: strings.TrimSuffix(p, "/")[cut:], Kind: backends.Dir})
			}
		}
		return yieldSome(page, yield)
	})
	return found, err
}

// Walk yields everything below the directory called prefix in key order: objects as
// files, with what they carry, markers as directories. Directories without a marker are
// not yielded.
func (b *Backend) Walk(ctx context.Context, dir, after string, yield func([]backends.Entry) error) error {
	if hidden(dir) {
		return nil
	}
	err := b.pages(ctx, listing{prefix: prefix(dir), after: after}, func(objects []*sdk.Object, _ []string) error {
		page := make([]backends.Entry, 0, len(objects))
		for _, o := range objects {
			if !marks(o.Name) || o.Size > 0 {
				page = append(page, entry(o.Name, o))
			} else if o.Name != prefix(dir) && o.Name != "/" {
				page = append(page, backends.Entry{Name: strings.TrimSuffix(o.Name, "/"), Kind: backends.Dir})
			}
		}
		return yieldSome(page, yield)
	})
	return listError("walk", dir, err)
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

// listing is what is asked for.
type listing struct {
	prefix, delimiter string
	after             string // the last key that is known; "" is none
	token             string
	most              int64 // objects of a page; 0 is the configuration's
	all               bool  // also what is hidden
}

// pages asks for a listing page by page, the next one while use has the present one.
func (b *Backend) pages(ctx context.Context, in listing, use func(objects []*sdk.Object, prefixes []string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		page *sdk.Objects
		err  error
	}
	ask := func(token string) <-chan reply {
		ch := make(chan reply, 1)
		go func() {
			in := in
			in.token = token
			page, err := b.list(ctx, in)
			ch <- reply{page, err}
		}()
		return ch
	}
	for next, token := ask(""), ""; next != nil; {
		r := <-next
		if r.err != nil {
			return r.err
		}
		next = nil
		if t := r.page.NextPageToken; t != "" {
			if t == token {
				return &rest.ProtocolError{Text: "a listing that does not end"}
			}
			token, next = t, ask(t)
		}
		if err := use(r.page.Items, r.page.Prefixes); err != nil {
			if next != nil {
				cancel()
				<-next
			}
			return err
		}
	}
	return nil
}

// first gives the first objects that begin with a prefix, about as many as most. A page of the
// service may be empty though there are more.
func (b *Backend) first(ctx context.Context, prefix string, most int64) (objects []*sdk.Object, err error) {
	for in := (listing{prefix: prefix, most: most}); ; {
		page, err := b.list(ctx, in)
		if err != nil {
			return nil, err
		}
		objects = append(objects, page.Items...)
		switch {
		case int64(len(objects)) >= most, page.NextPageToken == "":
			return objects, nil
		case page.NextPageToken == in.token:
			return nil, &rest.ProtocolError{Text: "a listing that does not end"}
		}
		in.token = page.NextPageToken
	}
}

// list asks for one page and takes out of it what is hidden. All keys begin with the
// prefix, or it is an error.
func (b *Backend) list(ctx context.Context, in listing) (page *sdk.Objects, err error) {
	if in.most == 0 {
		in.most = int64(b.cfg.PageSize)
	}
	err = b.meta(ctx, "LIST", func(ctx context.Context, api *sdk.Service) (err error) {
		call := api.Objects.List(b.cfg.Bucket).Prefix(in.prefix).Context(ctx).
			Fields("nextPageToken,prefixes", googleapi.Field("items("+fields+")"))
		if in.delimiter != "" {
			call.Delimiter(in.delimiter)
		}
		if in.after != "" {
			call.StartOffset(in.after) // which is inclusive
		}
		if in.token != "" {
			call.PageToken(in.token)
		}
		if in.most > 0 {
			call.MaxResults(in.most)
		}
		page, err = call.Do()
		return err
	})
	if err != nil {
		return nil, err
	}
	strange := &rest.ProtocolError{Text: "it lists keys that were not asked for"}
	items := page.Items[:0]
	for _, o := range page.Items {
		if !strings.HasPrefix(o.Name, in.prefix) {
			return nil, strange
		}
		if (in.all || !hidden(o.Name)) && (in.after == "" || o.Name > in.after) {
			items = append(items, o)
		}
	}
	page.Items = items
	prefixes := page.Prefixes[:0]
	for _, p := range page.Prefixes {
		if !strings.HasPrefix(p, in.prefix) || !strings.HasSuffix(p, "/") {
			return nil, strange
		}
		if in.all || !hidden(p) {
			prefixes = append(prefixes, p)
		}
	}
	page.Prefixes = prefixes
	return page, nil
}
