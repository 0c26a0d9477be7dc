package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"sd/resolver"
)

const (
	warmVolumes     = 16 // asked at a time
	warmConnections = 2  // to each: a first look at a file sends two requests at once

	// warmWait is how long a mount waits for that before it says that it is ready.
	warmWait = 150 * time.Millisecond
)

// warmUp asks each volume for its root, so that connections, credentials and the region
// are there before the first use. What fails shows in the volume's health.
func (s *server) warmUp(ctx context.Context) {
	volumes, err := s.places.resolver.Volumes(ctx, "")
	if err != nil {
		s.log.Debug("no volume is asked beforehand", "err", err)
		return
	}
	var group errgroup.Group
	group.SetLimit(warmVolumes)
	for _, v := range volumes {
		group.Go(func() error {
			s.warmVolume(ctx, v)
			return nil
		})
	}
	_ = group.Wait()
}

func (s *server) warmVolume(ctx context.Context, v *resolver.Volume) {
	var group errgroup.Group
	for range warmConnections {
		group.Go(func() error {
			_, err := s.places.reach(ctx, v)
			return err
		})
	}
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		s.log.Debug("volume did not answer", "volume", uri(v), "err", err)
	}
}
