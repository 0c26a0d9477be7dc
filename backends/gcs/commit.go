package gcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sd/backends"
	"sd/backends/internal/rest"

	sdk "google.golang.org/api/storage/v1"
)

func (u *upload) Commit(ctx context.Context, parts []backends.Part, c backends.Cond) (backends.Entry, error) {
	e, err := u.commit(work(ctx), parts, c)
	return e, pathError("commit", u.name, err)
}

func (u *upload) commit(ctx context.Context, parts []backends.Part, c backends.Cond) (backends.Entry, error) {
	parts = slices.SortedFunc(slices.Values(parts), func(a, b backends.Part) int { return cmp.Compare(a.Num, b.Num) })
	pieces, size := make([]piece, len(parts)), int64(0)
	for i, p := range parts {
		key, generation, _ := strings.Cut(p.Tag, " ")
		n, err := strconv.ParseInt(generation, 10, 64)
		if err != nil || key == "" {
			return backends.Entry{}, iofs.ErrInvalid
		}
		pieces[i] = piece{u.folder() + key, n}
		size += p.Size
	}
	begun, err := u.carries(ctx)
	if err != nil {
		return u.committed(ctx, size, err)
	}
	if c, err = u.b.overMarker(ctx, u.name, size, c); err != nil {
		return u.committed(ctx, size, err)
	}
	e, err := u.join(ctx, pieces, size, begun, c)
	if err != nil {
		return u.committed(ctx, size, err)
	}
	if e.Size != size {
		return backends.Entry{}, &rest.ProtocolError{Text: fmt.Sprintf("parts of %d bytes made a file of %d", size, e.Size)}
	}
	u.end(ctx)
	return e, nil
}

// carries describes the object that the upload is to make.
func (u *upload) carries(ctx context.Context) (*sdk.Object, error) {
	_, begun, err := u.b.look(ctx, u.begun(), "")
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, backends.ErrNoUpload
	}
	if err != nil {
		return nil, err
	}
	metadata := map[string]string{}
	maps.Copy(metadata, begun.Metadata)
	metadata[keyUpload] = u.id
	return &sdk.Object{Name: u.name, ContentType: begun.ContentType, Metadata: metadata}, nil
}

// piece is an object that another is composed of.
type piece struct {
	key        string
	generation int64
}

// composesAtOnce is how many run at a time.
const composesAtOnce = 12

// join composes pieces, level by level, until they are one, which is the file.
func (u *upload) join(ctx context.Context, pieces []piece, size int64, o *sdk.Object, c backends.Cond) (backends.Entry, error) {
	if len(pieces) == 0 {
		return u.b.store(ctx, o, strings.NewReader(""), 0, c)
	}
	for level := 1; len(pieces) > u.b.sources; level++ {
		groups := slices.Collect(slices.Chunk(pieces, u.b.sources))
		joined := make([]piece, len(groups))
		err := each(ctx, len(groups), composesAtOnce, func(ctx context.Context, i int) error {
			between := &sdk.Object{Name: fmt.Sprintf("%sjoined-%d-%05d", u.folder(), level, i), ContentType: unknownType}
			e, err := u.b.compose(ctx, between, groups[i], size, backends.Cond{})
			joined[i].key = between.Name
			joined[i].generation, _ = parseVersion(e.Version)
			return err
		})
		if err != nil {
			return backends.Entry{}, err
		}
		pieces = joined
	}
	return u.b.compose(ctx, o, pieces, size, c)
}

