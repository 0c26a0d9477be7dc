package s3

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	iofs "io/fs"
	"slices"
	"strconv"
	"strings"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (u *upload) Commit(ctx context.Context, parts []backends.Part, c backends.Cond) (backends.Entry, error) {
	e, err := u.commit(ctx, parts, c)
	return e, pathError("commit", u.name, err)
}

func (u *upload) commit(ctx context.Context, parts []backends.Part, c backends.Cond) (backends.Entry, error) {
	parts = slices.SortedFunc(slices.Values(parts), func(a, b backends.Part) int { return cmp.Compare(a.Num, b.Num) })
	list, size := make([]types.CompletedPart, len(parts)), int64(0)
	for i, p := range parts {
		tag, crc, _ := strings.Cut(p.Tag, " ")
		list[i] = types.CompletedPart{PartNumber: aws.Int32(int32(p.Num)), ETag: etag(tag)}
		if crc != "" {
			list[i].ChecksumCRC32C = &crc
		}
		size += p.Size
	}
	ctx = work(ctx)
	c, err := u.b.overMarker(ctx, u.name, size, c)
	if err != nil {
		return u.committed(ctx, size, err)
	}
	heeded, err := u.b.guard(ctx, u.name, c, func(k *backends.Capabilities) (absent, version bool) {
		return k.CommitAbsent, k.CommitVersion
	})
	if err != nil {
		return u.committed(ctx, size, conditional(err, c))
	}
	call, err := u.b.rest.Begin(ctx, "COMPLETE", rest.Work, grace(size))
	if err != nil {
		return backends.Entry{}, err
	}
	var out *sdk.CompleteMultipartUploadOutput
	err = u.b.end(call, u.b.send(call, wire{conditional: true}, heeded, func(ctx context.Context, api *sdk.Client, w wire) (err error) {
		in := &sdk.CompleteMultipartUploadInput{
			Bucket: &u.b.cfg.Bucket, Key: &u.name, UploadId: &u.id,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: list},
		}
		if w.conditional {
			in.IfMatch, in.IfNoneMatch = condition(c)
		}
		out, err = api.CompleteMultipartUpload(ctx, in)
		return err
	}))
	if err != nil {
		return u.committed(ctx, size, conditional(err, c))
	}
	u.b.learnAfter(c != backends.Cond{})
	e := u.b.withSum(fileEntry(u.name, size, out.ETag, servedAt(out.ResultMetadata)))
	if known := u.b.caps.now(); known != nil && known.CommitGone && u.b.trueTags.Load() && out.ETag != nil && e.Version == joinedTag(parts) {
		return e, nil
	}
	return u.verify(ctx, e)
}

// verify looks at the object that a commit made. Some servers answer with a tag that the
// object does not have, or say yes to the commit of an upload that is gone.
func (u *upload) verify(ctx context.Context, said backends.Entry) (backends.Entry, error) {
	e, ours, err := u.made(ctx, said.Size)
	if err != nil {
		return backends.Entry{}, err
	}
	if !ours {
		return backends.Entry{}, backends.ErrNoUpload
	}
	u.b.trueTags.Store(e.Version == said.Version)
	return e, nil
}

// committed tells whether a commit that failed with cause has in truth been done, by an
// earlier request whose answer was lost.
func (u *upload) committed(ctx context.Context, size int64, cause error) (backends.Entry, error) {
	if !errors.Is(cause, backends.ErrNoUpload) && !errors.Is(cause, backends.ErrChanged) && !errors.Is(cause, iofs.ErrExist) {
		return backends.Entry{}, cause
	}
	if e, ours, err := u.made(ctx, size); err == nil && ours {
		return e, nil
	}
	return backends.Entry{}, cause
}

// made describes the object of the upload's name and tells whether the upload made it.
func (u *upload) made(ctx context.Context, size int64) (e backends.Entry, ours bool, err error) {
	e, out, err := u.b.look(ctx, u.name, "")
	if errors.Is(err, iofs.ErrNotExist) {
		return e, false, nil
	}
	return e, err == nil && e.Size == size && out.Metadata[keyUpload] == u.mark, err
}

// joinedTag is the ETag of an object that is made of parts: the MD5 of their MD5s.
func joinedTag(parts []backends.Part) string {
	digest := md5.New()
	for _, p := range parts {
		tag, _, _ := strings.Cut(p.Tag, " ")
		sum, err := hex.DecodeString(tag)
		if err != nil || len(sum) != md5.Size {
			return ""
		}
		digest.Write(sum)
	}
	return hex.EncodeToString(digest.Sum(nil)) + "-" + strconv.Itoa(len(parts))
}
