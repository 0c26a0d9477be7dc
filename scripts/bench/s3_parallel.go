//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"sd/backends"
	"sd/backends/s3"
	"sd/internal/testserver"
)

// parallelRequests is how many requests a program without a mount has under way, and
// rangeSize how many bytes each carries.
const (
	parallelRequests = 16
	rangeSize        = 8 << 20
)

// driver is sd's own way to a bucket.
func driver(bucket, endpoint string) (*s3.Backend, error) {
	return s3.New(s3.Config{
		Bucket: bucket, Endpoint: endpoint, Region: testserver.Region, AccessKeyID: testserver.AccessKey,
		Secret: func() (string, string, error) { return testserver.SecretKey, "", nil },
	})
}

// getAll reads the large file by many ranges at a time and keeps nothing of it.
func (b *bench) getAll(ctx context.Context, endpoint string) (time.Duration, error) {
	store, err := driver(largeBucket, endpoint)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelRequests)
	for off := int64(0); off < b.size; off += rangeSize {
		group.Go(func() error {
			n := min(rangeSize, b.size-off)
			body, _, err := store.Get(ctx, largeName, "", off, n)
			if err != nil {
				return err
			}
			defer body.Close()
			_, err = io.CopyN(io.Discard, body, n)
			return err
		})
	}
	err = group.Wait()
	return time.Since(start), err
}

// putAll writes a large file from memory by many parts at a time.
func (b *bench) putAll(ctx context.Context, endpoint string, size int64) (time.Duration, error) {
	store, err := driver(writeBucket, endpoint)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	uploader, ok := any(store).(backends.Uploader)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	content, err := io.ReadAll(newBlocks(size))
	if err != nil {
		return 0, err
	}
	start := time.Now()
	upload, err := uploader.Upload(ctx, largeName, "", backends.Meta{})
	if err != nil {
		return 0, err
	}
	parts := make([]backends.Part, (size+rangeSize-1)/rangeSize)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelRequests)
	for i := range parts {
		group.Go(func() error {
			piece := content[i*rangeSize : min((i+1)*rangeSize, int(size))]
			var err error
			parts[i], err = upload.Part(groupCtx, i+1, bytes.NewReader(piece), int64(len(piece)))
			return err
		})
	}
	if err = group.Wait(); err == nil {
		_, err = upload.Commit(ctx, parts, backends.Cond{})
	}
	return time.Since(start), err
}
