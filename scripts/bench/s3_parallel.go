//go:build linux

package main

import (
	"context"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"sd/backends/s3"
	"sd/internal/testserver"
)

// parallelGets is how many requests the reader without a mount has under way, and
// rangeSize how many bytes each asks for.
const (
	parallelGets = 16
	rangeSize    = 8 << 20
)

// getAll reads the large file by many ranges at a time and keeps nothing of it.
func (b *bench) getAll(ctx context.Context, endpoint string) (time.Duration, error) {
	store, err := s3.New(s3.Config{
		Bucket: largeBucket, Endpoint: endpoint, Region: testserver.Region, AccessKeyID: testserver.AccessKey,
		Secret: func() (string, string, error) { return testserver.SecretKey, "", nil },
	})
	if err != nil {
		return 0, err
	}
	defer store.Close()
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelGets)
	for off := int64(0); off < b.size; off += rangeSize {
		group.Go(func() error {
			n := min(rangeSize, b.size-off)
			body, _, err := store.Get(ctx, "large", "", off, n)
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
