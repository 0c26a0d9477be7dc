package gcs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	iofs "io/fs"
	"maps"

	"sd/backends"
	"sd/backends/internal/rest"

	sdk "google.golang.org/api/storage/v1"
)

// Copy copies a file inside the bucket. New Meta for a file itself is one request, and
// leaves the bytes and their generation as they are; new Meta for a copy costs a look at
// the original, to keep what else it carries.
func (b *Backend) Copy(ctx context.Context, dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	e, err := b.copy(ctx, dst, b, src, o)
	return e, pathError("copy", dst, err)
}

// CopyFrom copies from another bucket that the same account reaches at the same endpoint.
func (b *Backend) CopyFrom(ctx context.Context, dst string, from backends.Backend, src string, o backends.CopyOptions) (backends.Entry, error) {
	other, ok := from.(*Backend)
	if !ok || !b.cfg.reaches(&other.cfg) {
		return backends.Entry{}, pathError("copy", dst, errors.ErrUnsupported)
	}
	e, err := b.copy(ctx, dst, other, src, o)
	return e, pathError("copy", dst, err)
}

// reaches tells whether both buckets are in one place, and the same account asks for both.
func (c *Config) reaches(other *Config) bool {
	if c.Endpoint != other.Endpoint || c.Anonymous != other.Anonymous || c.CredentialsFile != other.CredentialsFile ||
		(c.Credentials == nil) != (other.Credentials == nil) {
		return false
	}
	if c.Credentials == nil {
		return true
	}
	ours, err1 := c.Credentials()
	theirs, err2 := other.Credentials()
	return err1 == nil && err2 == nil && bytes.Equal(ours, theirs)
}

func (b *Backend) copy(ctx context.Context, dst string, in *Backend, src string, o backends.CopyOptions) (backends.Entry, error) {
	ctx = work(ctx)
	itself := in.cfg.Bucket == b.cfg.Bucket && dst == src
	switch {
	case src == "" || dst == "":
		return backends.Entry{}, backends.ErrIsDir
	case itself && o.Meta == nil:
		return backends.Entry{}, iofs.ErrInvalid
	case holdable(src) != nil:
		return backends.Entry{}, pathError("copy", src, iofs.ErrNotExist)
	case holdable(dst) != nil:
		return backends.Entry{}, holdable(dst)
	case itself && !marks(src):
		return b.change(ctx, dst, o)
	}
	from := original{name: src, in: in}
	if o.Source != "" {
		if from.generation, _ = parseVersion(o.Source); from.generation < 0 {
			return backends.Entry{}, pathError("copy", src, backends.ErrChanged)
		}
	}
	size := o.Size
	if o.Source == "" || o.Meta != nil || marks(src) {
		e, reply, err := in.look(ctx, src, o.Source)
		if err != nil {
			return backends.Entry{}, pathError("copy", src, err)
		}
		from.reply, from.generation, size = reply, reply.Generation, e.Size
	}
	if itself {
		return b.change(ctx, dst, o)
	}
	var err error
	if o.Cond, err = b.overMarker(ctx, dst, size, o.Cond); err != nil {
		return backends.Entry{}, err
	}
	carries := &sdk.Object{} // takes over all
	if o.Meta != nil {
		carries = replacement(from.reply, *o.Meta)
	}
	return b.rewrite(ctx, dst, from, size, carries, o.Cond)
}

// original is what is to be copied.
type original struct {
	name       string
	in         *Backend
	generation int64
	reply      *sdk.Object // nil if nobody asked
}

// replacement describes a copy of from that carries m, and beside it what from carries
// and m does not know about.
func replacement(from *sdk.Object, m backends.Meta) *sdk.Object {
	o := &sdk.Object{
		CacheControl:       from.CacheControl,
		ContentDisposition: from.ContentDisposition,
		ContentEncoding:    from.ContentEncoding,
		ContentLanguage:    from.ContentLanguage,
		CustomTime:         from.CustomTime,
		StorageClass:       from.StorageClass,
	}
	if o.ContentType = cmp.Or(m.ContentType, from.ContentType); o.ContentType == "" {
		o.ContentType = unknownType // an empty description would take over all
	}
	o.Metadata, _ = metadataOf(m, form.Foreign(from.Metadata))
	return o
}

// rewrite copies in as many requests as the service wants: one, unless the bytes go
// elsewhere or into another class.
func (b *Backend) rewrite(ctx context.Context, dst string, from original, size int64, carries *sdk.Object, c backends.Cond) (backends.Entry, error) {
	on, err := newCondition(c)
	if err != nil {
		return backends.Entry{}, err
	}
	attempts := 0
	for token := ""; ; {
		call, err := b.rest.Begin(ctx, "COPY", rest.Work, grace(size))
		if err != nil {
			return backends.Entry{}, err
		}
		var out *sdk.RewriteResponse
		err = b.end(call, b.try(call, func(ctx context.Context, api *sdk.Service) (err error) {
			copy := api.Objects.Rewrite(from.in.cfg.Bucket, from.name, b.cfg.Bucket, dst, carries).Context(ctx)
			if from.generation != 0 {
				copy.IfSourceGenerationMatch(from.generation)
			}
			if on.generation != nil {
				copy.IfGenerationMatch(*on.generation)
			}
			if on.metageneration != nil {
				copy.IfMetagenerationMatch(*on.metageneration)
			}
			if token != "" {
				copy.RewriteToken(token)
			}
			out, err = copy.Do()
			return err
		}))
		attempts += call.Attempts()
		switch {
		case err != nil:
			return b.copyFailed(ctx, dst, from, carries, c, err, attempts)
		case out.Done && (out.Resource == nil || out.Resource.Generation <= 0):
			return backends.Entry{}, &rest.ProtocolError{Text: "a copy without a description"}
		case out.Done:
			return entry(dst, out.Resource), nil
		case out.RewriteToken == "" || out.RewriteToken == token && out.TotalBytesRewritten == 0:
			return backends.Entry{}, &rest.ProtocolError{Text: "a copy that does not end"}
		}
		token, attempts = out.RewriteToken, 0
	}
}

