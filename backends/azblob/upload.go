package azblob

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	iofs "io/fs"
	"strings"
	"sync"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

var limits = backends.UploadLimits{MinPart: 4 << 20, MaxPart: 4000 << 20, MaxParts: 25_000, MaxPut: maxPut}

// Limits are Azure's, but for MinPart: there any size does, but a blob consists of at most
// 50,000 blocks.
func (b *Backend) Limits() backends.UploadLimits { return limits }

// upload is the blocks that were sent under one mark, which the blob then carries. Whoever
// else writes the blob of that name makes Azure drop them: then a commit, or another part,
// is of no use any more.
type upload struct {
	b    *Backend
	name string
	mark string
	is   carried

	mu     sync.Mutex
	length int // of the ids of blocks
	source blockMap
}

// carried is what the blob is to carry. Azure has no place for it before the commit, so it
// is a part of the upload's id.
type carried struct {
	Metadata map[string]string `json:",omitempty"`
	Type     string            `json:",omitempty"`
}

// Upload begins an upload, or goes on with the one of an id that ID returned. No request
// is made: blocks need no beginning.
func (b *Backend) Upload(_ context.Context, name, id string, m backends.Meta) (backends.Upload, error) {
	u, err := b.upload(name, id, m)
	if err != nil {
		return nil, pathError("upload", name, err)
	}
	return u, nil
}

func (b *Backend) upload(name, id string, m backends.Meta) (*upload, error) {
	if err := makeable(name); err != nil {
		return nil, err
	}
	u := &upload{b: b, name: name, length: ownLength}
	if id != "" {
		mark, coded, ok := strings.Cut(id, ":")
		text, err := base64.RawURLEncoding.DecodeString(coded)
		if !ok || err != nil || json.Unmarshal(text, &u.is) != nil {
			return nil, iofs.ErrInvalid
		}
		u.mark = mark
		return u, nil
	}
	u.mark = newMark()
	u.is.Metadata, m = form.Write(m, nil)
	u.is.Type = deref(contentType(name, m))
	return u, nil
}

func newMark() string { return strings.ToLower(rand.Text()[:16]) }

func (u *upload) ID() string {
	text, err := json.Marshal(u.is)
	if err != nil {
		panic(err) // strings always are JSON
	}
	return u.mark + ":" + base64.RawURLEncoding.EncodeToString(text)
}

func (u *upload) Part(ctx context.Context, num int, r io.ReadSeeker, size int64) (backends.Part, error) {
	part, err := u.part(ctx, num, r, size)
	return part, pathError("upload", u.name, err)
}

func (u *upload) part(ctx context.Context, num int, r io.ReadSeeker, size int64) (backends.Part, error) {
	if err := u.fits(num, size); err != nil {
		return backends.Part{}, err
	}
	body, digest, err := checked(r, size)
	if err != nil {
		return backends.Part{}, u.b.explain(err)
	}
	if size == 0 { // there are no empty blocks
		return backends.Part{Num: num, Tag: keptTag(nil)}, nil
	}
	id, err := u.stage(ctx, "PART", rest.Data, size, func(ctx context.Context, c *blockblob.Client, id string) error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := c.StageBlock(ctx, id, body, &blockblob.StageBlockOptions{TransactionalValidation: blob.TransferValidationTypeMD5(digest)})
		return err
	})
	return backends.Part{Num: num, Size: size, Tag: id}, err
}

func (u *upload) fits(num int, size int64) error {
	switch {
	case num < 1 || num > limits.MaxParts || size < 0:
		return iofs.ErrInvalid
	case size > limits.MaxPart:
		return backends.ErrTooLarge
	case u.ended():
		return backends.ErrNoUpload
	}
	return nil
}

// stage makes a block under a new id; once more, if ids of another length are waiting,
// under one of that.
func (u *upload) stage(ctx context.Context, op string, lane rest.Lane, size int64, send func(context.Context, *blockblob.Client, string) error) (string, error) {
	for again := true; ; again = false {
		u.mu.Lock()
		id := blockID(u.mark, u.length)
		u.mu.Unlock()
		call, err := u.b.rest.Begin(ctx, op, lane, grace(size))
		if err != nil {
			return "", err
		}
		err = u.b.end(call, u.b.try(call, func(ctx context.Context, c *conn) error {
			return send(ctx, c.api.NewBlockBlobClient(u.name), id)
		}))
		if err == nil || !again || !codeIs(err, "InvalidBlobOrBlock") {
			return id, err
		}
		length, asked := u.b.waitingLength(work(ctx), u.name)
		if asked != nil || length < leastID {
			return "", err
		}
		u.mu.Lock()
		u.length = length
		u.mu.Unlock()
	}
}

func (u *upload) CopyPart(ctx context.Context, num int, src, version string, off, n int64) (backends.Part, error) {
	part, err := u.copyPart(work(ctx), num, u.b, src, version, off, n)
	return part, pathError("upload", u.name, err)
}

// copyPart keeps blocks that the blob of the upload's own name has already, if they hold
// just what is to be copied; else the service makes a block of them.
func (u *upload) copyPart(ctx context.Context, num int, in *Backend, src, version string, off, n int64) (backends.Part, error) {
	if err := u.fits(num, n); err != nil {
		return backends.Part{}, err
	}
	if off < 0 || n == 0 {
		return backends.Part{}, iofs.ErrInvalid
	}
	if err := askable(src); err != nil {
		return backends.Part{}, pathError("copy", src, err)
	}
	if in == u.b && src == u.name && version != "" {
		ids, err := u.keep(ctx, version, off, n)
		if err != nil {
			return backends.Part{}, pathError("copy", src, err)
		}
		if ids != nil {
			return backends.Part{Num: num, Size: n, Tag: keptTag(ids)}, nil
		}
	}
	id, err := u.stage(ctx, "PARTCOPY", rest.Work, n, func(ctx context.Context, c *blockblob.Client, id string) error {
		url, authorization, err := in.sourceURL(ctx, src)
		if err != nil {
			return err
		}
		_, err = c.StageBlockFromURL(ctx, id, url, &blockblob.StageBlockFromURLOptions{
			Range:                          blob.HTTPRange{Offset: off, Count: n},
			CopySourceAuthorization:        authorization,
			SourceModifiedAccessConditions: &blob.SourceModifiedAccessConditions{SourceIfMatch: etag(version)},
		})
		return err
	})
	if err != nil {
		return backends.Part{}, pathError("copy", src, err)
	}
	return backends.Part{Num: num, Size: n, Tag: id}, nil
}

// keep returns the ids of blocks of a version that can be kept as they are. What the blob
// consists of is asked for once.
func (u *upload) keep(ctx context.Context, wanted string, off, n int64) ([]string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.length != ownLength {
		return nil, nil
	}
	if u.source.version != wanted {
		list, err := u.b.blocks(ctx, u.name, blockblob.BlockListTypeCommitted)
		if err != nil {
			return nil, err
		}
		if version(list.ETag) != wanted {
			return nil, backends.ErrChanged
		}
		u.source = blockMap{wanted, list.CommittedBlocks}
	}
	return u.source.cover(off, n), nil
}

// Abort has this process forget the upload. Azure cannot be told to drop its blocks; it
// does so after a week, or when somebody writes the blob. It is never visible.
func (u *upload) Abort(context.Context) error {
	u.b.mu.Lock()
	defer u.b.mu.Unlock()
	u.b.aborted[u.mark] = true
	return nil
}

func (u *upload) ended() bool {
	u.b.mu.Lock()
	defer u.b.mu.Unlock()
	return u.b.aborted[u.mark]
}
