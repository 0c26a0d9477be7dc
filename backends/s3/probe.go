package s3

import (
	"context"
	"crypto/rand"
	"errors"
	iofs "io/fs"
	"net/http"
	"strings"
	"sync"

	"sd/backends"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// probeName begins the keys that the probe uses.
const probeName = ".sd-probe-"

// wrongTag is an ETag that no object has.
const wrongTag = `"00000000000000000000000000000000"`

// probing is one probe. All that it writes has the same byte under one key, so that its
// requests can be sent at the same time whether the server heeds their conditions or not.
type probing struct {
	b   *Backend
	key string

	done chan struct{} // closed when found and err are there to read

	mu    sync.Mutex
	kept  bool // the bucket keeps versions of what is removed
	found backends.Capabilities
	err   error // says that it could not be found out now
}

func newProbe(b *Backend) *probing {
	return &probing{b: b, key: probeName + strings.ToLower(rand.Text()), done: make(chan struct{})}
}

// run asks the server, each verb by a request that it must refuse.
func (p *probing) run(ctx context.Context) {
	defer func() { p.err = pathError("probe", "", p.err) }()
	if p.err = p.put(ctx, nil, nil); p.err != nil {
		if !errors.Is(p.err, iofs.ErrPermission) {
			p.remove(ctx, p.key) // its answer may have been lost
		}
		return
	}
	defer p.tidy(ctx)
	star, wrong, found := aws.String("*"), aws.String(wrongTag), &p.found
	var all sync.WaitGroup
	all.Go(func() { p.learn(&found.PutAbsent, p.put(ctx, nil, star)) })
	all.Go(func() { p.learn(&found.PutVersion, p.put(ctx, wrong, nil)) })
	all.Go(func() { p.learn(&found.CopyAbsent, p.copy(ctx, nil, star, nil)) })
	all.Go(func() { p.learn(&found.CopyVersion, p.copy(ctx, wrong, nil, nil)) })
	if !p.b.speaks().noSourceTags {
		all.Go(func() { p.learn(&found.CopySource, p.copy(ctx, nil, nil, wrong)) })
	}
	all.Go(func() { p.upload(ctx) })
	all.Go(func() { p.sweep(ctx) })
	all.Wait()
	// Last, because it may succeed.
	p.learn(&found.RemoveVersion, p.delete(ctx, p.key, wrong))
}

// learn draws the conclusion from the outcome of a request that should be refused.
func (p *probing) learn(heeds *bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil: // the condition was ignored
	case statusIs(err, http.StatusPreconditionFailed):
		*heeds = true
	case errors.Is(err, backends.ErrOffline), errors.Is(err, iofs.ErrPermission):
		p.err = err
	}
}

// ask sends one request of the probe.
func (p *probing) ask(ctx context.Context, send func(context.Context, *sdk.Client) error) error {
	return p.b.meta(work(ctx), "PROBE", send)
}

func (p *probing) put(ctx context.Context, ifMatch, ifNoneMatch *string) error {
	return p.ask(ctx, func(ctx context.Context, api *sdk.Client) error {
		out, err := api.PutObject(ctx, &sdk.PutObjectInput{
			Bucket: &p.b.cfg.Bucket, Key: &p.key, Body: strings.NewReader("x"), IfMatch: ifMatch, IfNoneMatch: ifNoneMatch,
		}, wire{}.options)
		if err == nil && aws.ToString(out.VersionId) != "" {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.kept = true
		}
		return err
	})
}

// copy copies the object onto itself, which takes other metadata.
func (p *probing) copy(ctx context.Context, ifMatch, ifNoneMatch, sourceIfMatch *string) error {
	return p.ask(ctx, func(ctx context.Context, api *sdk.Client) error {
		_, err := api.CopyObject(ctx, &sdk.CopyObjectInput{
			Bucket: &p.b.cfg.Bucket, Key: &p.key, CopySource: p.b.copySource(p.key),
			IfMatch: ifMatch, IfNoneMatch: ifNoneMatch, CopySourceIfMatch: sourceIfMatch,
			MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"probe": "1"},
		})
		return err
	})
}

