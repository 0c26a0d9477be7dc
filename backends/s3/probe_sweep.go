package s3

import (
	"context"
	"regexp"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

// abandoned is the age at which what a probe wrote is litter: its process was killed.
const abandoned = time.Hour

// probeKey is what the keys of probes look like.
var probeKey = regexp.MustCompile(`^\.sd-probe-[a-z2-7]{26}$`)

// sweep removes what earlier probes have left, objects and uploads. It asks for one page
// of each, and believes the server's times by the server's clock alone. What fails is left
// to the next probe.
func (p *probing) sweep(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { p.sweepObjects(ctx) })
	all.Go(func() { p.sweepUploads(ctx) })
	all.Wait()
}

func (p *probing) sweepObjects(ctx context.Context) {
	var out *sdk.ListObjectsV2Output
	err := p.ask(ctx, func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: &p.b.cfg.Bucket, Prefix: aws.String(probeName)})
		return err
	})
	if err != nil {
		return
	}
	now, _ := awsmiddleware.GetServerTime(out.ResultMetadata)
	for _, o := range out.Contents {
		if p.litter(o.Key, o.LastModified, now) && aws.ToInt64(o.Size) <= 1 {
			p.remove(ctx, *o.Key)
		}
	}
}

func (p *probing) sweepUploads(ctx context.Context) {
	var out *sdk.ListMultipartUploadsOutput
	err := p.ask(ctx, func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.ListMultipartUploads(ctx, &sdk.ListMultipartUploadsInput{Bucket: &p.b.cfg.Bucket, Prefix: aws.String(probeName)})
		return err
	})
	if err != nil {
		return
	}
	now, _ := awsmiddleware.GetServerTime(out.ResultMetadata)
	for _, u := range out.Uploads {
		if p.litter(u.Key, u.Initiated, now) && u.UploadId != nil {
			p.abort(ctx, *u.Key, *u.UploadId)
		}
	}
}

// litter tells whether a key is that of a probe that nobody goes on with. Where the server
// does not tell its time, none is.
func (p *probing) litter(key *string, made *time.Time, now time.Time) bool {
	return key != nil && made != nil && *key != p.key && probeKey.MatchString(*key) && now.Sub(*made) > abandoned
}