// compose makes one object of others. Pieces that are gone are backends.ErrNoUpload.
func (b *Backend) compose(ctx context.Context, o *sdk.Object, pieces []piece, size int64, c backends.Cond) (backends.Entry, error) {
	on, err := newCondition(c)
	if err != nil {
		return backends.Entry{}, err
	}
	request := &sdk.ComposeRequest{Destination: &sdk.Object{ContentType: o.ContentType, Metadata: o.Metadata}}
	for _, p := range pieces {
		request.SourceObjects = append(request.SourceObjects, &sdk.ComposeRequestSourceObjects{Name: p.key, Generation: p.generation})
	}
	call, err := b.rest.Begin(ctx, "COMPOSE", rest.Work, grace(size))
	if err != nil {
		return backends.Entry{}, err
	}
	var made *sdk.Object
	err = b.end(call, b.try(call, func(ctx context.Context, api *sdk.Service) (err error) {
		compose := api.Objects.Compose(b.cfg.Bucket, o.Name, request).Context(ctx)
		if on.generation != nil {
			compose.IfGenerationMatch(*on.generation)
		}
		if on.metageneration != nil {
			compose.IfMetagenerationMatch(*on.metageneration)
		}
		made, err = compose.Do()
		return err
	}))
	switch {
	case errors.Is(err, iofs.ErrNotExist) && !reasonIs(err, noBucket):
		return backends.Entry{}, fmt.Errorf("%w (%v)", backends.ErrNoUpload, err)
	case err != nil:
		return backends.Entry{}, conditional(err, c)
	case made.Name != o.Name || made.Generation <= 0:
		return backends.Entry{}, &rest.ProtocolError{Text: "it says that it composed something else"}
	}
	return entry(o.Name, made), nil
}

// committed tells whether a commit that failed with cause has in truth been done, by an
// earlier request whose answer was lost.
func (u *upload) committed(ctx context.Context, size int64, cause error) (backends.Entry, error) {
	if !errors.Is(cause, backends.ErrNoUpload) && !errors.Is(cause, backends.ErrChanged) && !errors.Is(cause, iofs.ErrExist) {
		return backends.Entry{}, cause
	}
	e, o, err := u.b.look(ctx, u.name, "")
	if err != nil || e.Size != size || o.Metadata[keyUpload] != u.id {
		return backends.Entry{}, cause
	}
	u.end(ctx)
	return e, nil
}

// end drops what the file was made of, and last what says that the upload has begun. What
// could not be dropped, FindUploads finds.
func (u *upload) end(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if u.sweep(ctx) == nil {
		_ = u.b.delete(ctx, u.begun(), backends.Cond{})
	}
}

// sweepsAtOnce is how many objects are dropped at a time.
const sweepsAtOnce = 24

// sweep drops all that is in the upload's folder but the object that says that it has
// begun.
func (u *upload) sweep(ctx context.Context) error {
	err := u.b.pages(ctx, listing{prefix: u.folder(), all: true}, func(objects []*sdk.Object, _ []string) error {
		return each(ctx, len(objects), sweepsAtOnce, func(ctx context.Context, i int) error {
			if objects[i].Name == u.begun() {
				return nil
			}
			err := u.b.delete(ctx, objects[i].Name, backends.Cond{})
			if errors.Is(err, iofs.ErrNotExist) {
				return nil
			}
			return err
		})
	})
	return err
}

// FindUploads lists the folders of the uploads of name.
func (b *Backend) FindUploads(ctx context.Context, name string) ([]backends.Begun, error) {
	folder, list := ofName(name), []backends.Begun(nil)
	err := b.pages(work(ctx), listing{prefix: folder, all: true}, func(objects []*sdk.Object, _ []string) error {
		for _, o := range objects {
			id, what, _ := strings.Cut(strings.TrimPrefix(o.Name, folder), "/")
			if len(list) == 0 || list[len(list)-1].ID != id {
				list = append(list, backends.Begun{ID: id, At: readTime(o.Updated)})
			}
			begun := &list[len(list)-1]
			if what == "begun" {
				begun.At = readTime(o.Updated)
			} else {
				begun.Parts++
			}
		}
		return nil
	})
	return list, pathError("uploads", name, err)
}

// each runs do for 0 to n-1, some at once, and returns the first error.
func each(ctx context.Context, n, atOnce int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-slots }()
			if err := do(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