// upload asks about commits, and whether parts can be copied.
func (p *probing) upload(ctx context.Context) {
	u, err := p.initiate(ctx)
	if err != nil {
		p.learn(new(bool), err)
		return
	}
	tag, err := (*string)(nil), errors.ErrUnsupported
	if !p.b.speaks().wholeCopies {
		tag, err = p.copyPart(ctx, u)
	}
	p.mu.Lock()
	p.found.CopyPart = err == nil
	p.mu.Unlock()
	if err != nil {
		p.learn(new(bool), err)
		if tag, err = p.part(ctx, u); err != nil {
			p.abort(ctx, p.key, u)
			return
		}
	}
	p.learn(&p.found.CommitAbsent, p.complete(ctx, u, tag, nil, aws.String("*")))
	if p.heeded(&p.found.CommitAbsent) {
		p.learn(&p.found.CommitVersion, p.complete(ctx, u, tag, aws.String(wrongTag), nil))
	}
	p.abort(ctx, p.key, u)
	err = p.complete(ctx, u, tag, nil, nil)
	p.mu.Lock()
	p.found.CommitGone = errors.Is(err, backends.ErrNoUpload)
	p.mu.Unlock()
}

func (p *probing) abort(ctx context.Context, key, upload string) {
	_ = p.ask(ctx, func(ctx context.Context, api *sdk.Client) error {
		_, err := api.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: &p.b.cfg.Bucket, Key: &key, UploadId: &upload})
		return err
	})
}

func (p *probing) heeded(which *bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *which
}

func (p *probing) initiate(ctx context.Context) (id string, err error) {
	err = p.ask(ctx, func(ctx context.Context, api *sdk.Client) error {
		out, err := api.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: &p.b.cfg.Bucket, Key: &p.key}, wire{}.options)
		if err == nil {
			id = aws.ToString(out.UploadId)
		}
		return err
	})
	return id, err
}

func (p *probing) copyPart(ctx context.Context, upload string) (tag *string, err error) {
	err = p.ask(ctx, func(ctx context.Context, api *sdk.Client) error {
		out, err := api.UploadPartCopy(ctx, &sdk.UploadPartCopyInput{
			Bucket: &p.b.cfg.Bucket, Key: &p.key, UploadId: &upload, PartNumber: aws.Int32(1),
			CopySource: p.b.copySource(p.key), CopySourceRange: aws.String("bytes=0-0"),
		})
		if err == nil && out.CopyPartResult != nil {
			tag = out.CopyPartResult.ETag
		}
		return err
	})
	if err == nil && aws.ToString(tag) == "" {
		err = errors.ErrUnsupported // it took the request for a part without bytes
	}
	return tag, err
}

func (p *probing) part(ctx context.Context, upload string) (tag *string, err error) {
	err = p.ask(ctx, func(ctx context.Context, api *sdk.Client) error {
		out, err := api.UploadPart(ctx, &sdk.UploadPartInput{
			Bucket: &p.b.cfg.Bucket, Key: &p.key, UploadId: &upload, PartNumber: aws.Int32(1), Body: strings.NewReader("x"),
		}, wire{}.options)
		if err == nil {
			tag = out.ETag
		}
		return err
	})
	return tag, err
}

func (p *probing) complete(ctx context.Context, upload string, tag, ifMatch, ifNoneMatch *string) error {
	return p.ask(ctx, func(ctx context.Context, api *sdk.Client) error {
		_, err := api.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
			Bucket: &p.b.cfg.Bucket, Key: &p.key, UploadId: &upload, IfMatch: ifMatch, IfNoneMatch: ifNoneMatch,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: tag}}},
		})
		return err
	})
}

func (p *probing) delete(ctx context.Context, key string, ifMatch *string) error {
	return p.ask(ctx, func(ctx context.Context, api *sdk.Client) error {
		_, err := api.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &p.b.cfg.Bucket, Key: &key, IfMatch: ifMatch})
		return err
	})
}

// tidy removes the object, and its versions where the bucket keeps them.
func (p *probing) tidy(ctx context.Context) {
	p.remove(ctx, p.key)
	if p.kept {
		_ = p.b.purge(work(ctx), p.key, false)
	}
}

func (p *probing) remove(ctx context.Context, key string) { _ = p.delete(ctx, key, nil) }