// copyFailed finds out what a refused copy failed by: the original, the target or not at
// all, because an earlier request has made the copy and its answer was lost.
func (b *Backend) copyFailed(ctx context.Context, dst string, from original, carries *sdk.Object, c backends.Cond, err error, attempts int) (backends.Entry, error) {
	missing := errors.Is(err, iofs.ErrNotExist)
	if !errors.Is(err, backends.ErrChanged) && !missing {
		return backends.Entry{}, err
	}
	_, src, _ := from.in.look(ctx, from.name, "")
	if src == nil || from.generation != 0 && src.Generation != from.generation {
		return backends.Entry{}, pathError("copy", from.name, err)
	}
	_, at, there := b.look(ctx, dst, "")
	if at != nil && attempts > 1 && c != (backends.Cond{}) && isCopy(at, src, carries) {
		return entry(dst, at), nil
	}
	if there != nil && !errors.Is(there, iofs.ErrNotExist) {
		return backends.Entry{}, there
	}
	return backends.Entry{}, conditional(err, c)
}

// isCopy tells whether at is what a copy of src would be.
func isCopy(at, src, carries *sdk.Object) bool {
	metadata := src.Metadata
	if carries.ContentType != "" {
		metadata = carries.Metadata
	}
	return at.Size == src.Size && at.Crc32c == src.Crc32c && at.Crc32c != "" && maps.Equal(at.Metadata, metadata)
}

// change has an object carry other metadata. Machines of Google's are often allowed to write
// objects, but not to change them; then it is a copy of the object onto itself.
func (b *Backend) change(ctx context.Context, key string, o backends.CopyOptions) (backends.Entry, error) {
	e, err := b.patch(ctx, key, o)
	if !reasonIs(err, "insufficientPermissions") {
		return e, err
	}
	e, reply, looked := b.look(ctx, key, o.Source)
	if looked != nil {
		return backends.Entry{}, looked
	}
	if o.Cond == (backends.Cond{}) {
		o.Cond.Version = version(reply.Generation, reply.Metageneration)
	}
	return b.rewrite(ctx, key, original{key, b, reply.Generation, reply}, e.Size, replacement(reply, *o.Meta), o.Cond)
}

// patch has an object carry other metadata.
func (b *Backend) patch(ctx context.Context, key string, o backends.CopyOptions) (backends.Entry, error) {
	on, err := newCondition(o.Cond)
	if err != nil {
		return backends.Entry{}, err
	}
	if o.Source != "" && on.generation == nil {
		generation, _ := parseVersion(o.Source)
		on.generation = &generation
	}
	// An empty map would be left out, and with it the keys that are to go.
	change := &sdk.Object{ContentType: o.Meta.ContentType, ForceSendFields: []string{"Metadata"}}
	change.Metadata, _ = metadataOf(*o.Meta, nil)
	for _, name := range form.Own() {
		if _, kept := change.Metadata[name]; !kept {
			change.NullFields = append(change.NullFields, "Metadata."+name)
		}
	}
	call, err := b.rest.Begin(ctx, "PATCH", rest.Work, 0)
	if err != nil {
		return backends.Entry{}, err
	}
	var made *sdk.Object
	err = b.end(call, b.try(call, func(ctx context.Context, api *sdk.Service) (err error) {
		patch := api.Objects.Patch(b.cfg.Bucket, key, change).Context(ctx)
		if on.generation != nil {
			patch.IfGenerationMatch(*on.generation)
		}
		if on.metageneration != nil {
			patch.IfMetagenerationMatch(*on.metageneration)
		}
		made, err = patch.Do()
		return err
	}))
	switch {
	case err == nil && (made.Name != key || made.Generation <= 0):
		return backends.Entry{}, &rest.ProtocolError{Text: "it describes another object"}
	case err == nil:
		return entry(key, made), nil
	case !errors.Is(err, backends.ErrChanged):
		return backends.Entry{}, err
	}
	// It may have been done by an earlier request.
	_, at, there := b.look(ctx, key, "")
	if there == nil && call.Attempts() > 1 && o.Cond.Version != "" && carriesAll(at, change) {
		if generation, metageneration := parseVersion(o.Cond.Version); at.Generation == generation && at.Metageneration == metageneration+1 {
			return entry(key, at), nil
		}
	}
	return backends.Entry{}, conditional(err, o.Cond)
}

// carriesAll tells whether at carries what a change wanted.
func carriesAll(at, change *sdk.Object) bool {
	for _, name := range form.Own() {
		if at.Metadata[name] != change.Metadata[name] {
			return false
		}
	}
	return change.ContentType == "" || at.ContentType == change.ContentType
}
