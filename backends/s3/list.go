package s3

import (
	"context"
	iofs "io/fs"
	"net/url"
	"slices"
	"strings"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// List yields the children of dir; see the package comment for odd ones. A page of
// the server is one call of yield, and the next page is asked for meanwhile. A
// directory's marker is not yielded, unless it has bytes; a directory has no time.
func (b *Backend) List(ctx context.Context, dir string, yield func([]backends.Entry) error) error {
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
	in := sdk.ListObjectsV2Input{Prefix: &prefix, Delimiter: aws.String("/")}
	err = b.pages(ctx, in, func(objects []types.Object, prefixes []string) error {
		found = found || len(objects)+len(prefixes) > 0
		objects, prefixes = fold(objects, prefixes, len(prefix))
		page := make([]backends.Entry, 0, len(objects)+len(prefixes))
		page = b.appendFiles(page, objects, cut)
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

// fold makes prefixes of the objects that lie deeper than one level, or are markers.
// Not all servers do that; some do it and list a marker besides, or a prefix again
// on the next page.
func fold(objects []types.Object, prefixes []string, at int) ([]types.Object, []string) {
	files := objects[:0]
	for _, o := range objects {
		key := aws.ToString(o.Key)
		if i := strings.IndexByte(key[at:], '/'); i >= 0 {
			prefixes = append(prefixes, key[:at+i+1])
		} else if len(key) > at || aws.ToInt64(o.Size) > 0 {
			files = append(files, o)
		}
	}
	return files, prefixes
}

// Walk yields everything below the directory called prefix in key order: objects as
// files, markers as directories. Directories without a marker are not yielded.
func (b *Backend) Walk(ctx context.Context, dir, after string, yield func([]backends.Entry) error) error {
	in := sdk.ListObjectsV2Input{Prefix: aws.String(prefix(dir))}
	if after != "" {
		in.StartAfter = &after
	}
	err := b.pages(ctx, in, func(objects []types.Object, _ []string) error {
		page := make([]backends.Entry, 0, len(objects))
		for i := range objects {
			key := aws.ToString(objects[i].Key)
			if !marks(key) || aws.ToInt64(objects[i].Size) > 0 {
				page = b.appendFiles(page, objects[i:i+1], 0)
			} else if key != prefix(dir) && key != "/" {
				page = append(page, backends.Entry{Name: strings.TrimSuffix(key, "/"), Kind: backends.Dir})
			}
		}
		return yieldSome(page, yield)
	})
	return listError("walk", dir, err)
}

// appendFiles appends objects as files.
func (b *Backend) appendFiles(page []backends.Entry, objects []types.Object, cut int) []backends.Entry {
	sums := make([]backends.Sum, 0, len(objects))
	for i := range objects {
		o := &objects[i]
		key := aws.ToString(o.Key)
		e := fileEntry(key[cut:], aws.ToInt64(o.Size), o.ETag, o.LastModified)
		e.Class = class(o.StorageClass)
		if s, ok := b.sum(e.Version); ok {
			sums = append(sums, s)
			e.Sums = sums[len(sums)-1 : len(sums) : len(sums)]
		}
		page = append(page, e)
	}
	return page
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
func (b *Backend) pages(ctx context.Context, in sdk.ListObjectsV2Input, use func(objects []types.Object, prefixes []string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		out *sdk.ListObjectsV2Output
		err error
	}
	ask := func(token *string) <-chan reply {
		ch := make(chan reply, 1)
		go func() {
			in := in
			in.ContinuationToken = token
			out, err := b.list(ctx, in)
			ch <- reply{out, err}
		}()
		return ch
	}
	for next, token := ask(nil), ""; next != nil; {
		r := <-next
		if r.err != nil {
			return r.err
		}
		next = nil
		if aws.ToBool(r.out.IsTruncated) {
			t := aws.ToString(r.out.NextContinuationToken)
			if t == "" || t == token {
				return &rest.ProtocolError{Text: "a listing that does not end"}
			}
			token, next = t, ask(&t)
		}
		prefixes, err := b.decode(r.out, *in.Prefix)
		if err == nil {
			err = use(r.out.Contents, prefixes)
		}
		if err != nil {
			if next != nil {
				cancel()
				<-next
			}
			return err
		}
	}
	return nil
}

// list asks for one page.
func (b *Backend) list(ctx context.Context, in sdk.ListObjectsV2Input) (out *sdk.ListObjectsV2Output, err error) {
	in.Bucket = &b.cfg.Bucket
	if in.MaxKeys == nil && b.cfg.PageSize > 0 {
		in.MaxKeys = aws.Int32(int32(b.cfg.PageSize))
	}
	err = b.meta(ctx, "LIST", func(ctx context.Context, api *sdk.Client) (err error) {
		in.EncodingType = b.encoding()
		var s scanned
		if out, err = api.ListObjectsV2(ctx, &in, s.scan); err == nil && s.objects != nil {
			out.Contents = s.objects
		}
		return err
	})
	return out, err
}

// encoding asks for coded keys: XML cannot hold every one.
func (b *Backend) encoding() types.EncodingType {
	if b.speaks().plainListings {
		return ""
	}
	return types.EncodingTypeUrl
}

// decode undoes the encoding of a page's keys in place and returns its prefixes. All
// of them begin with prefix, or it is an error: a server that cannot put a key into
// XML may send another one.
func (b *Backend) decode(out *sdk.ListObjectsV2Output, prefix string) ([]string, error) {
	plain := func(s *string) *string { return s }
	if out.EncodingType == types.EncodingTypeUrl {
		plain = func(s *string) *string {
			if s != nil && strings.ContainsAny(*s, "%+") {
				if key, err := url.QueryUnescape(*s); err == nil {
					return &key
				}
			}
			return s
		}
	}
	strange := &rest.ProtocolError{Text: "it lists keys that were not asked for"}
	out.Contents = slices.DeleteFunc(out.Contents, func(o types.Object) bool { return b.caps.probes(o.Key) })
	for i := range out.Contents {
		out.Contents[i].Key = plain(out.Contents[i].Key)
		if !strings.HasPrefix(aws.ToString(out.Contents[i].Key), prefix) {
			return nil, strange
		}
	}
	prefixes := make([]string, len(out.CommonPrefixes))
	for i, p := range out.CommonPrefixes {
		prefixes[i] = aws.ToString(plain(p.Prefix))
		if !strings.HasPrefix(prefixes[i], prefix) || !strings.HasSuffix(prefixes[i], "/") {
			return nil, strange
		}
	}
	return prefixes, nil
}
