package s3

import (
	"context"
	"errors"

	"sd/backends"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

// FindUploads asks for the uploads of name, and of each whether a part has arrived. The ids do to
// abort them; to commit one takes the id that Upload gave.
func (b *Backend) FindUploads(ctx context.Context, name string) ([]backends.Begun, error) {
	list, err := b.begun(work(ctx), name)
	return list, pathError("uploads", name, err)
}

func (b *Backend) begun(ctx context.Context, name string) (list []backends.Begun, err error) {
	in := sdk.ListMultipartUploadsInput{Bucket: &b.cfg.Bucket, Prefix: &name}
	var out *sdk.ListMultipartUploadsOutput
	err = b.meta(ctx, "UPLOADS", func(ctx context.Context, api *sdk.Client) (err error) {
		in.EncodingType = b.encoding()
		out, err = api.ListMultipartUploads(ctx, &in)
		return err
	})
	if errors.Is(err, backends.ErrNoUpload) { // what some servers say when there are none
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, u := range out.Uploads {
		if plainKey(u.Key, out.EncodingType) != name { // one that begins like it
			continue
		}
		parts, err := b.parts(ctx, name, u.UploadId)
		if errors.Is(err, backends.ErrNoUpload) { // it has ended meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, backends.Begun{ID: withoutSums + "::" + aws.ToString(u.UploadId), At: aws.ToTime(u.Initiated), Parts: parts})
	}
	return list, nil
}

// parts tells whether a part of an upload has arrived.
func (b *Backend) parts(ctx context.Context, name string, id *string) (n int, err error) {
	err = b.meta(ctx, "PARTS", func(ctx context.Context, api *sdk.Client) error {
		out, err := api.ListParts(ctx, &sdk.ListPartsInput{Bucket: &b.cfg.Bucket, Key: &name, UploadId: id, MaxParts: aws.Int32(1)})
		if err == nil {
			n = len(out.Parts)
		}
		return err
	})
	return n, err
}
