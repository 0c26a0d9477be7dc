package s3

import (
	"context"
	"errors"
	"time"

	"sd/backends"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

var _ backends.UploadSweeper = (*Backend)(nil)

// SweepUploads looks at one page of uploads, where those of name come first. Where the server
// does not tell its time, nothing is aborted.
func (b *Backend) SweepUploads(ctx context.Context, name string, age time.Duration, known func(id string) bool) error {
	ctx = work(ctx)
	var out *sdk.ListMultipartUploadsOutput
	err := b.meta(ctx, "UPLOADS", func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.ListMultipartUploads(ctx, &sdk.ListMultipartUploadsInput{Bucket: &b.cfg.Bucket, Prefix: &name})
		return err
	})
	if err != nil {
		return pathError("list the uploads of", name, err)
	}
	now, _ := awsmiddleware.GetServerTime(out.ResultMetadata)
	var errs []error
	for _, u := range out.Uploads {
		id := aws.ToString(u.UploadId)
		if aws.ToString(u.Key) != name || id == "" || u.Initiated == nil || now.IsZero() || now.Sub(*u.Initiated) > age || known(id) {
			continue
		}
		errs = append(errs, (&upload{b: b, name: name, id: id}).abort(ctx))
	}
	return pathError("abort the uploads of", name, errors.Join(errs...))
}
